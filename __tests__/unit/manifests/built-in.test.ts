// The built-in ensemble holds other people's data: what makes it survive must not be lost by a
// change of its template.

import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { parseInputs } from '../../support/parse-inputs.ts'
import { addressesOf } from '../../../src/manifests/addresses.ts'
import { builtInEnsemble, serverLines } from '../../../src/manifests/built-in.ts'
import { loadManifests } from '../../../src/manifests/load.ts'
import { memoryIo } from './given.ts'

const shape = z.looseObject({
  spec: z.looseObject({
    replicas: z.number(),
    podManagementPolicy: z.string(),
    template: z.looseObject({
      spec: z.looseObject({
        containers: z.tuple([
          z.looseObject({
            command: z.array(z.string()),
            env: z.array(z.object({ name: z.string(), value: z.string() })),
            volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
            readinessProbe: z.unknown(),
            livenessProbe: z.unknown(),
          }),
        ]),
      }),
    }),
    volumeClaimTemplates: z.array(z.unknown()),
  }),
})

function rendered(inputs: Readonly<Record<string, string>> = {}) {
  const objects = builtInEnsemble(
    parseInputs(
      Object.fromEntries(
        Object.entries(inputs).map(([id, value]) => [`INPUT_${id.toUpperCase()}`, value]),
      ),
    ),
  ).map((manifest) => manifest.object)
  const { spec } = shape.parse(objects.find((object) => object.kind === 'StatefulSet'))
  const container = spec.template.spec.containers[0]
  return {
    objects,
    spec,
    container,
    env: Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  }
}

test.each(['1', '3', '5', '7'])(
  'with %s members it passes its own lint without a word',
  async (replicas) => {
    const inputs = parseInputs({ INPUT_REPLICAS: replicas, INPUT_NAMESPACE: 'a' })
    const loaded = await loadManifests(inputs, memoryIo({}), new AbortController().signal)
    expect(loaded.findings).toEqual([])
    expect(loaded.profile).toBe('zookeeper')
  },
)

describe('data', () => {
  test('snapshots and log are both on the claim: otherwise the death of all pods loses what was written since the last snapshot', () => {
    const { env, container, spec } = rendered()
    expect(spec.volumeClaimTemplates).toMatchObject([{ metadata: { name: 'data' } }])
    expect(container.volumeMounts).toContainEqual({ name: 'data', mountPath: '/data' })
    expect([env['ZOO_DATA_DIR'], env['ZOO_DATA_LOG_DIR']]).toEqual(['/data', '/data/log'])
  })

  test('a claim that holds the id of another member stops the start', () => {
    expect(rendered().container.command.join(' ')).toMatch(/myid.*!= "\$ZOO_MY_ID"[\s\S]*exit 1/)
  })
})

describe('quorum', () => {
  test('readiness, start order and published names are chosen together', () => {
    const { container, spec, objects } = rendered()
    expect(JSON.stringify(container.readinessProbe)).toContain(
      'Mode: (leader|follower|observer|standalone)',
    )
    expect(spec.podManagementPolicy).toBe('Parallel')
    expect(
      objects.find((object) => object.metadata.name === 'zk-headless')?.['spec'],
    ).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true })
  })

  test('liveness asks for no mode: a member that waits for its quorum is not restarted', () => {
    expect(JSON.stringify(rendered().container.livenessProbe)).not.toMatch(/Mode|ruok/)
  })

  test('the list names every member with the id that it gives itself, and the port for clients', () => {
    expect(serverLines({ name: 'zoo', replicas: 2 })).toBe(
      'server.1=zoo-0:2888:3888;2181 server.2=zoo-1:2888:3888;2181',
    )
    expect(rendered().container.command.join(' ')).toContain('ZOO_MY_ID=$((ordinal + 1))')
  })

  test('each member has a Service that is there before its pod and also before it is Ready: a name that was looked up in vain is not looked up again for half a minute', () => {
    const { objects, env } = rendered({ name: 'zoo' })
    const names = objects.map(({ metadata }) => metadata.name)
    expect(names.indexOf('zoo-2')).toBeLessThan(names.indexOf('zoo'))
    expect(objects.find(({ metadata }) => metadata.name === 'zoo-2')?.['spec']).toEqual({
      publishNotReadyAddresses: true,
      selector: { 'statefulset.kubernetes.io/pod-name': 'zoo-2' },
      ports: [
        { name: 'client', port: 2181 },
        { name: 'server', port: 2888 },
        { name: 'leader-election', port: 3888 },
      ],
    })
    expect(env['ZOO_CFG_EXTRA']).toContain('quorumListenOnAllIPs=true')
    const set = objects.find(({ kind }) => kind === 'StatefulSet')
    expect(
      set === undefined
        ? undefined
        : addressesOf(
            set,
            objects.filter(({ kind }) => kind === 'Service'),
            'zookeeper',
            'a',
          ).kind,
    ).toBe('stay')
  })

  test('one member runs alone by its configuration, several never do', () => {
    expect(rendered({ replicas: '1' }).env['ZOO_STANDALONE_ENABLED']).toBe('true')
    expect(rendered({ replicas: '3' }).env['ZOO_STANDALONE_ENABLED']).toBe('false')
  })

  test('the budget lets one member go, whatever the size', () => {
    expect(
      rendered({ replicas: '7' }).objects.find((object) => object.kind === 'PodDisruptionBudget')?.[
        'spec'
      ],
    ).toMatchObject({ maxUnavailable: 1 })
  })
})

describe('inputs', () => {
  test('each of them arrives', () => {
    const { objects, spec, container, env } = rendered({
      name: 'zoo',
      replicas: '5',
      image: 'corp/zookeeper:3.9.5',
      storage: '20Gi',
      'storage-class': 'fast',
      cpu: '750m',
      memory: '2Gi',
      heap: '1G',
    })
    expect(objects.map((object) => `${object.kind} ${object.metadata.name}`)).toEqual([
      'Service zoo-headless',
      ...[0, 1, 2, 3, 4].map((ordinal) => `Service zoo-${ordinal}`),
      'Service zoo-client',
      'PodDisruptionBudget zoo',
      'StatefulSet zoo',
    ])
    expect(spec.replicas).toBe(5)
    expect(container).toMatchObject({
      image: 'corp/zookeeper:3.9.5',
      resources: { requests: { cpu: '750m', memory: '2Gi' }, limits: { memory: '2Gi' } },
    })
    expect(spec.volumeClaimTemplates).toMatchObject([
      { spec: { storageClassName: 'fast', resources: { requests: { storage: '20Gi' } } } },
    ])
    expect(env['ZK_SERVER_HEAP']).toBe('1024')
  })

  test('without a heap it follows the memory and leaves room', () => {
    expect(rendered({ memory: '2Gi' }).env['ZK_SERVER_HEAP']).toBe('1228')
    expect(rendered({ memory: '100M' }).env['ZK_SERVER_HEAP']).toBe('57')
  })

  test("without a storage class the cluster's own is left to it", () => {
    expect(JSON.stringify(rendered().spec.volumeClaimTemplates)).not.toContain('storageClassName')
  })

  test('it fits a namespace that takes only restricted pods', () => {
    const { spec, container } = rendered()
    expect(spec.template.spec).toMatchObject({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(container).toMatchObject({
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    })
  })
})
