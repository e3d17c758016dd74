// Programs read the report by its published schema: a report that breaks it, or a schema that is
// out of date, breaks them.

import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { jsonReportText, toJsonReport } from '../../../src/report/json-report.ts'
import { jsonReportSchema, jsonSchemaText } from '../../../src/report/report-schema.ts'
import { newReport } from '../../../src/report/run-report.ts'
import { crashed, deployed, drained, drainFailed, hostile, refusedByLint } from './samples.ts'

test.each([
  ['an empty one', newReport('deploy', 0)],
  ['a success', deployed()],
  ['a failure', crashed()],
  ['a refusal', refusedByLint()],
  ['a drain', drained()],
  ['a drain that failed halfway', drainFailed()],
  ['hostile text', hostile()],
  ['times that are none', { ...deployed(), started: Number.NaN, ended: Infinity }],
])('the report of %s is valid and survives being written and read', (_, report) => {
  const read: unknown = JSON.parse(jsonReportText(report))
  expect(jsonReportSchema.parse(read)).toEqual(toJsonReport(report))
})

test('times are ISO, unknown values are null', () => {
  const report = toJsonReport(crashed())
  expect(report).toMatchObject({
    started: '2026-01-31T12:00:00.000Z',
    ended: '2026-01-31T12:00:42.100Z',
    code: 'CRASH_LOOP',
    matrix: null,
    advice: 'Read the last log lines of the container, shown here.',
  })
  expect(report.members[2]).toMatchObject({
    id: null,
    readySince: null,
    trouble: null,
    ready: false,
  })
})

test('what each node took stands there by phase, and a phase that did not end is no phase of zero seconds', () => {
  const { nodes, timeline } = toJsonReport(drainFailed())
  expect(nodes[1]).toMatchObject({
    node: 'node-1',
    outcome: 'drained',
    placement: 'elsewhere',
    members: ['zk-1'],
    seconds: { gates: 0.25, cordon: 0.05, evict: 3.1, wait: 30.2, total: 33.6 },
  })
  expect(nodes[2]?.phases.at(-1)).toEqual({
    phase: 'maintenance',
    at: '2026-01-31T12:03:20.000Z',
    ms: null,
  })
  expect(nodes[2]?.seconds).toEqual({ gates: 0.25, cordon: 0.05, evict: 3.1, total: 3.4 })
  expect(timeline[1]).toMatchObject({ what: 'evicted', member: 'zk-0', node: 'node-0' })
})

test('no field of the report is left out of the JSON', () => {
  // The first clause of what `standing` says whole, and sentences that `advice` has.
  const { standingFirst: _first, waysOn: _ways, ...report } = newReport('deploy', 0)
  const fields = Object.keys(report)
  expect(fields.filter((field) => !Object.keys(toJsonReport(deployed())).includes(field))).toEqual(
    [],
  )
})

test('docs/report.schema.json is what the schema in the code says (npm run schema writes it)', () => {
  expect(readFileSync(new URL('../../../docs/report.schema.json', import.meta.url), 'utf8')).toBe(
    jsonSchemaText(),
  )
})
