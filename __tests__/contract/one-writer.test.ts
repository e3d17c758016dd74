// What is written has one writer. Two of the record in the cluster would each go by a
// resourceVersion of their own; two of the record of a run would leave one note of the chord out.

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

test('the record of a run is written by its recorder, and read whole by who renders it', () => {
  expect(filesWith(/\bnewReport\(/)).toEqual(['report/recorder.ts', 'report/run-report.ts'])
  expect(filesWith(/\breport\.shown\b/)).toEqual(['index.ts', 'main.ts'])
})
