// Later steps read outputs by name: a missing or renamed one silently becomes an empty text in
// their conditions.

import { expect, test } from '@jest/globals'
import { newReport } from '../../../src/report/run-report.ts'
import { OUTPUT_NAMES, outputsOf } from '../../../src/report/outputs.ts'
import { deployed, drainFailed, hostile } from './samples.ts'

/** Before anything is written. */
const NONE = { report: undefined, summary: undefined }

test('every output is there from the first moment on, with texts that JSON readers can take', () => {
  const outputs = outputsOf(newReport('deploy', 0), NONE)
  expect(Object.keys(outputs).sort()).toEqual([...OUTPUT_NAMES].sort())
  expect(outputs).toMatchObject({
    result: 'failed',
    changed: 'false',
    replicas: '',
    members: '[]',
    changes: '{}',
    revisions: '[]',
    'node-times': '{}',
    report: '',
  })
})

test('a finished run', () => {
  const outputs = outputsOf(
    {
      ...deployed(),
      drainedNodes: ['a', 'b'],
      longestWriteGapMs: 1200.4,
      acknowledgedWritesLost: 0,
    },
    { report: '/tmp/r.json', summary: '/tmp/s.md' },
  )
  expect(outputs).toMatchObject({
    result: 'succeeded',
    code: '',
    changed: 'true',
    name: 'zk',
    namespace: 'shop',
    profile: 'zookeeper',
    version: '3.9.3',
    'connection-string': 'zk-cs.shop.svc:2181',
    revision: 'zk-6d5f',
    'previous-revision': 'zk-5b4c',
    replicas: '3',
    'ready-replicas': '3',
    leader: 'zk-1',
    pairs: '6/6',
    'drained-nodes': 'a\nb',
    'remaining-nodes': '',
    'longest-write-gap-ms': '1200',
    'acknowledged-writes-lost': '0',
    report: '/tmp/r.json',
  })
  expect(JSON.parse(outputs.changes)).toEqual({
    'service/zk-hs': 'unchanged',
    'statefulset/zk': 'configured',
  })
  expect(JSON.parse(outputs.members)).toContainEqual({
    pod: 'zk-1',
    ordinal: 1,
    id: 2,
    role: 'leader',
    node: 'node-1',
    claim: 'datadir-zk-1',
    version: '3.9.3',
    zxid: '0x100000002',
    ready: true,
  })
})

test('a step after a drain can take up what remains, and sees what each node took; a node that was never begun has no times', () => {
  const report = drainFailed()
  const outputs = outputsOf(
    {
      ...report,
      nodes: [
        ...report.nodes,
        {
          node: 'node-3',
          outcome: 'waiting',
          placement: '',
          members: [],
          cordon: 'none',
          phases: [],
          pods: [],
          note: '',
        },
      ],
      remainingNodes: ['node-2', 'node-3'],
    },
    NONE,
  )
  expect(outputs).toMatchObject({
    'drained-nodes': 'node-0\nnode-1',
    'remaining-nodes': 'node-2\nnode-3',
  })
  const done = { gates: 0.25, cordon: 0.05, evict: 3.1, wait: 30.2, total: 33.6 }
  expect(JSON.parse(outputs['node-times'])).toEqual({
    'node-0': done,
    'node-1': done,
    'node-2': { gates: 0.25, cordon: 0.05, evict: 3.1, total: 3.4 },
  })
})

test('what is not known about a member is null, not left out', () => {
  const members = deployed().members.map((row) => ({
    ...row,
    id: undefined,
    role: undefined,
    node: undefined,
    claim: undefined,
    version: undefined,
    zxid: undefined,
  }))
  expect(JSON.parse(outputsOf({ ...deployed(), members }, NONE).members)).toContainEqual({
    pod: 'zk-0',
    ordinal: 0,
    id: null,
    role: null,
    node: null,
    claim: null,
    version: null,
    zxid: null,
    ready: true,
  })
})

test('the message is one line whatever the cluster says', () =>
  expect(outputsOf(hostile(), NONE).message).not.toMatch(/[\n\r]/))
