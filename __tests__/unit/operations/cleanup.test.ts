// What a cleanup takes and what it leaves: a wrong deletion is data that is gone for good, a missed
// one a preview that costs money for ever.

import { describe, expect, jest, test } from '@jest/globals'
import { text } from '../../support/cluster/json.ts'
import { PREVIEW, told, withSite, type Site } from './cleaned-preview.ts'

jest.setTimeout(120_000)

const ALL = { 'delete-claims': 'true' }
const done = { result: 'succeeded', code: '' }

function namespaces({ cluster }: Site): string[] {
  return cluster.objects.list('Namespace').map((one) => text(one, 'metadata', 'name'))
}

function writesOf({ cluster }: Site, by: string): string[] {
  return cluster.requests
    .filter(
      (one) =>
        one.by === by &&
        !one.dryRun &&
        ['create', 'update', 'patch', 'apply', 'delete', 'deletecollection', 'eviction'].includes(
          one.verb,
        ) &&
        one.kind !== '',
    )
    .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`)
}

describe('a preview', () => {
  test('comes, is deployed again, goes with its namespace, claims and volumes, and comes again; the second cleanup is unchanged', () =>
    withSite(async (site) => {
      expect(told(await site.deploy({ ttl: '72h' }))).toMatchObject(done)
      const before = text(
        site.cluster.objects.get('Namespace', '', PREVIEW),
        'metadata',
        'annotations',
        'zk-ensemble-action/expires-at',
      )
      expect(
        text(
          site.cluster.objects.get('Namespace', '', PREVIEW),
          'metadata',
          'annotations',
          'zk-ensemble-action/repository',
        ),
      ).toBe('example/shop')
      await site.clock.sleep(3_600_000)
      expect(told(await site.deploy({ ttl: '72h' }))).toMatchObject({ result: 'unchanged' })
      const after = text(
        site.cluster.objects.get('Namespace', '', PREVIEW),
        'metadata',
        'annotations',
        'zk-ensemble-action/expires-at',
      )
      expect(Date.parse(after) - Date.parse(before)).toBeGreaterThanOrEqual(3_600_000)
      expect(site.volumes()).toBe(2)

      const gone = await site.cleanup(ALL)
      expect(told(gone)).toMatchObject(done)
      expect(gone.report.changes.map(({ object, change }) => `${object} ${change}`)).toEqual(
        expect.arrayContaining([
          'statefulset/web deleted',
          'service/web deleted',
          'configmap/web-settings deleted',
          'poddisruptionbudget/web deleted',
          'persistentvolumeclaim/data-web-0 deleted',
          'persistentvolumeclaim/data-web-1 deleted',
          `namespace/${PREVIEW} deleted`,
        ]),
      )
      expect(namespaces(site)).not.toContain(PREVIEW)
      expect([site.inside(PREVIEW), site.volumes()]).toEqual([[], 0])
      expect(told(await site.cleanup(ALL))).toMatchObject({ result: 'unchanged' })

      expect(told(await site.deploy({ ttl: '72h' }))).toMatchObject(done)
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect(namespaces(site)).not.toContain(PREVIEW)
    }))

  test('without delete-claims its claims stay, with their sizes, and the namespace for them; with it they go later', () =>
    withSite(async (site) => {
      await site.deploy()
      const kept = await site.cleanup()
      expect(told(kept)).toMatchObject(done)
      expect(kept.report.notes.join('\n')).toContain('data-web-0 (1Gi)')
      expect(site.inside(PREVIEW)).toEqual([
        'configmap/zk-ensemble-web',
        'persistentvolumeclaim/data-web-0',
        'persistentvolumeclaim/data-web-1',
        'lease/zk-ensemble-web',
      ])
      expect(told(await site.cleanup({}, 'second'))).toMatchObject({ result: 'unchanged' })
      expect(writesOf(site, 'second')).toEqual([])
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect([namespaces(site).includes(PREVIEW), site.volumes()]).toEqual([false, 0])
    }))

  test('a dry run lists what would go, and writes nothing', () =>
    withSite(async (site) => {
      await site.deploy()
      const dry = await site.cleanup({ ...ALL, 'dry-run': 'true' }, 'dry')
      expect(told(dry)).toMatchObject({ result: 'planned' })
      expect(dry.report.changes.map(({ object }) => object)).toEqual(
        expect.arrayContaining([
          'statefulset/web',
          'persistentvolumeclaim/data-web-0',
          'configmap/zk-ensemble-web',
          `namespace/${PREVIEW}`,
        ]),
      )
      expect(writesOf(site, 'dry')).toEqual([])
    }))
})

describe('killed at any request', () => {
  /**
   * Requests of a run before and at which it writes: the answer to the write is lost, or it is not
   * sent any more.
   */
  const writingRequests = ({ cluster }: Site, by: string): number[] => {
    const own = cluster.requests.filter((one) => one.by === by)
    return [
      ...new Set(
        own.flatMap(({ verb, kind, dryRun }, index) =>
          kind !== '' && !dryRun && ['create', 'update', 'apply', 'delete'].includes(verb)
            ? [index, index + 1]
            : [],
        ),
      ),
    ].filter((at) => at > 0)
  }

  test(
    'the next cleanup finishes it: namespace, claims and volumes are gone',
    () =>
      withSite(async (site) => {
        await site.deploy({ ttl: '72h' })
        expect(told(await site.cleanup(ALL, 'whole'))).toMatchObject(done)
        const points = writingRequests(site, 'whole')
        expect(points.length).toBeGreaterThan(12)
        for (const at of points) {
          expect(told(await site.deploy({ ttl: '72h' }, `deploy-${at}`))).toMatchObject(done)
          const run = site.start('cleanup', ALL, `killed-${at}`)
          run.kill(at)
          await run.ended
          const next = await site.cleanup(ALL, `next-${at}`)
          expect({ at, ...told(next) }).toMatchObject({
            at,
            code: '',
            result: expect.stringMatching(/^(succeeded|unchanged)$/),
          })
          expect([
            at,
            namespaces(site).includes(PREVIEW),
            site.inside(PREVIEW),
            site.volumes(),
          ]).toEqual([at, false, [], 0])
        }
      }),
    300_000,
  )

  test(
    'in a namespace that stays: objects, claims, record and Lease are gone',
    () =>
      withSite(async (site) => {
        const theirs = { namespace: 'theirs', 'create-namespace': 'false' }
        const own = { ...ALL, namespace: 'theirs', name: 'web' }
        site.cluster.somebody.apply({
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'theirs' },
        })
        await site.deploy(theirs)
        expect(told(await site.cleanup(own, 'whole'))).toMatchObject(done)
        // Each write is served, and its answer lost.
        for (const at of writingRequests(site, 'whole').filter((_, index) => index % 2 === 1)) {
          expect(told(await site.deploy(theirs, `deploy-${at}`))).toMatchObject(done)
          const run = site.start('cleanup', own, `killed-${at}`)
          run.kill(at)
          await run.ended
          const next = await site.cleanup(own, `next-${at}`)
          expect({ at, ...told(next) }).toMatchObject({
            at,
            code: '',
            result: expect.stringMatching(/^(succeeded|unchanged)$/),
          })
          expect([at, site.inside('theirs'), site.volumes()]).toEqual([at, [], 0])
        }
      }),
    300_000,
  )

  test(
    'a deploy after it makes the ensemble again, with its claims where those were still there',
    () =>
      withSite(async (site) => {
        await site.deploy({ ttl: '72h' })
        await site.cleanup({}, 'whole')
        for (const at of writingRequests(site, 'whole').filter((_, index) => index % 2 === 1)) {
          await site.deploy({ ttl: '72h' }, `deploy-${at}`)
          const run = site.start('cleanup', {}, `killed-${at}`)
          run.kill(at)
          await run.ended
          const next = await site.deploy({ ttl: '72h' }, `next-${at}`)
          expect({ at, ...told(next) }).toMatchObject({
            at,
            code: '',
            result: expect.stringMatching(/^(succeeded|unchanged)$/),
          })
          expect([
            at,
            site
              .inside(PREVIEW)
              .filter((one) =>
                /^(pod|statefulset|service|poddisruptionbudget|persistentvolumeclaim)\//.test(one),
              ).length,
          ]).toEqual([at, 7])
        }
      }),
    300_000,
  )

  test(
    'a deploy: whatever it had made by then, the cleanup knows as its own',
    () =>
      withSite(async (site) => {
        for (let at = 1; ; at++) {
          const name = `killed-${at}`
          const run = site.start('deploy', { ttl: '72h' }, name)
          run.kill(at)
          await run.ended
          const served = site.cluster.requests.filter(({ by }) => by === name).length
          const next = await site.cleanup(ALL, `next-${at}`)
          expect({ at, ...told(next) }).toMatchObject({
            at,
            code: '',
            result: expect.stringMatching(/^(succeeded|unchanged)$/),
          })
          expect([
            at,
            namespaces(site).includes(PREVIEW),
            site.inside(PREVIEW),
            site.volumes(),
          ]).toEqual([at, false, [], 0])
          if (served < at) break
        }
      }),
    300_000,
  )
})

describe("what isn't ours stays", () => {
  const others: readonly (readonly [string, string, (site: Site) => void])[] = [
    [
      'a ConfigMap of somebody',
      'configmap/theirs',
      ({ cluster }) =>
        cluster.somebody.apply({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'theirs', namespace: PREVIEW },
          data: {},
        }),
    ],
    [
      'a claim of somebody',
      'persistentvolumeclaim/theirs',
      ({ cluster }) =>
        cluster.somebody.apply({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'theirs', namespace: PREVIEW },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        }),
    ],
    [
      "a claim that only looks like a member's",
      'persistentvolumeclaim/data-web-7',
      ({ cluster }) =>
        cluster.somebody.apply({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'data-web-7', namespace: PREVIEW },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        }),
    ],
    [
      'a Service that was recreated',
      'service/web',
      ({ cluster }) => {
        cluster.somebody.delete('Service', PREVIEW, 'web')
        cluster.somebody.apply({
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'web', namespace: PREVIEW },
          spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
        })
      },
    ],
    [
      'a Lease that another tool keeps',
      'lease/theirs',
      ({ cluster }) =>
        cluster.somebody.apply({
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name: 'theirs', namespace: PREVIEW },
          spec: {},
        }),
    ],
  ]
  test.each(others)('%s, and the namespace with it', (_, object, make) =>
    withSite(async (site) => {
      await site.deploy()
      make(site)
      const run = await site.cleanup(ALL)
      expect(told(run)).toMatchObject(done)
      expect(site.inside(PREVIEW)).toEqual([object])
      expect(namespaces(site)).toContain(PREVIEW)
      expect(run.report.notes.join('\n')).toContain(object)
      expect(told(await site.cleanup(ALL, 'second'))).toMatchObject({ result: 'unchanged' })
      expect(writesOf(site, 'second')).toEqual([])
    }),
  )

  test('a namespace that somebody else made: the ensemble goes by its name, its namespace stays; without a name nothing goes', () =>
    withSite(async (site) => {
      site.cluster.somebody.apply({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'theirs' },
      })
      site.cluster.somebody.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'theirs', namespace: 'theirs' },
        data: {},
      })
      expect(
        told(await site.deploy({ namespace: 'theirs', 'create-namespace': 'false' })),
      ).toMatchObject(done)
      const all = site.inside('theirs')
      expect(told(await site.cleanup({ ...ALL, namespace: 'theirs' }))).toMatchObject({
        result: 'refused',
        code: 'PROTECTED',
      })
      expect(site.inside('theirs')).toEqual(all)
      expect(
        told(await site.cleanup({ ...ALL, namespace: 'theirs', manifests: 'web.yaml' })),
      ).toMatchObject(done)
      expect(site.inside('theirs')).toEqual(['configmap/theirs'])
      expect(told(await site.cleanup({ ...ALL, namespace: 'theirs', name: 'web' }))).toMatchObject({
        result: 'unchanged',
      })
    }))

  test.each([
    ["the cluster's own", 'default', {}],
    [
      "the cluster's own, whatever it is marked with",
      'kube-system',
      {
        labels: { 'zk-ensemble-action/managed': 'true' },
        annotations: { 'zk-ensemble-action/repository': 'example/shop' },
      },
    ],
    ['one with the label alone', 'handmade', { labels: { 'zk-ensemble-action/managed': 'true' } }],
    [
      "another repository's",
      'preview-9',
      {
        labels: { 'zk-ensemble-action/managed': 'true' },
        annotations: { 'zk-ensemble-action/repository': 'example/other' },
      },
    ],
  ])('the namespace is %s', (_, name, metadata) =>
    withSite(async (site) => {
      site.cluster.somebody.apply({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, ...metadata },
      })
      const run = await site.cleanup({ ...ALL, namespace: name })
      expect(told(run)).toMatchObject({ result: 'refused', code: 'PROTECTED' })
      expect(namespaces(site)).toContain(name)
      expect(writesOf(site, 'run')).toEqual([])
    }),
  )

  test('an ensemble that somebody else made, and one that was recreated under its name: nothing of it goes', () =>
    withSite(async (site) => {
      await site.deploy()
      const set = site.cluster.objects.get('StatefulSet', PREVIEW, 'web')
      site.cluster.somebody.delete('StatefulSet', PREVIEW, 'web')
      site.cluster.somebody.apply({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'web', namespace: PREVIEW },
        spec: set?.['spec'] ?? {},
      })
      const all = site.inside(PREVIEW).filter((one) => !one.startsWith('pod/'))
      const run = await site.cleanup(ALL, 'late')
      expect(told(run)).toMatchObject({ result: 'refused', code: 'PROTECTED' })
      expect(told(run).log).toContain('recreated')
      expect(site.inside(PREVIEW).filter((one) => !one.startsWith('pod/'))).toEqual(all)
      expect(writesOf(site, 'late')).toEqual([])
    }))

  test('what may not be looked at is not absent: the namespace stays, and the right that is missing is named', () =>
    withSite(async (site) => {
      await site.deploy()
      site.cluster.faults.forbid('list', 'secrets')
      const run = await site.cleanup(ALL)
      expect(told(run)).toMatchObject(done)
      expect(namespaces(site)).toContain(PREVIEW)
      expect(run.report.notes.join('\n')).toMatch(
        /secrets could not be listed[\s\S]*resources: \[secrets\]/,
      )
    }))

  test('data that the set itself would delete with its claims: refused, unless it was asked for', () =>
    withSite(async (site) => {
      await site.deploy()
      site.cluster.somebody.edit('StatefulSet', PREVIEW, 'web', {
        spec: {
          persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
        },
      })
      const run = await site.cleanup({}, 'plain')
      expect(told(run)).toMatchObject({ result: 'refused', code: 'PROTECTED' })
      expect(writesOf(site, 'plain')).toEqual([])
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
    }))

  test('a claim that the cluster would delete along with the set: refused where it was not asked for', () =>
    withSite(async (site) => {
      await site.deploy()
      const uid = text(site.cluster.objects.get('StatefulSet', PREVIEW, 'web'), 'metadata', 'uid')
      const owned = {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: 'theirs',
          namespace: PREVIEW,
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid }],
        },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      }
      site.cluster.somebody.apply(owned)
      for (const [inputs, name] of [
        [{}, 'one'],
        [ALL, 'two'],
      ] as const) {
        expect(told(await site.cleanup(inputs, name))).toMatchObject({
          result: 'refused',
          code: 'PROTECTED',
        })
        expect(writesOf(site, name)).toEqual([])
      }
    }))

  test('a volume that is to be kept (Retain) is named', () =>
    withSite(async (site) => {
      await site.deploy()
      const [volume] = site.cluster.objects.list('PersistentVolume')
      const name = text(volume, 'metadata', 'name')
      site.cluster.somebody.edit('PersistentVolume', '', name, {
        spec: { persistentVolumeReclaimPolicy: 'Retain' },
      })
      const run = await site.cleanup(ALL)
      expect(told(run)).toMatchObject(done)
      expect(run.report.notes.join('\n')).toContain(`Retain): ${name}`)
      expect(site.volumes()).toBe(1)
    }))
})

describe('others at work', () => {
  test('a deploy that runs holds the lock: LOCKED after two minutes, with its run; a dead one is taken over and its leavings go', () =>
    withSite(async (site) => {
      const busy = site.start(
        'deploy',
        { image: 'busybox:slow', timeout: '2h', 'member-timeout': '1h' },
        'busy',
      )
      await site.clock.sleep(60_000)
      expect(site.inside(PREVIEW)).toContain('pod/web-0')
      const locked = await site.cleanup(ALL, 'closer')
      expect(told(locked)).toMatchObject({ result: 'refused', code: 'LOCKED' })
      expect(told(locked).log).toContain('https://github.com/example/shop/actions/runs/busy')
      busy.kill()
      await busy.ended
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect(namespaces(site)).not.toContain(PREVIEW)
    }))

  test('reopened while it is being deleted: the deploy waits for the namespace and makes it again', () =>
    withSite(async (site) => {
      await site.deploy({ ttl: '72h' })
      const closing = site.start('cleanup', ALL, 'closing')
      await site.clock.sleep(100)
      const reopened = await site.deploy({ ttl: '72h' }, 'reopened')
      expect(told(await closing.ended)).toMatchObject(done)
      expect(told(reopened)).toMatchObject(done)
      expect(site.inside(PREVIEW)).toEqual(
        expect.arrayContaining(['statefulset/web', 'pod/web-0', 'pod/web-1', 'service/web']),
      )
    }))

  test('a namespace that something holds: the deploy says what, and ends with its timeout', () =>
    withSite(async (site) => {
      await site.deploy({ ttl: '72h' })
      site.cluster.somebody.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'held', namespace: PREVIEW, finalizers: ['example.com/hold'] },
        data: {},
      })
      site.cluster.somebody.delete('Namespace', '', PREVIEW)
      await site.clock.sleep(30_000)
      const run = await site.deploy({ timeout: '2m' }, 'late')
      expect(told(run)).toMatchObject({ result: 'failed', code: 'TIMEOUT' })
      expect(told(run).log).toContain('example.com/hold')
      const waiting = await site.cleanup({ ...ALL, timeout: '1m' })
      expect(told(waiting)).toMatchObject({ code: 'TIMEOUT' })
      expect(told(waiting).log).toContain('example.com/hold')
    }))

  test('what a finalizer holds is named, and goes with the next run once it is free', () =>
    withSite(async (site) => {
      await site.deploy()
      site.cluster.objects.edit(
        'ConfigMap',
        PREVIEW,
        'web-settings',
        (draft) => (draft.metadata['finalizers'] = ['example.com/hold']),
      )
      const run = await site.cleanup({ ...ALL, timeout: '1m' })
      expect(told(run)).toMatchObject({ result: 'failed', code: 'TIMEOUT' })
      expect(run.report.findings[0]?.message).toContain('configmap/web-settings')
      expect(run.report.findings[0]?.message).toContain('example.com/hold')
      site.cluster.objects.edit(
        'ConfigMap',
        PREVIEW,
        'web-settings',
        (draft) => (draft.metadata['finalizers'] = []),
      )
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect(namespaces(site)).not.toContain(PREVIEW)
    }))
})

describe('a drain', () => {
  const node = (site: Site, phase: string): void => {
    const found = site.cluster.objects.get('Node', '', 'node-1')
    const at = '2026-11-28T10:00:00.000Z'
    const record: unknown = JSON.parse(
      text(
        site.cluster.objects.get('ConfigMap', PREVIEW, 'zk-ensemble-web'),
        'data',
        'record.json',
      ),
    )
    const entry = {
      name: 'node-1',
      uid: text(found, 'metadata', 'uid'),
      phase,
      cordon: 'ours',
      placement: 'in-place',
      bootId: '',
      members: ['web-0'],
      at,
    }
    site.cluster.somebody.edit('ConfigMap', PREVIEW, 'zk-ensemble-web', {
      data: {
        'record.json': JSON.stringify({
          ...Object(record),
          maintenance: {
            runUrl: 'https://github.com/example/shop/actions/runs/77',
            since: at,
            nodes: [entry],
          },
        }),
      },
    })
    site.cluster.objects.edit('Node', '', 'node-1', (draft) => {
      draft['spec'] = { unschedulable: true }
      draft.metadata['annotations'] = {
        'zk-ensemble-action/cordon': JSON.stringify({
          ensemble: `${PREVIEW}/web`,
          identity: 'example/shop/77/1/dead',
          runUrl: 'https://github.com/example/shop/actions/runs/77',
          at,
        }),
      }
    })
  }

  test('that handed a node over is not over: LOCKED, with its run and the way out', () =>
    withSite(async (site) => {
      await site.deploy()
      node(site, 'handed-over')
      const run = await site.cleanup(ALL, 'late')
      expect(told(run)).toMatchObject({ result: 'refused', code: 'LOCKED' })
      expect(told(run).log).toMatch(/node-1 is under maintenance.*runs\/77/)
      expect(writesOf(site, 'late')).toEqual([])
    }))

  test('that died left a cordon: it is removed first', () =>
    withSite(async (site) => {
      await site.deploy()
      node(site, 'evict')
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect(
        text(
          site.cluster.objects.get('Node', '', 'node-1'),
          'metadata',
          'annotations',
          'zk-ensemble-action/cordon',
        ),
      ).toBe('')
      expect(namespaces(site)).not.toContain(PREVIEW)
    }))
})

test('with the rights of one namespace alone the ensemble goes by its name', () =>
  withSite(async (site) => {
    await site.deploy()
    site.cluster.faults.forbid('*', 'namespaces')
    expect(told(await site.cleanup(ALL))).toMatchObject({ result: 'refused', code: 'PROTECTED' })
    const run = await site.cleanup({ ...ALL, name: 'web' })
    expect(told(run)).toMatchObject(done)
    expect(site.inside(PREVIEW)).toEqual([])
    expect(namespaces(site)).toContain(PREVIEW)
  }))

test('a right that is missing is named before anything is changed', () =>
  withSite(async (site) => {
    await site.deploy()
    site.cluster.faults.forbid('delete', 'statefulsets')
    const run = await site.cleanup(ALL, 'late')
    expect(told(run)).toMatchObject({ result: 'refused', code: 'ACCESS_DENIED' })
    expect(writesOf(site, 'late')).toEqual([])
  }))

describe('sweep', () => {
  const previews = ['preview-1', 'preview-2', 'preview-3', 'preview-4']

  test('three previews at once: those whose time is over go, one that fails does not stop the others, and each is told with its age', () =>
    withSite(async (site) => {
      for (const namespace of previews)
        expect(
          told(await site.deploy({ namespace, ttl: namespace === 'preview-3' ? '72h' : '1h' })),
        ).toMatchObject(done)
      for (const [name, metadata] of [
        [
          'labelled',
          {
            labels: { 'zk-ensemble-action/managed': 'true' },
            annotations: { 'zk-ensemble-action/expires-at': '2020-01-01T00:00:00Z' },
          },
        ],
        [
          'other-repo',
          {
            labels: { 'zk-ensemble-action/managed': 'true' },
            annotations: {
              'zk-ensemble-action/repository': 'example/other',
              'zk-ensemble-action/expires-at': '2020-01-01T00:00:00Z',
            },
          },
        ],
      ] as const) {
        site.cluster.somebody.apply({
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name, ...metadata },
        })
      }
      await site.clock.sleep(2 * 3_600_000)
      site.cluster.objects.edit(
        'ConfigMap',
        'preview-1',
        'web-settings',
        (draft) => (draft.metadata['finalizers'] = ['example.com/hold']),
      )
      const dry = await site.cleanup({ ...ALL, sweep: 'true', 'dry-run': 'true' }, 'dry')
      expect(told(dry)).toMatchObject({ result: 'planned' })
      expect(
        dry.report.namespaces.map(({ namespace, verdict }) => `${namespace} ${verdict}`),
      ).toEqual([
        'labelled left',
        'other-repo left',
        'preview-1 would go',
        'preview-2 would go',
        'preview-3 left',
        'preview-4 would go',
      ])
      expect(writesOf(site, 'dry')).toEqual([])
      const swept = await site.cleanup({ ...ALL, sweep: 'true', timeout: '1m' })
      expect(told(swept)).toMatchObject({ result: 'failed', code: 'TIMEOUT' })
      expect(
        swept.report.namespaces.map(({ namespace, verdict }) => `${namespace} ${verdict}`),
      ).toEqual([
        'labelled left',
        'other-repo left',
        'preview-1 failed',
        'preview-2 gone',
        'preview-3 left',
        'preview-4 gone',
      ])
      expect(
        swept.report.namespaces.find(({ namespace }) => namespace === 'preview-2')?.age,
      ).toMatch(/^2h/)
      expect(namespaces(site)).toEqual(
        expect.arrayContaining(['labelled', 'other-repo', 'preview-1', 'preview-3']),
      )
      expect(namespaces(site)).not.toEqual(expect.arrayContaining(['preview-2']))
      site.cluster.objects.edit(
        'ConfigMap',
        'preview-1',
        'web-settings',
        (draft) => (draft.metadata['finalizers'] = []),
      )
      expect(told(await site.cleanup({ ...ALL, sweep: 'true' }))).toMatchObject(done)
      expect(told(await site.cleanup({ ...ALL, sweep: 'true' }))).toMatchObject({
        result: 'unchanged',
      })
    }))

  test('a deploy that moves its time on while the sweep waits for its lock keeps it', () =>
    withSite(async (site) => {
      await site.deploy({ ttl: '1h' })
      await site.clock.sleep(2 * 3_600_000)
      site.cluster.faults.next({ by: 'sweeper', verb: 'get', kind: 'Lease', delayMs: 30_000 })
      const sweeping = site.start('cleanup', { ...ALL, sweep: 'true' }, 'sweeper')
      await site.clock.sleep(1_000)
      expect(told(await site.deploy({ ttl: '1h' }, 'again'))).toMatchObject({ code: '' })
      const swept = await sweeping.ended
      expect(swept.report.namespaces.map(({ verdict }) => verdict)).toEqual(['left'])
      expect(site.inside(PREVIEW)).toContain('statefulset/web')
    }))
})
