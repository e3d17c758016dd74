// Who has read a changed ConfigMap: a member that is wrongly counted makes a fault, which shows at
// its next start, the revision that undos go back to.

import { describe, expect, test } from '@jest/globals'
import { livesOf, readsConfigMap, stillLiving } from '../../../../src/decide/rollout/unread.ts'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import { container, pod, running, unready, view, waiting } from '../given.ts'

function setWith(
  spec: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'zk' },
    spec: {
      replicas: 3,
      serviceName: 'zk-hs',
      selector: { matchLabels: { app: 'zk' } },
      template: {
        metadata: { labels: { app: 'zk' } },
        spec: { containers: [{ name: 'zk', image: 'zookeeper:3.9', ...more }], ...spec },
      },
    },
  }
}

describe('a ConfigMap is read by the members', () => {
  test.each<[string, KubeObject]>([
    ['as a volume', setWith({ volumes: [{ name: 'conf', configMap: { name: 'zk-config' } }] })],
    [
      'as a part of a projected volume',
      setWith({
        volumes: [{ name: 'conf', projected: { sources: [{ configMap: { name: 'zk-config' } }] } }],
      }),
    ],
    [
      'as a variable',
      setWith(
        {},
        {
          env: [
            { name: 'ZK_HEAP', valueFrom: { configMapKeyRef: { name: 'zk-config', key: 'heap' } } },
          ],
        },
      ),
    ],
    [
      'as the whole environment',
      setWith({}, { envFrom: [{ configMapRef: { name: 'zk-config' } }] }),
    ],
    [
      'by an init container',
      setWith({
        initContainers: [
          { name: 'init', image: 'busybox', envFrom: [{ configMapRef: { name: 'zk-config' } }] },
        ],
      }),
    ],
  ])('%s', (_, set) => {
    expect([readsConfigMap(set, 'zk-config'), readsConfigMap(set, 'dashboards')]).toEqual([
      true,
      false,
    ])
  })

  test('and not because a Secret or a label has its name', () => {
    expect(
      readsConfigMap(
        setWith(
          { volumes: [{ name: 'zk-config', secret: { secretName: 'zk-config' } }] },
          { envFrom: [{ secretRef: { name: 'zk-config' } }] },
        ),
        'zk-config',
      ),
    ).toBe(false)
  })
})

describe('a member has read what was changed', () => {
  const lives = livesOf(view([pod(0), pod(1), pod(2)]))

  test('when its pod is another one, or its server was started again in place; who runs on has not', () => {
    const after = view([
      pod(0, { uid: 'uid-new' }),
      pod(1, { containers: [container({ restarts: 1, state: running })] }),
      pod(2),
    ])
    expect(stillLiving(lives, after)).toEqual(['zk-2'])
  })

  test('when it had not started yet: what holds it may be the very ConfigMap that comes', () => {
    const before = view([pod(0), unready(1, { state: waiting('CreateContainerConfigError') })])
    expect(stillLiving(livesOf(before), view([pod(0), pod(1)]))).toEqual(['zk-0'])
  })
})
