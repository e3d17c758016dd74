// The list that somebody chooses a revision from at night: a wrong row, number or mark leads back
// into the fault.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject, ListOptions } from '../../../../src/kube/kube.ts'
import { toRevision } from '../../../../src/kube/views/index.ts'
import {
  findRevision,
  imageOf,
  listRevisions,
  revisionRows,
} from '../../../../src/procedures/open/revisions.ts'
import type { VerifiedRevision } from '../../../../src/record/record.ts'
import { NEW, OLD, pod, set, SET_UID, view } from '../../decide/given.ts'

function controllerRevision(
  name: string,
  revision: number,
  more: {
    readonly owner?: string
    readonly image?: string
    readonly cause?: string
    readonly data?: unknown
  } = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    revision,
    metadata: {
      name,
      namespace: 'prod',
      uid: `uid-${name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(more.cause === undefined
        ? {}
        : { annotations: { 'kubernetes.io/change-cause': more.cause } }),
      ownerReferences: [
        { kind: 'StatefulSet', name: 'zk', uid: more.owner ?? SET_UID, controller: true },
      ],
    },
    data:
      'data' in more
        ? more.data
        : {
            spec: {
              template: {
                $patch: 'replace',
                metadata: { labels: { app: 'zk' } },
                spec: {
                  containers: [
                    { name: 'exporter', image: 'exporter:1' },
                    { name: 'zk', image: more.image ?? 'zookeeper:3.9' },
                  ],
                },
              },
            },
          },
  }
}

function verified(
  controllerRevision: string,
  more: Partial<VerifiedRevision> = {},
): VerifiedRevision {
  return {
    digest: `digest-${controllerRevision}`,
    controllerRevision,
    image: 'zookeeper:3.8',
    verifiedAt: '2026-01-01T00:00:00.000Z',
    origin: 'deploy',
    version: '3.8.4',
    runUrl: '',
    ...more,
  }
}

describe('the history of a set', () => {
  test('is what its controller made for it, ascending, asked for by the labels of its members', async () => {
    const asked: ListOptions[] = []
    const items = [
      controllerRevision(NEW, 7),
      controllerRevision('other', 9, { owner: 'somebody-else' }),
      controllerRevision(OLD, 3),
    ]
    const list = (
      _: unknown,
      options: ListOptions,
    ): Promise<{ items: readonly KubeObject[]; resourceVersion: string }> => {
      asked.push(options)
      return Promise.resolve({ items, resourceVersion: '1' })
    }
    const found = await listRevisions({ list }, set(), new AbortController().signal)
    expect(found.map(({ name, revision }) => [name, revision])).toEqual([
      [OLD, 3],
      [NEW, 7],
    ])
    expect(asked).toEqual([{ namespace: 'prod', labels: 'app=zk' }])
  })

  test('keeps the template ready to be put back: the directive of the stored patch is no field of a template', () => {
    const seen = toRevision(controllerRevision(NEW, 7, { cause: 'raise the heap' }))
    expect(seen).toMatchObject({
      revision: 7,
      changeCause: 'raise the heap',
      owner: SET_UID,
      created: Date.parse('2026-01-01T00:00:00Z'),
    })
    expect(Object.keys(seen.template ?? {})).toEqual(['metadata', 'spec'])
  })

  test('shows a revision of another shape without an image rather than not at all', () => {
    const odd = toRevision(controllerRevision(NEW, 1, { data: { spec: 'nothing' } }))
    expect(odd.template).toBeUndefined()
    expect(imageOf(odd, 'zookeeper')).toBe('')
  })

  test('is found by number and by name, and never by a part of either', () => {
    const list = [controllerRevision(OLD, 3), controllerRevision(NEW, 13)].map(toRevision)
    expect(
      ['3', '13', NEW, '1', 'zk-', '03x'].map((wanted) => findRevision(list, wanted)?.revision),
    ).toEqual([3, 13, 13, undefined, undefined, undefined])
  })
})

describe('rows', () => {
  const revisions = [
    controllerRevision(OLD, 3, { image: 'zookeeper:3.8' }),
    controllerRevision(NEW, 7, { cause: 'to 3.9' }),
  ].map(toRevision)
  const rolling = view(
    [
      pod(0, { revision: OLD }),
      pod(1, { revision: OLD }),
      pod(2),
      pod(3, { owner: undefined, revision: NEW }),
    ],
    { set: set({ status: { currentRevision: OLD, updateRevision: NEW } }) },
  )

  test('in the middle of a roll tell what is wanted from what runs', () => {
    const rows = revisionRows(revisions, rolling, { revisions: [verified(OLD)] }, 'zookeeper')
    expect(rows).toEqual([
      {
        revision: 3,
        name: OLD,
        image: 'zookeeper:3.8',
        changeCause: '',
        created: Date.parse('2026-01-01T00:00:00Z'),
        current: false,
        members: 2,
        verified: true,
      },
      {
        revision: 7,
        name: NEW,
        image: 'zookeeper:3.9',
        changeCause: 'to 3.9',
        created: Date.parse('2026-01-01T00:00:00Z'),
        current: true,
        members: 1,
        verified: false,
      },
    ])
  })

  test('one that the cluster has trimmed away stays, without a number, once, with the image that was verified last', () => {
    const record = {
      revisions: [
        verified('zk-gone', { image: 'zookeeper:3.6' }),
        verified('zk-gone', { digest: 'other companions', image: 'zookeeper:3.7' }),
        verified('zk-applied-only', { verifiedAt: '' }),
      ],
    }
    expect(revisionRows(revisions, rolling, record, 'zookeeper')[0]).toEqual({
      revision: undefined,
      name: 'zk-gone',
      image: 'zookeeper:3.7',
      changeCause: '',
      created: undefined,
      current: false,
      members: 0,
      verified: true,
    })
    expect(revisionRows(revisions, rolling, record, 'zookeeper')).toHaveLength(3)
  })

  test('what was applied and never verified does not count as verified', () => {
    expect(
      revisionRows(
        revisions,
        rolling,
        { revisions: [verified(NEW, { verifiedAt: '' })] },
        'zookeeper',
      ).map((row) => row.verified),
    ).toEqual([false, false])
  })

  test('a verified template beside ConfigMaps that its members have not read is not verified as it stands', () => {
    const record = {
      revisions: [
        verified(OLD),
        verified(NEW),
        verified(NEW, { digest: 'changed ConfigMap', verifiedAt: '', unread: ['uid-0/0'] }),
      ],
    }
    expect(
      revisionRows(revisions, rolling, record, 'zookeeper').map((row) => row.verified),
    ).toEqual([true, false])
  })

  test('without a record nothing is said of what was verified', () => {
    expect(
      revisionRows(revisions, rolling, undefined, 'zookeeper').map((row) => row.verified),
    ).toEqual([undefined, undefined])
  })
})
