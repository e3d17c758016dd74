// The last lines of the log are what somebody reads first at night: without the cause, the proof
// and the next command there, they must dig.

import { describe, expect, test } from '@jest/globals'
import { CODES } from '../../../src/codes.ts'
import { jsonReportText } from '../../../src/report/json-report.ts'
import { messageFor } from '../../../src/report/message.ts'
import { nowLine } from '../../../src/report/now.ts'
import { nextSteps } from '../../../src/report/next-steps.ts'
import { summaryText } from '../../../src/report/summary.ts'
import { verdictAnnotation } from '../../../src/report/annotations.ts'
import type { NodeRow } from '../../../src/report/run-report.ts'
import { closingLines } from '../../../src/report/verdict.ts'
import { crashed, deployed, drained, drainFailed, hostile, refusedByLint } from './samples.ts'

const WHERE = { reportFile: '/tmp/report.json', summary: true }

describe('closing lines', () => {
  test('of a failure: verdict, cause, proof, advice, last words, next commands, what was changed, where the rest is', () => {
    expect(closingLines(crashed(), WHERE)).toEqual([
      'deploy of zk in shop: FAILED (CRASH_LOOP)',
      'Cause: container zookeeper of zk-1 has ended 4 times, the last time with exit code 1',
      'Proof: pod/zk-1, container zookeeper: CrashLoopBackOff, exit code 1, 4 restarts; last warning: BackOff (12×): Back-off restarting failed container',
      'Fix: Read the last log lines of the container, shown here.',
      'Last log line of zookeeper before its restart (1 line of probes left out):',
      '  java.io.IOException: No space left on device',
      "Now: clients can't read or write: 1 of 3 members serves; the quorum needs 2",
      'Ensemble: version 3.9.3, revision zk-6d5f',
      'Commands:',
      '  kubectl -n shop logs zk-1 -c zookeeper --tail=100 --previous',
      '  kubectl -n shop describe pod zk-1',
      'Changed: 1 configured; zk-0 serves the new revision, zk-1 does not get ready; took 42.1s.',
      'More in the job summary and the JSON report /tmp/report.json.',
    ])
  })

  test('of a drain that failed: which nodes are done and which are not, before the cause', () => {
    expect(closingLines(drainFailed(), WHERE).slice(0, 7)).toEqual([
      'drain of zk in shop: FAILED (MAINTENANCE_FAILED)',
      'Nodes: 2 of 3 nodes drained; not drained: node-2',
      '  node-0: drained, zk-0 went elsewhere, 33.6s (evict 3.1s, wait 30.2s)',
      '  node-1: drained, zk-1 went elsewhere, 33.6s (evict 3.1s, wait 30.2s)',
      '  node-2: failed at maintenance and not cordoned any more, 3.4s (evict 3.1s)',
      'Cause: the maintenance command of node-2 exited with 7',
      'Proof: node/node-2: last line of the maintenance command: no space left',
    ])
  })

  test('of a drain: what became of each node, in words that leave no doubt whether it takes pods again', () => {
    const [row] = drained().nodes
    const about = (change: Partial<NodeRow>, operation = 'drain'): string | undefined =>
      closingLines(
        { ...drained(), operation, nodes: row === undefined ? [] : [{ ...row, ...change }] },
        WHERE,
      )[2]
    expect(about({ cordon: 'ours' })).toBe(
      '  node-0: drained and still cordoned by us, zk-0 went elsewhere, 33.6s (evict 3.1s, wait 30.2s)',
    )
    expect(about({ cordon: 'theirs', placement: 'in-place' })).toMatch(
      /^ {2}node-0: drained and cordoned by somebody else, zk-0 came back to it, /,
    )
    // Where it runs by now, not where it was meant to run: in place, but another node took it.
    expect(about({ node: 'node-9', placement: 'in-place' })).toMatch(
      /^ {2}node-9: drained, zk-0 runs on node-0 now, /,
    )
    expect(about({ placement: 'in-place', members: ['zk-7'] })).toMatch(/zk-7 is back, /)
    expect(about({ note: 'by an earlier run', phases: [] })).toBe(
      '  node-0: drained by an earlier run',
    )
    expect(about({ outcome: 'failed', cordon: 'ours' })).toMatch(
      /^ {2}node-0: failed at wait and still cordoned by us, /,
    )
    expect(about({ outcome: 'failed', phases: row?.phases.slice(0, 1) ?? [] })).toBe(
      '  node-0: failed at gates, never cordoned, 250ms',
    )
    expect(about({ outcome: 'gone', phases: [], note: 'it has left the cluster' })).toBe(
      '  node-0: gone: it has left the cluster',
    )
    expect(
      about(
        { outcome: 'uncordoned', phases: [{ phase: 'rejoin', at: 0, ms: 12_000 }] },
        'uncordon',
      ),
    ).toBe('  node-0: uncordoned, 12.0s (rejoin 12.0s)')
  })

  test('a node that was never begun has no line; of hundreds ten are named', () => {
    const [row] = drained().nodes
    const many = Array.from({ length: 30 }, (_, index): NodeRow => ({
      node: `node-${index}`,
      outcome: index < 25 ? 'drained' : 'waiting',
      placement: '',
      members: [],
      cordon: 'none',
      phases: row?.phases ?? [],
      pods: [],
      note: '',
    }))
    const lines = closingLines({ ...drained(), nodes: many }, WHERE)
    expect(lines.filter((line) => /^ {2}node-\d+: drained/.test(line))).toHaveLength(10)
    expect(lines).toContain('  and 15 more in the report')
  })

  test('of a success: how the ensemble stands, no advice', () => {
    expect(closingLines(deployed(), { reportFile: undefined, summary: false })).toEqual([
      'deploy of zk in shop: SUCCEEDED',
      'Now: clients can read and write: 3 of 3 members serve, leader zk-1; 1 more may be down (quorum 2)',
      'Ensemble: version 3.9.3, 6/6 write-then-read pairs, revision zk-6d5f',
      'Next: Clients connect to zk-cs.shop.svc:2181',
      'Changed: 1 configured; took 42.1s.',
    ])
  })

  test('of an undo: to which revision it went', () => {
    const report = {
      ...deployed(),
      operation: 'undo',
      standing: 'every member is back at revision zk-6d5f and verified',
    }
    expect(closingLines(report, WHERE)).toContain(
      'Changed: 1 configured; every member is back at revision zk-6d5f and verified; took 42.1s.',
    )
  })

  test('a success says which checks it does not cover', () => {
    const checks = [
      ...deployed().checks,
      {
        name: 'identity' as const,
        outcome: 'skipped' as const,
        detail: 'this run may not use exec',
        findings: [],
        ms: 0,
      },
    ]
    expect(closingLines({ ...deployed(), checks }, WHERE)).toContain(
      'Not checked: identity: this run may not use exec',
    )
    expect(summaryText({ ...deployed(), checks })).toContain(
      '<br>Not checked: identity: this run may not use exec',
    )
  })

  test('a change that was rolled back says in the log, the summary and the annotation how the ensemble stands now', () => {
    const report = {
      ...crashed(),
      members: deployed().members,
      leader: 'zk-1',
      result: 'undone' as const,
      standing: 'every member is back at revision zk-5b4c and verified',
    }
    expect(closingLines(report, WHERE)).toEqual(
      expect.arrayContaining([
        'deploy of zk in shop: FAILED, ROLLED BACK (CRASH_LOOP)',
        `Now: ${nowLine(report)}`,
        'Changed and rolled back: 1 configured; every member is back at revision zk-5b4c and verified; took 42.1s.',
      ]),
    )
    expect(summaryText(report)).toContain(
      '1 configured; every member is back at revision zk-5b4c and verified',
    )
    for (const said of [
      summaryText(report),
      verdictAnnotation(report)?.text,
      messageFor(report),
      jsonReportText(report),
    ])
      expect(said?.toLowerCase()).toContain(nowLine(report))
  })

  test.each([
    [0, 'no acknowledged write was lost'],
    [2, '2 acknowledged writes LOST'],
    [undefined, 'whether one was lost is not known'],
  ])(
    'says what clients noticed, and claims nothing of writes that nobody could look for: %s',
    (acknowledgedWritesLost, said) => {
      const report = { ...deployed(), longestWriteGapMs: 1200, acknowledgedWritesLost }
      const line = `longest time without a write 1.2s, ${said}`
      expect(closingLines(report, WHERE)).toContain(`Data: ${line}`)
      expect(summaryText(report)).toContain(`<br>L${line.slice(1)}`)
    },
  )

  test('of a refusal: every fault with its line and its fix, and that nothing was changed', () => {
    const lines = closingLines(refusedByLint(), WHERE)
    expect(lines).toContain(
      'Cause: k8s/zk.yaml:31: the budget allows all three members to be evicted at once',
    )
    expect(lines).toContain('Fix: set maxUnavailable to 1')
    expect(lines).toContain(
      '  LINT_FAILED k8s/zk.yaml:4: the headless service does not publish unready addresses; fix: set publishNotReadyAddresses: true',
    )
    expect(lines).toContain('Nothing was changed; took 90ms.')
  })

  test('a fix of several lines, such as a Role rule, keeps its lines', () => {
    const fix = '- apiGroups: [""]\n  resources: [pods/portforward]\n  verbs: [create]'
    const lines = closingLines(
      {
        ...crashed(),
        code: 'ACCESS_DENIED',
        evidence: [],
        findings: [
          { code: 'ACCESS_DENIED', severity: 'error', message: 'may not forward ports', fix },
        ],
      },
      WHERE,
    )
    const at = lines.indexOf('Fix:')
    expect(lines.slice(at + 1, at + 4)).toEqual([
      '  - apiGroups: [""]',
      '    resources: [pods/portforward]',
      '    verbs: [create]',
    ])
  })

  test('hostile text adds no line of its own', () => {
    expect(
      closingLines(hostile(), WHERE).filter((line) => /[\n\r\u001b\u2028]/.test(line)),
    ).toEqual([])
  })
})

test.each(CODES)('the next commands for %s only look, unless the run gave some itself', (code) => {
  for (const command of nextSteps({ ...crashed(), code })) {
    expect(command).toMatch(
      /^kubectl (-n shop )?(get|describe|logs|auth can-i|config current-context|cluster-info)\b/,
    )
  }
})

test('after a drain the next commands look at its nodes, whatever ended it', () => {
  expect(nextSteps({ ...drainFailed(), code: 'CANCELLED' })).toEqual([
    'kubectl get nodes',
    'kubectl -n shop get pods -o wide',
  ])
  expect(nextSteps({ ...drainFailed(), code: 'CONFLICT' })).toEqual([
    'kubectl get nodes',
    'kubectl get node node-2 -o yaml --show-managed-fields',
  ])
  expect(nextSteps({ ...drainFailed(), code: 'DRAIN_BLOCKED' })).toEqual([
    'kubectl get nodes',
    'kubectl -n shop get poddisruptionbudgets',
    'kubectl -n shop get pods -o wide',
    'kubectl get pods --all-namespaces -o wide --field-selector spec.nodeName=node-2',
  ])
})

test('commands that the run gave come first and only once', () => {
  const steps = nextSteps({
    ...crashed(),
    byHand: ['kubectl -n shop describe pod zk-1', 'kubectl -n shop delete pod zk-1'],
  })
  expect(steps).toEqual([
    'kubectl -n shop describe pod zk-1',
    'kubectl -n shop delete pod zk-1',
    'kubectl -n shop logs zk-1 -c zookeeper --tail=100 --previous',
  ])
})
