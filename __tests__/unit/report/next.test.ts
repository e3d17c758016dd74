// One fix, and the operation of ours that helps: two pieces of advice that disagree are none.

import { expect, test } from '@jest/globals'
import { nextLines } from '../../../src/report/next.ts'
import type { Finding } from '../../../src/errors.ts'
import type { RunReport } from '../../../src/report/run-report.ts'
import { summaryText } from '../../../src/report/summary.ts'
import { crashed, deployed, drained, drainFailed } from './samples.ts'

test('a member that does not start while a verified revision is known: the undo, by number and name', () => {
  const report = { ...crashed(), undoTo: { revision: 4, name: 'zk-5b4c' } }
  expect(nextLines(report)).toEqual([
    'Read the last log lines of the container, shown here.',
    'To roll back: operation: undo restores revision 4 (zk-5b4c), which was verified.',
  ])
  // What it does by hand is behind a line then.
  expect(summaryText(report)).toContain('<details><summary>By hand: 2 commands</summary>')
})

test('no undo for what an undo does not help', () => {
  const report = {
    ...crashed(),
    code: 'DATA_LOST' as const,
    undoTo: { revision: 4, name: 'zk-5b4c' },
  }
  expect(nextLines(report).join(' ')).not.toContain('undo')
})

test('a change that was rolled back: correct it at its place, and deploy again', () => {
  const report = crashed()
  const findings = report.findings.map((one) =>
    one.severity === 'error' ? { ...one, place: { file: 'k8s/zk.yaml', line: 64 } } : one,
  )
  expect(nextLines({ ...report, findings, result: 'undone' }).at(-1)).toBe(
    'Correct k8s/zk.yaml:64, then run the deploy again.',
  )
})

test('a first install that failed: where to correct it, or which input, and that a deploy may follow', () => {
  const failed = (change: Partial<Finding>): string | undefined =>
    nextLines({
      ...crashed(),
      findings: crashed().findings.map((one) =>
        one.severity === 'error' ? { ...one, ...change } : one,
      ),
    }).at(-1)
  expect(failed({ place: { file: 'k8s/zk.yaml', line: 64 } })).toBe(
    'Correct k8s/zk.yaml:64, then run the deploy again.',
  )
  expect(failed({ input: 'image' })).toBe('Correct the input image, then run the deploy again.')
  expect(failed({})).not.toContain('deploy again')
})

test('with a way back and a place there are two ways, and the second one says so', () => {
  const report = { ...crashed(), undoTo: { revision: 4, name: 'zk-5b4c' } }
  const findings = report.findings.map((one) =>
    one.severity === 'error' ? { ...one, place: { file: 'k8s/zk.yaml', line: 64 } } : one,
  )
  expect(nextLines({ ...report, findings }).at(-1)).toBe(
    'Or correct k8s/zk.yaml:64, then run the deploy again.',
  )
})

test('a claim can not be corrected by a deploy: its template does not change', () => {
  const report = { ...crashed(), code: 'CLAIM_PENDING' as const }
  const findings = report.findings.map((one) => ({
    ...one,
    code: 'CLAIM_PENDING' as const,
    place: { file: 'k8s/zk.yaml', line: 64 },
  }))
  expect(nextLines({ ...report, findings }).join(' ')).not.toContain('deploy again')
})

test('a scale that was cut off: both ways on stand beside the fix, the same again only once', () => {
  const waysOn = ['Then scale to 3 again: it continues from here.', 'Or scale to 4: it goes back.']
  const failed = { ...crashed(), operation: 'scale', waysOn }
  expect(nextLines(failed).slice(-2)).toEqual(waysOn)
  const cancelled = { ...failed, code: 'CANCELLED' as const, findings: [] }
  expect(nextLines(cancelled)).toEqual([
    'Run it again: it continues from the state above.',
    'Or scale to 4: it goes back.',
  ])
})

test('nodes that are still cordoned by us are named with the operation that uncordons them', () => {
  const nodes = drained().nodes.map((row) => ({ ...row, cordon: 'ours' as const }))
  expect(nextLines({ ...drained(), nodes })[0]).toBe(
    'Once the work on them is done: operation: uncordon with nodes: node-0, node-1, node-2. Until then no other drain can continue.',
  )
  expect(nextLines({ ...drainFailed(), nodes: nodes.slice(2) }).at(-1)).toBe(
    'operation: uncordon with nodes: node-2 removes the cordon.',
  )
})

test('a success says where clients connect to, unless nobody would answer them there', () => {
  expect(nextLines(deployed())).toEqual(['Clients connect to zk-cs.shop.svc:2181'])
  const members = deployed().members.map((row) => ({ ...row, alive: false }))
  expect(nextLines({ ...deployed(), members })).toEqual([])
})

test('a drain that has nodes left is to be run again, and that is said once', () => {
  const { findings, ...rest } = drainFailed()
  const told = (report: RunReport): number =>
    nextLines(report).filter((line) => /same drain again|[Rr]un it again/.test(line)).length
  // The advice of its code says it, a fix of its own does not.
  const bare = findings.map(({ fix: _fix, ...finding }) => finding)
  expect(told({ ...rest, findings: bare })).toBe(1)
  const own = findings.map((finding) => ({ ...finding, fix: 'Look at node-2.' }))
  expect(nextLines({ ...rest, findings: own }).slice(0, 2)).toEqual([
    'Look at node-2.',
    'Then run the same drain again: it continues with node-2.',
  ])
})

test('a drain that was only tried is not to be run again: nothing of it was done', () => {
  const report = { ...drained(), result: 'planned' as const, remainingNodes: ['node-0', 'node-1'] }
  expect(nextLines(report)).toEqual(['Without the dry run, the same drain does it.'])
})
