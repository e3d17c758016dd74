// Claims that are deleted while members still hold them: their volumes go with the next pod that
// goes, so nobody may take one down.

import { describe, expect, jest, test } from '@jest/globals'
import { at, put } from '../../support/cluster/json.ts'
import { runHere } from '../../support/in-process.ts'
import {
  ALL,
  OTHER,
  settled,
  TUTORIAL,
  wanted,
  whole,
  withEnsemble,
  type Given,
} from './drained-ensemble.ts'

jest.setTimeout(120_000)

const claimGoes = ({ cluster }: Given, ordinal: number): void =>
  cluster.somebody.delete('PersistentVolumeClaim', 'default', `datadir-zk-${ordinal}`)

describe('while a claim is being deleted', () => {
  test.each([
    ['restart', 'refused', 'CLAIM_PENDING'],
    ['status', 'failed', 'CLAIM_PENDING'],
    ['verify', 'failed', 'CLAIM_PENDING'],
  ] as const)('a %s says so and touches nobody', (operation, result, code) =>
    withEnsemble({ nodes: 4 }, async (given) => {
      claimGoes(given, 1)
      const ended = await given.start({ operation }).ended
      wanted(ended, result, code)
      expect(ended.report.message).toContain(
        'the claim datadir-zk-1 of zk-1 is being deleted: it goes with the pod, and the reclaim policy Delete then deletes the volume',
      )
      expect(given.touched('run')).toEqual([])
      settled(given)
    }),
  )

  test.each([
    ['elsewhere', {}],
    ['in place', { placement: 'in-place', 'maintenance-command': 'patch' }],
  ] as const)('no node is drained, %s', (_, more) =>
    withEnsemble({ nodes: 4 }, async (given) => {
      claimGoes(given, 2)
      const ended = await given.drain({ members: ALL, uncordon: 'after', ...more })
      wanted(ended, 'refused', 'DRAIN_REFUSED')
      expect(given.touched('run')).toEqual([])
      settled(given)
    }),
  )

  test('a scale removes nobody, the member that it belongs to neither', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      claimGoes(given, 2)
      wanted(
        await given.start({ operation: 'scale', replicas: '2' }).ended,
        'refused',
        'CLAIM_PENDING',
      )
      expect(given.touched('run')).toEqual([])
    }))
})

test('a claim that is deleted between two members halts a restart: those that are left are not touched', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const run = given.start(
      { operation: 'restart' },
      {
        onLine: (line) =>
          line.includes('evicted, every other member serves') && given.touched('run').length === 1
            ? claimGoes(given, 2)
            : undefined,
      },
    )
    const ended = await run.ended
    wanted(ended, 'failed', 'CLAIM_PENDING')
    expect(given.touched('run')).toHaveLength(1)
    expect(ended.report.standing).toBe('zk-0 was evicted; the restart did not end')
    expect(ended.report.message).toContain('members serve')
    await whole(given)
  }))

test('a claim that is deleted while its node is drained stops the drain, and the node is uncordoned', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const node = given.nodeOf('zk-0')
    const ended = await given.start(
      { nodes: node, uncordon: 'after' },
      { onLine: (line) => (line.includes(': cordoned') ? claimGoes(given, 1) : undefined) },
    ).ended
    wanted(ended, 'failed', 'CLAIM_PENDING')
    expect(given.touched('run').filter((line) => line.includes('eviction'))).toEqual([])
    expect(given.cordoned()).toEqual([])
    await whole(given)
  }))

describe('a set whose claims go when it is scaled down', () => {
  const DELETES = TUTORIAL.replace(
    'spec:\n  selector:\n    matchLabels:\n      app: zk\n  serviceName',
    'spec:\n  persistentVolumeClaimRetentionPolicy:\n    whenScaled: Delete\n  selector:\n    matchLabels:\n      app: zk\n  serviceName',
  )

  test('loses none to a scale that was not told so', () =>
    withEnsemble(
      { nodes: 4 },
      async (given) => {
        expect(
          at(
            given.cluster.objects.get('StatefulSet', 'default', 'zk'),
            'spec',
            'persistentVolumeClaimRetentionPolicy',
            'whenScaled',
          ),
        ).toBe('Delete')
        const ended = await given.start({ operation: 'scale', replicas: '2' }).ended
        wanted(ended, 'refused', 'PROTECTED')
        expect(ended.report.message).toContain(
          'would delete datadir-zk-2 with the data on it, which was not asked for',
        )
        await whole(given)
      },
      DELETES,
    ))
})

test("pods of somebody else's StatefulSet that is being deleted do not stop a drain: kubectl drain evicts them as well", () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const { cluster, clock } = given
    wanted(
      await runHere({
        cluster,
        clock,
        name: 'deploy',
        inputs: { manifests: 'other.yaml', verify: 'quick' },
        files: { 'other.yaml': OTHER },
      }),
      'succeeded',
      '',
    )
    // As with --cascade=foreground: it stays until its pods have gone.
    cluster.objects.edit('StatefulSet', 'default', 'other', (set) =>
      put(set, ['metadata', 'finalizers'], ['example.com/held']),
    )
    cluster.somebody.delete('StatefulSet', 'default', 'other')
    const node = given.nodeOf('other-0')
    const ended = await given.drain({ nodes: node, uncordon: 'after' })
    wanted(ended, 'succeeded', '')
    expect(ended.report.notes.join('\n')).toContain(
      'statefulset/other in default is being deleted: its pods are evicted like any other',
    )
    expect(given.touched('run')).toContain('run eviction other-0')
    settled(given)
  }))
