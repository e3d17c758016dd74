// What is only tried must not hide the failure that it comes after.

import { expect, test } from '@jest/globals'
import { bestEffort } from '../../src/best-effort.ts'

test('what fails ends nothing, and the debug log says why', async () => {
  const debug: string[] = []
  const journal = { debug: (line: string) => void debug.push(line) }
  const failing = (): Promise<number> => Promise.reject(new Error('the server is away'))
  expect(await bestEffort(journal, 'the record stays', failing)).toBeUndefined()
  expect(debug).toEqual(['the record stays: the server is away'])
})

test('nor does what throws before it waits for anything', async () => {
  const journal = { debug: () => undefined }
  const broken = (): Promise<number> => {
    throw new Error('the set was recreated')
  }
  expect(await bestEffort(journal, 'nobody was asked', broken)).toBeUndefined()
})

test('what comes of it is passed on, and nothing is said', async () => {
  const debug: string[] = []
  const journal = { debug: (line: string) => void debug.push(line) }
  expect(await bestEffort(journal, 'no number', () => Promise.resolve(7))).toBe(7)
  expect(debug).toEqual([])
})
