// What outlives a run has one writer: two of them would each go by a resourceVersion of their own,
// and the second would be told that another run wrote.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { SOURCES } from '../support/source.ts'

function filesWith(pattern: RegExp): readonly string[] {
  return globSync('**/*.ts', { cwd: SOURCES })
    .filter((file) => pattern.test(readFileSync(join(SOURCES, file), 'utf8')))
    .toSorted()
}

test('the record of an ensemble is written by the object that holds it', () => {
  expect(filesWith(/\bwriteRecord\(/)).toEqual(['record/held-record.ts', 'record/record.ts'])
})
