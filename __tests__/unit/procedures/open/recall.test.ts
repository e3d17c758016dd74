// status and history must work for somebody who may not read the record, and must not call a run
// alive that is long gone.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Kube, KubeObject, ObjectRef } from '../../../../src/kube/kube.ts'
import { recall } from '../../../../src/procedures/open/recall.ts'
import { emptyRecord, type EnsembleRecord } from '../../../../src/record/record.ts'

const NOW = Date.parse('2026-01-01T03:00:00Z')
const UNDER_WAY: NonNullable<EnsembleRecord['underWay']> = {
  operation: 'deploy',
  digest: 'd',
  previous: 'zk-old',
  runUrl: 'https://ci.example/run/7',
  since: '2026-01-01T02:50:00.000Z',
}

type Answer = KubeObject | undefined | 'denied'

function recordObject(text: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'zk-ensemble-zk' },
    data: { 'record.json': text },
  }
}

function lease(holder: string, renewed: string): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'zk-ensemble-zk',
      annotations: { 'zk-ensemble-action/run-url': 'https://ci.example/run/7' },
    },
    spec: { holderIdentity: holder, renewTime: renewed, leaseDurationSeconds: 60 },
  }
}

function recalled(record: Answer, lock?: Answer): ReturnType<typeof recall> {
  const get = ({ kind, name }: ObjectRef): Promise<KubeObject | undefined> => {
    const answer = kind === 'Lease' ? lock : record
    return answer === 'denied'
      ? Promise.reject(
          new KubeFailure({
            status: 403,
            reason: 'Forbidden',
            message: 'no',
            request: `get ${kind} ${name}`,
          }),
        )
      : Promise.resolve(answer)
  }
  const kube: Pick<Kube, 'get'> = { get }
  return recall(kube, 'shop', 'zk', NOW, new AbortController().signal)
}

function written(underWay: EnsembleRecord['underWay']): KubeObject {
  return recordObject(JSON.stringify({ ...emptyRecord('zk'), underWay }))
}

describe('a record that says nothing', () => {
  test.each<[string, Answer, string]>([
    ['is not there', undefined, 'There is no record of this ensemble (configmap/zk-ensemble-zk)'],
    ['may not be read', 'denied', 'may not be read, the right get configmaps is missing'],
    ['is broken', recordObject('{'), "can't be read"],
  ])('because it %s is a note', async (_, answer, note) => {
    const found = await recalled(answer)
    expect(found).toMatchObject({ record: undefined, unfinished: undefined })
    expect(found.notes.join()).toContain(note)
  })

  test('an API that is away is more than a silent record', async () => {
    const away: Pick<Kube, 'get'> = {
      get: () =>
        Promise.reject(
          new KubeFailure({
            status: 0,
            reason: 'ConnectionRefused',
            message: 'refused',
            request: 'get',
          }),
        ),
    }
    await expect(recall(away, 'shop', 'zk', NOW, new AbortController().signal)).rejects.toThrow(
      KubeFailure,
    )
  })
})

describe('a change that did not end', () => {
  test('none leaves no note', async () => {
    expect(await recalled(written(null))).toMatchObject({ unfinished: undefined, notes: [] })
  })

  test.each<[string, Answer, boolean | undefined, string]>([
    [
      'is still at work',
      lease('org/repo/7/1/abc', '2026-01-01T02:59:50.000000Z'),
      true,
      'the lock is held by https://ci.example/run/7, last renewed at 2026-01-01 02:59:50 UTC',
    ],
    [
      'was killed and left its lock',
      lease('org/repo/7/1/abc', '2026-01-01T02:50:20.000000Z'),
      false,
      'that run is gone, the next one takes over',
    ],
    ['released its lock', lease('', '2026-01-01T02:55:00.000000Z'), false, 'nobody continues it'],
    ['never had one that is still there', undefined, false, 'nobody continues it'],
    ['can not be seen', 'denied', undefined, 'the right get leases is missing'],
  ])('tells operation, time and run, and that the run %s', async (_, lock, alive, words) => {
    const found = await recalled(written(UNDER_WAY), lock)
    expect(found.alive).toBe(alive)
    expect(found.notes).toEqual([
      expect.stringContaining(
        'deploy was begun at 2026-01-01 02:50:00 UTC and is not recorded as finished (https://ci.example/run/7)',
      ),
    ])
    expect(found.notes[0]).toContain(words)
  })
})

describe('nodes that a drain of the ensemble cordoned', () => {
  const maintained = (node: Readonly<Record<string, unknown>>): KubeObject =>
    recordObject(
      JSON.stringify({
        ...emptyRecord('zk'),
        maintenance: {
          runUrl: 'https://ci.example/run/8',
          since: '2026-01-01T02:40:00.000Z',
          nodes: [{ name: 'node-3', uid: 'u', bootId: 'b', members: ['zk-2'], at: '', ...node }],
        },
      }),
    )
  const begun = { phase: 'evict', cordon: 'ours', placement: 'elsewhere' }

  test('of a run that died: which node, whose, and the way to uncordon it', async () => {
    const found = await recalled(maintained(begun), lease('', ''))
    expect(found.notes).toEqual([
      'By the record node-3 is cordoned: drain was begun at 2026-01-01 02:40:00 UTC and is not recorded as finished (https://ci.example/run/8); no run holds the lock any more, so nobody continues it. The next run that changes the ensemble uncordons it first; operation: uncordon does it now.',
    ])
    // A drain is no change of the StatefulSet: nobody who waits for a roll waits for it.
    expect(found.unfinished).toBeUndefined()
  })

  test('of a run at work: who holds the lock, and no advice to uncordon it', async () => {
    const { notes } = await recalled(maintained(begun), lease('org/repo/8', '2026-01-01T02:59:50Z'))
    expect(notes.join()).toContain('the lock is held by https://ci.example/run/7')
    expect(notes.join()).not.toContain('uncordons it')
  })

  test('that somebody else had cordoned, or that are not cordoned yet, are not called ours', async () => {
    const found = await recalled(maintained({ ...begun, cordon: 'theirs' }), lease('', ''))
    expect(found.notes).toEqual([])
  })

  test('of a drain with uncordon: never that was cut off: no run removes it by itself', async () => {
    const { notes } = await recalled(maintained({ ...begun, keep: true }))
    expect(notes).toEqual([
      'By the record node-3 was left cordoned by a drain that did not end, and that was to leave its nodes cordoned: operation: uncordon removes the cordon.',
    ])
  })

  test('left cordoned on purpose: said, so that it is not forgotten', async () => {
    const { notes } = await recalled(maintained({ ...begun, phase: 'handed-over' }))
    expect(notes).toEqual([
      'By the record node-3 was drained and left cordoned for the maintenance; operation: uncordon ends it.',
    ])
  })
})
