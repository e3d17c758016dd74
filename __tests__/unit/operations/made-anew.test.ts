// What was deleted and recreated under its name is another one, in every operation: nothing is done
// to it on the strength of what was decided about the one of before, and it is no success.

import { describe, expect, test } from '@jest/globals'
import { startCluster } from '../../support/cluster/cluster.ts'
import { fields, put, text } from '../../support/cluster/json.ts'
import { clusterClock, runHere, startRun, untilHere, type Ended } from '../../support/in-process.ts'
import { MARK, TUTORIAL, wanted, whole, withEnsemble, type Given } from './drained-ensemble.ts'

const CHANGED = TUTORIAL.replace(
  '        app: zk\n    spec:',
  '        app: zk\n        try: "2"\n    spec:',
)

/**
 * As `kubectl delete` and `kubectl apply` of somebody else: set and pods go, and come back with
 * other UIDs.
 */
function replaceSet({ cluster, clock }: Pick<Given, 'cluster' | 'clock'>): Promise<void> {
  const spec = structuredClone(fields(cluster.objects.get('StatefulSet', 'default', 'zk'), 'spec'))
  cluster.somebody.delete('StatefulSet', 'default', 'zk')
  for (const pod of cluster.objects.list('Pod', 'default'))
    if (text(pod, 'metadata', 'deletionTimestamp') === '')
      cluster.somebody.delete('Pod', 'default', text(pod, 'metadata', 'name'))
  return untilHere(
    clock,
    'the set is gone',
    () => cluster.objects.get('StatefulSet', 'default', 'zk') === undefined,
  ).then(() => {
    cluster.somebody.apply({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'zk', namespace: 'default' },
      spec,
    })
  })
}

/** What the run did to members, set and nodes after the set was another one. */
function doneTo({ cluster }: Pick<Given, 'cluster'>, from: number): readonly string[] {
  return cluster.requests
    .slice(from)
    .filter(
      ({ by, verb, kind, dryRun, status }) =>
        by === 'run' &&
        !dryRun &&
        status < 300 &&
        (verb === 'eviction' ||
          verb === 'exec' ||
          (kind === 'Pod' && verb === 'delete') ||
          (kind === 'StatefulSet' && verb !== 'get' && verb !== 'list' && verb !== 'watch')),
    )
    .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`)
}

interface Scene {
  readonly operation: string
  readonly inputs: Readonly<Record<string, string>>
  readonly at: RegExp
  readonly nodes?: number
  /** Something to go back to. */
  readonly twice?: boolean
}

const SCENES: readonly Scene[] = [
  { operation: 'restart', inputs: {}, at: /zk-0: evicted/ },
  { operation: 'deploy', inputs: { manifests: 'zk.yaml', verify: 'quick' }, at: /zk-2: its turn/ },
  { operation: 'undo', inputs: {}, at: /zk-2: its turn/, twice: true },
  {
    operation: 'scale',
    inputs: { replicas: '5' },
    at: /zk-3: (?:creating|running|waiting)|statefulset\/zk: 4 members/,
    nodes: 6,
  },
  { operation: 'drain', inputs: { members: 'zk-0' }, at: /zk-0.* evicted/ },
]

describe('the StatefulSet', () => {
  test.each(SCENES)('in a $operation', ({ operation, inputs, at, nodes = 4, twice = false }) =>
    withEnsemble({ nodes }, async (given) => {
      const { cluster, clock } = given
      if (twice)
        expect(
          (
            await runHere({
              cluster,
              clock,
              name: 'deploy',
              inputs: { manifests: 'zk.yaml' },
              files: { 'zk.yaml': CHANGED },
            })
          ).report.result,
        ).toBe('succeeded')
      let replaced: Promise<void> | undefined
      let from = 0
      const run = startRun({
        cluster,
        clock,
        name: 'run',
        inputs: { operation, ...(operation === 'deploy' ? {} : { name: 'zk' }), ...inputs },
        files: { 'zk.yaml': CHANGED },
        onLine(line) {
          if (replaced !== undefined || !at.test(line)) return
          replaced = replaceSet(given).then(() => void (from = cluster.requests.length))
        },
      })
      const ended = await run.ended
      await replaced
      expect([replaced === undefined ? ended.lines.join('\n') : '', from > 0]).toEqual(['', true])
      wanted(ended, 'failed', 'CONFLICT')
      expect(ended.report.message).toMatch(
        /another one was made under its name|replaced by another of the same name|is another one now/,
      )
      expect(doneTo(given, from)).toEqual([])
      expect(
        cluster.objects
          .list('Node')
          .filter((node) => text(node, 'metadata', 'annotations', MARK) !== ''),
      ).toEqual([])
    }),
  )

  test('in a first deploy, before it was seen', async () => {
    const clock = clusterClock()
    const cluster = await startCluster({ clock, nodes: 4 })
    try {
      let replaced: Promise<void> | undefined
      const ended = await runHere({
        cluster,
        clock,
        name: 'run',
        inputs: { manifests: 'zk.yaml', verify: 'quick' },
        files: { 'zk.yaml': TUTORIAL },
        onLine: (line) =>
          void (
            line.includes('statefulset/zk created') && (replaced ??= replaceSet({ cluster, clock }))
          ),
      })
      await replaced
      wanted(ended, 'failed', 'CONFLICT')
    } finally {
      await cluster.stop()
    }
  })

  test('what a killed run had begun on the one of before is not under way: a restart restarts every member, and says why', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const killed = given.start(
        { operation: 'restart' },
        {
          name: 'killed',
          onLine: (line) => (line.includes('zk-0: evicted') ? killed.kill() : undefined),
        },
      )
      await killed.ended
      await replaceSet(given)
      await whole(given)
      const ended: Ended = await given.start({ operation: 'restart' }).ended
      wanted(ended, 'succeeded', '')
      expect(ended.lines.join('\n')).toContain('3 of 3 members restarted')
      expect(ended.report.notes.join('\n')).toMatch(
        /The restart that was begun at .* is ignored: statefulset\/zk was deleted since/,
      )
      expect(given.touched('run').filter((line) => line.includes('eviction'))).toHaveLength(3)
    }))
})

describe('a claim', () => {
  test('in a restart, deleted as soon as its member is: nobody else goes, and it is no success', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const { cluster } = given
      let deleted = false
      const ended = await given.start(
        { operation: 'restart' },
        {
          onLine(line) {
            if (deleted || !line.includes('zk-0: evicted')) return
            deleted = true
            cluster.somebody.delete('PersistentVolumeClaim', 'default', 'datadir-zk-0')
          },
        },
      ).ended
      expect(deleted).toBe(true)
      wanted(ended, 'failed', 'CLAIM_PENDING')
      expect(given.touched('run')).toEqual(['run eviction zk-0'])
    }))
})

describe('a node', () => {
  test('in a drain, recreated while its member is on its way: it is neither shut nor opened', () =>
    withEnsemble({ nodes: 4 }, async (given) => {
      const { cluster } = given
      const node = given.nodeOf('zk-0')
      let from = 0
      const ended = await given.start(
        { nodes: node },
        {
          onLine(line) {
            if (from > 0 || !/zk-0.* evicted/.test(line)) return
            const {
              metadata,
              spec: _spec,
              status,
              ...rest
            } = structuredClone(fields(cluster.objects.get('Node', '', node)))
            cluster.somebody.delete('Node', '', node)
            cluster.somebody.apply({
              ...rest,
              metadata: { name: node, labels: fields(fields(metadata), 'labels') },
            })
            cluster.objects.edit('Node', '', node, (draft) => {
              put(draft, ['status'], status ?? {})
            })
            from = cluster.requests.length
          },
        },
      ).ended
      expect(from).toBeGreaterThan(0)
      expect(given.cordoned()).toEqual([])
      expect(
        cluster.requests
          .slice(from)
          .filter(
            ({ by, verb, kind, name }) =>
              by === 'run' && kind === 'Node' && verb === 'patch' && name === node,
          ),
      ).toEqual([])
      expect(['succeeded', 'failed']).toContain(ended.report.result)
    }))
})
