// The last log lines of members that are well: what a thorough check shows instead of a round of
// `kubectl logs --tail`, and that neither probes nor secrets fill them.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import { readMemberLogs } from '../../../../src/procedures/verify/member-logs.ts'
import { container, pod, waiting } from '../../decide/given.ts'

const never = new AbortController().signal
const PODS = [pod(0), pod(1)]
const NAME = PODS[0]?.containers[0]?.name ?? ''

const PROBE =
  '2026-11-28 21:00:00,000 [myid:1] - INFO  [NIOServerCxn:NIOServerCnxn@883] - Processing ruok command from /127.0.0.1:1'

describe('the last log lines', () => {
  test('are those that say something: what probes write leaves room for them, and is counted', async () => {
    const asked: number[] = []
    const logs = await readMemberLogs(
      {
        logs: (_pod, _container, { lines }) => {
          asked.push(lines)
          return Promise.resolve(['LEADING', PROBE, 'snapshot taken', PROBE, PROBE, ''].join('\n'))
        },
      },
      PODS,
      NAME,
      1,
      never,
    )
    expect(logs).toEqual(
      PODS.map(({ name }) => ({ pod: name, container: NAME, lines: ['snapshot taken'], noise: 3 })),
    )
    expect(Math.min(...asked)).toBeGreaterThan(1)
  })

  test('show no password, and nothing that a terminal would obey', async () => {
    const [log] = await readMemberLogs(
      { logs: () => Promise.resolve('ssl.keyStore.password=s3cret\n\u001b[31mred\u001b[0m') },
      PODS,
      NAME,
      25,
      never,
    )
    expect(log?.lines).toEqual(['ssl.keyStore.password=***', 'red'])
  })

  test('that may not be read are said to be so: the check itself continues', async () => {
    const forbidden = new KubeFailure({
      status: 403,
      reason: 'Forbidden',
      message: 'no',
      request: 'read the log of pod/zk-0',
    })
    const [log] = await readMemberLogs(
      { logs: () => Promise.reject(forbidden) },
      PODS,
      NAME,
      25,
      never,
    )
    expect(log?.lines).toEqual(['(the log may not be read: the rule get pods/log is missing)'])
  })

  test('of a container that never ran are not asked for', async () => {
    const never_ran = pod(0, {
      containers: [container({ ready: false, state: waiting('ContainerCreating') })],
    })
    const logs = await readMemberLogs(
      { logs: () => Promise.reject(new Error('asked')) },
      [never_ran],
      NAME,
      25,
      never,
    )
    expect(logs).toEqual([])
  })
})
