// The commands that somebody copies at night after a failed deploy: a wrong revision in them puts
// the fault back.

import { describe, expect, test } from '@jest/globals'
import { EnsembleError } from '../../../../src/errors.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import {
  explainStanding,
  offerWayBack,
  undoFailed,
} from '../../../../src/procedures/rollout/way-back.ts'
import { Recorder } from '../../../../src/report/recorder.ts'
import { newReport } from '../../../../src/report/run-report.ts'

function failed(revision: string): Recorder {
  const report = newReport('deploy', 0)
  report.changed = true
  report.revision = revision
  report.replicas = 3
  report.readyReplicas = 2
  report.members = [0, 1, 2].map((ordinal) => ({
    pod: `zk-${ordinal}`,
    ordinal,
    id: undefined,
    role: undefined,
    version: undefined,
    zxid: undefined,
    trouble: undefined,
    node: undefined,
    claim: undefined,
    revision: ordinal === 2 ? 'zk-bad' : 'zk-good',
    restarts: 0,
    ready: ordinal !== 2,
    readySince: undefined,
    uid: `uid-${ordinal}`,
    alive: true,
    fault: undefined,
    askedAt: undefined,
    identity: undefined,
  }))
  return new Recorder('deploy', { now: () => 0, say: () => undefined }, report)
}

function setBefore(currentRevision: string, updateRevision: string): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk', namespace: 'shop', uid: 'u', generation: 1 },
    spec: {
      replicas: 3,
      serviceName: 'zk-hs',
      selector: { matchLabels: { app: 'zk' } },
      template: {
        metadata: { labels: { app: 'zk' } },
        spec: { containers: [{ name: 'zk', image: 'zookeeper:3.9' }] },
      },
    },
    status: { currentRevision, updateRevision, observedGeneration: 1, replicas: 3 },
  }
}

const revisions = {
  get: ({ name }: { readonly name: string }): Promise<KubeObject> =>
    Promise.resolve({
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name },
      revision: name === 'zk-good' ? 4 : 9,
    }),
}

describe('the way back', () => {
  test('names the revision that the members ran, and every pod that would stay stuck', async () => {
    const report = failed('zk-bad')
    await offerWayBack(revisions, report, setBefore('zk-good', 'zk-good'))
    expect(report.byHand.map((line) => line.split(' # ')[0])).toEqual([
      'kubectl -n shop rollout undo statefulset/zk --to-revision=4',
      'kubectl -n shop delete pod zk-2',
    ])
  })

  test('after two failed deploys still leads to what the members ran, not to the first fault', async () => {
    const report = failed('zk-worse')
    await offerWayBack(revisions, report, setBefore('zk-good', 'zk-bad'))
    expect(report.byHand[0]).toContain('--to-revision=4')
  })

  test('where the good revision is wanted again and only a stuck pod is in its way is to delete that pod: undo would bring the fault back', async () => {
    const report = failed('zk-good')
    await offerWayBack(revisions, report, setBefore('zk-good', 'zk-bad'))
    expect(report.byHand.map((line) => line.split(' # ')[0])).toEqual([
      'kubectl -n shop delete pod zk-2',
    ])
  })

  test('without the right to read revisions is told in words, with the pods to delete', async () => {
    const report = failed('zk-bad')
    const denied = {
      get: (): Promise<never> =>
        Promise.reject(
          new KubeFailure({ status: 403, reason: 'Forbidden', message: 'no', request: 'get' }),
        ),
    }
    await offerWayBack(denied, report, setBefore('zk-good', 'zk-good'))
    expect(report.byHand).toEqual([])
    expect(report.notes.join(' ')).toMatch(/zk-good.*delete zk-2/)
  })
})

test.each([
  [
    'IMAGE_PULL',
    true,
    'the roll is halted at partition 2, which is safe: zk-0, zk-1 keep their revision; it stays so',
  ],
  ['CHECK_FAILED', true, 'not verified'],
  ['CANCELLED', false, 'the StatefulSet controller continues by itself'],
  [
    'CANCELLED',
    true,
    'the roll is halted at partition 2, which is safe: zk-0, zk-1 keep their revision; the next run continues from here',
  ],
  [undefined, false, 'the StatefulSet controller continues by itself'],
  [undefined, true, 'the roll is halted at partition 2'],
] as const)('after %s (paced by us: %s) the state says: %s', (code, paced, words) => {
  const report = failed('zk-bad')
  explainStanding(report, {
    firstInstall: false,
    code,
    paced,
    rollAt: paced ? 'at partition 2, which is safe: zk-0, zk-1 keep their revision' : '',
    applied: 'the manifests are',
  })
  expect(report.standing).toContain('2 of 3 members are ready')
  expect(report.standing).toContain(words)
})

test('a run that was cut off while no roll was on its way names no place, and says that nothing continues by itself', () => {
  const report = failed('zk-bad')
  explainStanding(report, {
    firstInstall: false,
    code: 'CANCELLED',
    paced: true,
    rollAt: '',
    applied: 'the manifests are',
  })
  expect(report.standing).toBe(
    'the manifests are applied, 2 of 3 members are ready; nothing continues by itself: members that were not replaced keep their revision; the next run continues from here',
  )
})

test('an undo that failed too says first how the ensemble stands: a chat shows only the beginning', () => {
  const report = failed('zk-bad')
  report.stands('the objects of revision zk-good are applied again')
  const first = new EnsembleError('failed', [
    { code: 'IMAGE_PULL', severity: 'error', message: 'zk-2: no such image' },
  ])
  const second = new EnsembleError('failed', [
    {
      code: 'UNSCHEDULABLE',
      severity: 'error',
      message: 'zk-2 has no node',
      object: 'pod/zk-2',
      ordinal: 2,
    },
  ])
  const error = undoFailed(report, first, second, 'zk-good')
  expect(error).toMatchObject({
    code: 'UNDO_FAILED',
    message: expect.stringMatching(
      /^2 of 3 members are ready, the objects of revision zk-good are applied again; rolling back to zk-good failed \(UNSCHEDULABLE: .*\) after the change had failed \(IMAGE_PULL: /,
    ),
  })
  expect(error.findings.map(({ code }) => code)).toEqual(['UNDO_FAILED', 'IMAGE_PULL'])
})
