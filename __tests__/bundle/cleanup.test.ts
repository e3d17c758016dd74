// What a user of the shipped bundle counts on when previews come and go: outputs, summary and
// report say what went, a killed runner's leavings are deleted, and a dry run sends no write.

import { describe, expect, test } from '@jest/globals'
import { text } from '../support/cluster/json.ts'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { plain, verdict, withBundle, writes, type Given } from './given.ts'

const WEB = plain({
  replicas: 2,
  spec: '  podManagementPolicy: Parallel\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}',
  container:
    '        image: busybox:1.36\n        command: [sleep, infinity]\n        volumeMounts: [{name: data, mountPath: /data}]',
})
const DEPLOY = { profile: 'none', verify: 'off', 'create-namespace': 'true', ttl: '72h' }
const CLEAN = { operation: 'cleanup', 'delete-claims': 'true' }

function names({ objects }: SimulatedCluster): string[] {
  return objects.list('Namespace').map((one) => text(one, 'metadata', 'name'))
}

async function deploy({ run }: Given, namespace: string): Promise<void> {
  expect(verdict(await run(WEB, { ...DEPLOY, namespace }))).toEqual({
    result: 'succeeded',
    code: '',
    exitCode: 0,
  })
}

test.concurrent('a preview goes with its namespace, claims and volumes: a dry run before writes nothing, and the second time nothing is left to do', () =>
  withBundle({}, async (given) => {
    const { cluster, run } = given
    await deploy(given, 'preview-7')
    const before = writes(cluster).length
    const dry = await run(undefined, { ...CLEAN, namespace: 'preview-7', 'dry-run': 'true' })
    expect(verdict(dry)).toEqual({ result: 'planned', code: '', exitCode: 0 })
    expect(dry.outputs['changes']).toContain('namespace/preview-7')
    expect(writes(cluster)).toHaveLength(before)

    const gone = await run(undefined, { ...CLEAN, namespace: 'preview-7' })
    expect(verdict(gone)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
    expect(gone.outputs).toMatchObject({ changed: 'true', name: 'web', namespace: 'preview-7' })
    for (const object of [
      'statefulset/web',
      'persistentvolumeclaim/data-web-1',
      'namespace/preview-7',
    ])
      expect(gone.outputs['changes']).toContain(`"${object}"`)
    expect([
      names(cluster).includes('preview-7'),
      cluster.objects.list('PersistentVolume').length,
      gone.stderr,
    ]).toEqual([false, 0, ''])
    // The post step finds nothing to release.
    expect((await gone.post()).exitCode).toBe(0)
    expect(verdict(await run(undefined, { ...CLEAN, namespace: 'preview-7' }))).toEqual({
      result: 'unchanged',
      code: '',
      exitCode: 0,
    })
  }))

describe('killed', () => {
  test.concurrent.each([
    /statefulset\/web deleted/,
    /data-web-0 deleted/,
    /namespace\/preview-7 deleted/,
  ])('at %s: the next run finishes it', (killAt) =>
    withBundle({}, async (given) => {
      const { cluster, run } = given
      await deploy(given, 'preview-7')
      const killed = await run(undefined, { ...CLEAN, namespace: 'preview-7' }, { killAt })
      expect(killed.signal).toBe('SIGKILL')
      // It frees the lock; without it the lock is taken over a minute later.
      expect((await killed.post()).exitCode).toBe(0)
      expect(verdict(await run(undefined, { ...CLEAN, namespace: 'preview-7' }))).toMatchObject({
        code: '',
        exitCode: 0,
      })
      expect([
        names(cluster).includes('preview-7'),
        cluster.objects.list('PersistentVolume').length,
      ]).toEqual([false, 0])
    }),
  )
})

test.concurrent('cancelled: it says how far it came, and the lock is free for the next', () =>
  withBundle({}, async (given) => {
    const { cluster, run } = given
    await deploy(given, 'preview-7')
    cluster.objects.edit(
      'StatefulSet',
      'preview-7',
      'web',
      (draft) => (draft.metadata['finalizers'] = ['example.com/hold']),
    )
    const cancelled = await run(
      undefined,
      { ...CLEAN, namespace: 'preview-7' },
      { cancelAt: /statefulset\/web deleted/ },
    )
    expect(verdict(cancelled)).toMatchObject({ result: 'cancelled', code: 'CANCELLED' })
    expect(
      text(cluster.objects.get('Lease', 'preview-7', 'zk-ensemble-web'), 'spec', 'holderIdentity'),
    ).toBe('')
  }))

test.concurrent('a sweep lists every preview with its age and verdict, in the summary too', () =>
  withBundle({}, async (given) => {
    const { cluster, run } = given
    for (const namespace of ['preview-1', 'preview-2']) await deploy(given, namespace)
    cluster.somebody.edit('Namespace', '', 'preview-1', {
      metadata: { annotations: { 'zk-ensemble-action/expires-at': '2026-01-01T00:00:00.000Z' } },
    })
    cluster.somebody.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'handmade', labels: { 'zk-ensemble-action/managed': 'true' } },
    })
    const swept = await run(undefined, { ...CLEAN, sweep: 'true' })
    expect(verdict(swept)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
    expect(names(cluster)).toEqual(expect.arrayContaining(['handmade', 'preview-2']))
    expect(names(cluster)).not.toContain('preview-1')
    expect(swept.summary).toMatch(/\| preview-1 \| \S+ \| gone \|/)
    expect(swept.summary).toMatch(/\| preview-2 \| \S+ \| left \| its time is over in 7\dh/)
    expect(swept.summary).toMatch(/\| handmade \| \S+ \| left \| no annotation says/)
  }))

test.concurrent.each([
  ['without a namespace', {}, 'namespace'],
  ['with a namespace to sweep', { sweep: 'true', namespace: 'preview-7' }, 'leave namespace out'],
  ['with an input that has no effect', { namespace: 'preview-7', replicas: '3' }, 'replicas'],
])('%s it is refused before any request', (_, inputs, words) =>
  withBundle({}, async ({ cluster, run }) => {
    const refused = await run(undefined, { operation: 'cleanup', ...inputs })
    expect(verdict(refused)).toEqual({ result: 'refused', code: 'INPUT_INVALID', exitCode: 1 })
    expect(refused.lines.join('\n')).toContain(words)
    expect(cluster.requests).toEqual([])
  }),
)
