// Whoever may edit ConfigMaps in the ensemble's namespace may edit the record: an undo must not
// carry out for them what they may not do themselves.

import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { pack, unpack, whyNotKept } from '../../../src/record/kept.ts'
import { clusterClock, runHere, type Ended } from '../../support/in-process.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { text } from '../../support/cluster/json.ts'
import { TUTORIAL } from '../operations/drained-ensemble.ts'

const SET = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'zk' },
  spec: {
    serviceName: 'zk-hs',
    selector: { matchLabels: { app: 'zk' } },
    template: { metadata: { labels: { app: 'zk' } }, spec: { containers: [{ name: 'c' }] } },
  },
}
const OWNER = { namespace: 'prod', name: 'zk', content: undefined }
const of = (
  kind: string,
  name: string,
  more: object = {},
): { apiVersion: string; kind: string; metadata: { name: string } } => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...more,
})

describe('what comes out of the record', () => {
  test.each([
    ['the governing service', of('Service', 'zk-hs'), true],
    ['a service of its pods', of('Service', 'zk-cs', { spec: { selector: { app: 'zk' } } }), true],
    [
      'a service of the leader, by a label that only a live pod has',
      of('Service', 'zk-leader', { spec: { selector: { app: 'zk', role: 'leader' } } }),
      true,
    ],
    [
      'a service of one member',
      of('Service', 'zk-0', {
        spec: { selector: { 'statefulset.kubernetes.io/pod-name': 'zk-0' } },
      }),
      true,
    ],
    [
      'a service of somebody else',
      of('Service', 'shop', { spec: { selector: { app: 'shop' } } }),
      false,
    ],
    ['a service that selects nothing', of('Service', 'shop', { spec: {} }), false],
    [
      'its budget',
      of('PodDisruptionBudget', 'zk-pdb', { spec: { selector: { matchLabels: { app: 'zk' } } } }),
      true,
    ],
    [
      "somebody else's budget",
      of('PodDisruptionBudget', 'shop', { spec: { selector: { matchLabels: { app: 'shop' } } } }),
      false,
    ],
    ['a ConfigMap', of('ConfigMap', 'zk-config', { data: { a: 'b' } }), true],
    ["another ensemble's record", of('ConfigMap', 'zk-ensemble-orders'), false],
    ["the cluster's certificates", of('ConfigMap', 'kube-root-ca.crt'), false],
    ['another StatefulSet', { ...SET, metadata: { name: 'orders' } }, false],
    ['a right', of('Role', 'zk'), false],
    ['something of the whole cluster', of('ClusterRoleBinding', 'zk'), false],
    [
      'something of another namespace',
      { ...of('ConfigMap', 'planted'), metadata: { name: 'planted', namespace: 'kube-system' } },
      false,
    ],
    [
      'something that names its own namespace',
      { ...of('ConfigMap', 'zk-config'), metadata: { name: 'zk-config', namespace: 'prod' } },
      true,
    ],
  ])('%s', (_what, object, back) => {
    const kept = unpack(pack([SET, object]).base64, OWNER)
    expect(kept).toMatchObject({ kind: 'kept', objects: back ? [SET, object] : [SET] })
    expect(kept.kind === 'kept' && kept.left.length).toBe(back ? 0 : 1)
  })

  test('others than were recorded are told as that', () => {
    const { content } = pack([SET])
    expect(unpack(pack([SET]).base64, { ...OWNER, content })).toMatchObject({ kind: 'kept' })
    expect(unpack(pack([SET, of('ConfigMap', 'x')]).base64, { ...OWNER, content })).toMatchObject({
      kind: 'altered',
    })
    expect(unpack(pack([of('ConfigMap', 'x')]).base64, OWNER)).toMatchObject({
      kind: 'altered',
      why: 'it holds no StatefulSet zk',
    })
  })

  test.each([
    ['no gzip', Buffer.from('nonsense').toString('base64'), 'it is no gzip'],
    ['no base64 at all', '%%%', 'it is no gzip'],
    ['no JSON', gzipSync('{').toString('base64'), 'it is no JSON'],
    ['no list', gzipSync('{"a":1}').toString('base64'), 'it is no list of objects'],
    ['a list of something else', gzipSync('[1]').toString('base64'), 'it is no list of objects'],
    [
      'a list too long to be a revision',
      gzipSync(JSON.stringify(Array.from({ length: 1001 }, () => SET))).toString('base64'),
      'it is no list of objects',
    ],
    [
      '30 MB packed into 30 kB',
      gzipSync(Buffer.alloc(30_000_000, 32)).toString('base64'),
      'it unpacks to more than 8 MiB',
    ],
  ])('%s is unreadable, and no fault', (_what, base64, why) => {
    const kept = unpack(base64, OWNER)
    expect(kept).toEqual({ kind: 'unreadable', why })
    expect(whyNotKept(kept)).toBe(`its objects in the record can't be read: ${why}`)
  })
})

const BAD = TUTORIAL.replaceAll('kubernetes-zookeeper:1.0-3.4.10', 'kubernetes-zookeeper:nowhere')
const KEY = 'zk-ensemble-zk'

async function afterDeploy(
  work: (given: {
    readonly cluster: SimulatedCluster
    readonly run: (
      manifest: string | undefined,
      inputs?: Readonly<Record<string, string>>,
    ) => Promise<Ended>
    readonly edit: (change: (base64: string) => string) => void
  }) => Promise<void>,
): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes: 4 })
  let runs = 0
  const run = (
    manifest: string | undefined,
    inputs: Readonly<Record<string, string>> = {},
  ): Promise<Ended> =>
    runHere({
      cluster,
      clock,
      name: `run-${runs++}`,
      inputs: { ...(manifest === undefined ? {} : { manifests: 'zk.yaml' }), ...inputs },
      files: manifest === undefined ? {} : { 'zk.yaml': manifest },
    })
  try {
    expect((await run(TUTORIAL)).report.result).toBe('succeeded')
    await work({
      cluster,
      run,
      edit(change) {
        const binary: unknown = cluster.objects.get('ConfigMap', 'default', KEY)?.['binaryData']
        const [[key, value] = ['', '']] = Object.entries(
          typeof binary === 'object' && binary !== null ? binary : {},
        )
        cluster.somebody.edit('ConfigMap', 'default', KEY, {
          binaryData: { [key]: change(String(value)) },
        })
      },
    })
  } finally {
    await cluster.stop()
  }
}

/** Adds an object to what is kept, as an editor of the ConfigMap can. */
function planted(base64: string): string {
  const objects = gunzipSync(Buffer.from(base64, 'base64')).toString('utf8')
  return gzipSync(
    JSON.stringify([
      ...z.array(z.unknown()).parse(JSON.parse(objects)),
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'planted', namespace: 'kube-system' },
        data: { a: 'b' },
      },
    ]),
  ).toString('base64')
}

test('a record that is deleted while members are replaced stops the run, in words', () =>
  afterDeploy(async ({ cluster, run }) => {
    const changed = TUTORIAL.replaceAll('--snap_retain_count=3', '--snap_retain_count=4')
    cluster.faults.next({ verb: 'update', kind: 'ConfigMap', name: KEY, status: 404 })
    const { report } = await run(changed)
    expect([report.result, report.code]).toEqual(['failed', 'CONFLICT'])
    expect(report.message).toContain('was deleted meanwhile')
  }))

describe('an undo by an altered record', () => {
  test('that a failing deploy asks for does not happen, and the failure is still told', () =>
    afterDeploy(async ({ cluster, run, edit }) => {
      edit(planted)
      const { report } = await run(BAD)
      expect([report.result, report.code]).toEqual(['failed', 'IMAGE_PULL'])
      expect(report.notes.join('\n')).toContain('its objects in the record were altered')
      expect(cluster.objects.get('ConfigMap', 'kube-system', 'planted')).toBeUndefined()
      expect(
        cluster.requests.filter(
          ({ name, namespace }) => name === 'planted' || namespace === 'kube-system',
        ),
      ).toEqual([])
    }))

  test('that was asked for is refused with the way around, and that way works', () =>
    afterDeploy(async ({ cluster, run, edit }) => {
      edit(planted)
      const good = text(
        cluster.objects.get('StatefulSet', 'default', 'zk'),
        'status',
        'updateRevision',
      )
      await run(BAD, { 'on-failure': 'keep' })
      const refused = await run(undefined, { operation: 'undo', name: 'zk' })
      expect([refused.report.result, refused.report.code]).toEqual(['refused', 'CONFLICT'])
      expect(refused.report.findings[0]?.fix).toContain(`to-revision: ${good}`)
      const undone = await run(undefined, { operation: 'undo', name: 'zk', 'to-revision': good })
      expect([undone.report.result, undone.report.revision]).toEqual(['succeeded', good])
      expect(
        cluster.requests.filter(
          ({ name, namespace }) => name === 'planted' || namespace === 'kube-system',
        ),
      ).toEqual([])
    }))

  test('whose record is damaged goes by the history where only the template was changed', () =>
    afterDeploy(async ({ cluster, run, edit }) => {
      const good = text(
        cluster.objects.get('StatefulSet', 'default', 'zk'),
        'status',
        'updateRevision',
      )
      edit(() => Buffer.from('no gzip').toString('base64'))
      const { report } = await run(BAD)
      expect([report.result, report.code]).toEqual(['undone', 'IMAGE_PULL'])
      expect([report.revision, report.readyReplicas]).toEqual([good, 3])
    }))

  test('to a revision of the history needs no record: one that can not be read is kept aside', () =>
    afterDeploy(async ({ cluster, run }) => {
      const good = text(
        cluster.objects.get('StatefulSet', 'default', 'zk'),
        'status',
        'updateRevision',
      )
      await run(BAD, { 'on-failure': 'keep' })
      cluster.somebody.edit('ConfigMap', 'default', KEY, { data: { 'record.json': '{"version":' } })
      const refused = await run(undefined, { operation: 'undo', name: 'zk' })
      expect([refused.report.result, refused.report.code]).toEqual(['refused', 'CONFLICT'])
      expect(refused.report.findings[0]?.fix).toContain('operation: undo with to-revision')
      const { report } = await run(undefined, {
        operation: 'undo',
        name: 'zk',
        'to-revision': good,
      })
      expect([report.result, report.revision]).toEqual(['succeeded', good])
      expect(report.notes.join()).toContain('record.unreadable')
      expect(
        text(cluster.objects.get('ConfigMap', 'default', KEY), 'data', 'record.unreadable'),
      ).toBe('{"version":')
      expect((await run(undefined, { operation: 'verify', name: 'zk' })).report.result).toBe(
        'succeeded',
      )
    }))
})
