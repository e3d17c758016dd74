// A version that one file has and another lacks ends a release on its day, with a tag that is burnt.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { notesOf } from '../../scripts/release.ts'

const read = (file: string): string =>
  readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8')
const versionOf = (file: string): string =>
  z.object({ version: z.string() }).parse(JSON.parse(read(file))).version

test('package, lock file and CHANGELOG know the same version', () => {
  expect(versionOf('package-lock.json')).toBe(versionOf('package.json'))
  expect(notesOf(read('CHANGELOG.md'), versionOf('package.json'))).not.toBe('')
})
