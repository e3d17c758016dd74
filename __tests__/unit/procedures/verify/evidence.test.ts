// What proves a failure to whoever reads the report: the events that name the pod, also of one that
// was never made, and the log of the life that ended.

import { describe, expect, test } from '@jest/globals'
import {
  diagnose,
  memoryOfWait,
  type Diagnosis,
} from '../../../../src/decide/diagnosis/diagnose.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube } from '../../../../src/kube/kube.ts'
import { collectEvidence } from '../../../../src/procedures/verify/evidence.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import { ended, event, pod, podEvent, unready, view, waiting } from '../../decide/given.ts'

const NOW = 10_000_000
const never = new AbortController().signal
const silent: Pick<Kube, 'logs'> = { logs: () => Promise.resolve('') }

function found(of: EnsembleView): readonly Diagnosis[] {
  return diagnose(of, NOW, memoryOfWait()).findings
}

const refused = (name: string): string =>
  `create Pod ${name} in StatefulSet zk failed error: pods "${name}" is forbidden: exceeded quota: no-pods`

describe('events', () => {
  test('a pod that the cluster refuses has none of its own: those of the set that name it are shown, and no others', async () => {
    const events = [
      event(
        'StatefulSet',
        'zk',
        'SuccessfulCreate',
        'create Pod zk-0 in StatefulSet zk successful',
        { last: NOW - 9_000 },
      ),
      event('StatefulSet', 'zk', 'FailedCreate', refused('zk-1'), { last: NOW - 1_000, count: 3 }),
      event('StatefulSet', 'zk', 'FailedCreate', refused('zk-10'), { last: NOW - 1_000, count: 3 }),
      event('StatefulSet', 'other', 'FailedCreate', refused('zk-1'), {
        last: NOW - 1_000,
        count: 3,
      }),
    ]
    const of = view([pod(0)], { events })
    const [evidence] = await collectEvidence(
      silent,
      of,
      found(of).filter(({ object }) => object === 'pod/zk-1'),
      25,
      never,
    )
    expect(evidence).toMatchObject({
      object: 'pod/zk-1',
      reason: 'ExceededQuota',
      events: [{ reason: 'FailedCreate', count: 3, message: refused('zk-1') }],
      logs: [],
    })
    expect(evidence?.events).toHaveLength(1)
  })

  test('those of an earlier pod of the same name are left out', async () => {
    const now = unready(0, { state: waiting('ImagePullBackOff') })
    const of = view([now], {
      events: [
        podEvent(0, 'Failed', 'image not found', { uid: now.uid }),
        podEvent(0, 'Killing', 'of the last life', { uid: 'gone' }),
      ],
    })
    const [evidence] = await collectEvidence(silent, of, found(of), 25, never)
    expect(evidence?.events.map(({ message }) => message)).toEqual(['image not found'])
  })
})

describe('logs', () => {
  const crashed = view([
    unready(0, {
      restarts: 3,
      state: waiting('CrashLoopBackOff', 'back-off 20s restarting failed container'),
      last: ended(7),
    }),
  ])

  test('the last lines of the life that ended are there, without the empty ones', async () => {
    const asked: unknown[] = []
    const kube: Pick<Kube, 'logs'> = {
      logs: (_pod, name, options) => {
        asked.push({ name, ...options })
        return Promise.resolve('starting\n\nno license found\n')
      },
    }
    const [evidence] = await collectEvidence(kube, crashed, found(crashed), 25, never)
    expect(evidence).toMatchObject({
      exitCode: 7,
      restarts: 3,
      logs: [{ lines: ['starting', 'no license found'] }],
    })
    expect(asked).toEqual([expect.objectContaining({ lines: 25 })])
  })

  test('a log that may not be read is said to be that, and hides nothing else', async () => {
    const kube: Pick<Kube, 'logs'> = {
      logs: () =>
        Promise.reject(
          new KubeFailure({
            status: 403,
            reason: 'Forbidden',
            message: 'no',
            causes: [],
            request: 'read the log',
          }),
        ),
    }
    const [evidence] = await collectEvidence(kube, crashed, found(crashed), 25, never)
    expect(evidence?.logs[0]?.lines).toEqual([expect.stringContaining('get pods/log')])
    expect(evidence?.exitCode).toBe(7)
  })

  test('with no lines wanted none are asked for', async () => {
    const kube: Pick<Kube, 'logs'> = { logs: () => Promise.reject(new Error('it was asked')) }
    const [evidence] = await collectEvidence(kube, crashed, found(crashed), 0, never)
    expect(evidence?.logs).toEqual([])
  })
})
