// A dry run is what people try first on production: whatever it says, nothing may be written by it,
// not even a lock.

import { describe, expect, jest, test } from '@jest/globals'
import { at, text } from '../support/cluster/json.ts'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { verdict, withBundle } from './given.ts'

jest.setTimeout(120_000)

const written = (cluster: SimulatedCluster, from: number): readonly string[] =>
  cluster.requests
    .slice(from)
    .filter(
      ({ verb, dryRun, path }) =>
        !dryRun &&
        !['get', 'list', 'watch'].includes(verb) &&
        !path.startsWith('/apis/authorization.k8s.io/') &&
        !path.includes('/portforward') &&
        !path.includes('/exec'),
    )
    .map(({ verb, path }) => `${verb} ${path}`)

describe('every operation that changes something, as a dry run', () => {
  test('says what it would do and sends no request that writes; done in earnest right after, it does just that', () =>
    withBundle({}, async ({ cluster, run }) => {
      // The built-in ensemble: its members keep their addresses, so that a roll settles nothing.
      expect(verdict(await run(undefined))).toMatchObject({ result: 'succeeded' })
      expect(verdict(await run(undefined, { cpu: '400m' }))).toMatchObject({ result: 'succeeded' })
      const home = text(cluster.objects.get('Pod', 'default', 'zk-0'), 'spec', 'nodeName')
      const resource = at(
        cluster.objects.get('StatefulSet', 'default', 'zk') ?? {},
        'metadata',
        'resourceVersion',
      )
      const says: readonly (readonly [inputs: Readonly<Record<string, string>>, words: RegExp])[] =
        [
          [{ operation: 'plan' }, /3 members would be replaced/],
          [{ operation: 'deploy' }, /3 members would be replaced/],
          [
            { operation: 'restart' },
            /3 members would be restarted, one at a time, each back in the quorum before the next: zk-\d, zk-\d, zk-\d; zk-\d leads/,
          ],
          [{ operation: 'scale', replicas: '4' }, /3 → 4/],
          [{ operation: 'scale', replicas: '2', 'delete-claims': 'true' }, /3 → 2/],
          [{ operation: 'undo' }, /would be rolled back to revision zk-/],
          [{ operation: 'drain', nodes: home }, /would be drained/],
          [{ operation: 'uncordon', nodes: home }, /nothing/],
          [{ operation: 'cleanup', namespace: 'default', name: 'zk' }, /would/],
        ]
      for (const [inputs, words] of says) {
        const from = cluster.requests.length
        const ran = await run(undefined, { 'dry-run': 'true', ...inputs })
        expect([inputs['operation'], verdict(ran).result, ran.outputs['changed']]).toEqual([
          inputs['operation'],
          'planned',
          'false',
        ])
        expect([inputs['operation'], written(cluster, from)]).toEqual([inputs['operation'], []])
        expect(ran.lines.join('\n')).toMatch(words)
      }
      expect(
        at(
          cluster.objects.get('StatefulSet', 'default', 'zk') ?? {},
          'metadata',
          'resourceVersion',
        ),
      ).toBe(resource)
      expect(verdict(await run(undefined, { operation: 'undo' }))).toMatchObject({
        result: 'succeeded',
      })
    }))
})
