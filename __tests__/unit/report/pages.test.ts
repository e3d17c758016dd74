// The page of a run is what people read at night: what changes on it, of any kind of run, is seen
// in review as a change of the page that is stored. `npm run pages` stores them again.
//
// Long: a run for each page.

import { globSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, jest, test } from '@jest/globals'
import { SCENES } from '../../summaries/scenes.ts'
import { masked, pathOf, storedPage } from '../../summaries/stored.ts'

jest.setTimeout(120_000)

const names = new Set<string>()

test.each(Object.entries(SCENES))('%s', async (_, play) => {
  for (const { name, text } of await play()) {
    names.add(name)
    // The name, so that the difference says which page it is of.
    expect(`${name}\n${masked(text)}`).toBe(`${name}\n${masked(storedPage(name))}`)
  }
})

test('every page that is stored is that of a scene', () => {
  const stored = globSync(join(dirname(pathOf('')), '*.md')).map((path) => basename(path, '.md'))
  expect(stored.toSorted()).toEqual([...names].toSorted())
})

test('what differs from run to run is left out, and nothing else', () => {
  const page = (uid: string, at: string, took: string, what: string): string =>
    `volume pvc-${uid}: ${what} at ${at}, took ${took}`
  const first = page('2b94d8d6-839e-4472-9c5b-922899d136b2', '08:00:22', '1m05s', 'deleted')
  const later = page('ea0a3002-e0ad-45ee-b719-9d9f803c65b4', '08:00:24', '20.4s', 'deleted')
  expect(masked(first)).toBe(masked(later))
  expect(masked(first)).not.toBe(masked(first.replace('deleted', 'kept')))
})
