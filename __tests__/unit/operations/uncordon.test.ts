// uncordon is what people run after steps of their own: it uncordons what is ours and nothing
// else, and is not done before the member is in the quorum again.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import type { CordonMark } from '../../../src/decide/drain/cordon.ts'
import { connectKube } from '../../../src/kube/connect.ts'
import { toNode } from '../../../src/kube/views/index.ts'
import { cordonNode, readNode } from '../../../src/record/cordon.ts'
import { HeldRecord } from '../../../src/record/held-record.ts'
import {
  readRecord,
  type MaintenanceNode,
  nodesUnderMaintenance,
} from '../../../src/record/record.ts'
import { nextLines } from '../../../src/report/next.ts'
import type { Clock } from '../../../src/clock.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { at, text } from '../../support/cluster/json.ts'
import {
  clusterClock,
  runHere,
  startRun,
  untilHere,
  type Ended,
  type Started,
} from '../../support/in-process.ts'

jest.setTimeout(120_000)

const MANIFEST = readFileSync(
  fileURLToPath(new URL('../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
)
const never = new AbortController().signal

interface Given {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  readonly uncordon: (inputs: Readonly<Record<string, string>>, name?: string) => Promise<Ended>
  readonly start: (inputs: Readonly<Record<string, string>>, name?: string) => Started
  /** What a drain of an earlier run left. */
  readonly leave: (
    node: string,
    phase: MaintenanceNode['phase'],
    members?: readonly string[],
    mark?: Partial<CordonMark>,
  ) => Promise<void>
  readonly nodeOf: (pod: string) => string
  readonly cordoned: () => string[]
  readonly listed: () => Promise<string[]>
  /** Writes of the run to anything but its lock. */
  readonly writes: (name?: string) => string[]
}

/** An ensemble of three on `nodes` nodes; with three of them no member can go elsewhere. */
async function withEnsemble(nodes: number, work: (given: Given) => Promise<void>): Promise<void> {
  const clock = clusterClock()
  const cluster = await startCluster({ clock, nodes })
  const { kube } = await connectKube({
    kubeconfig: cluster.kubeconfigFor('before'),
    env: {},
    workspace: '/workspace',
    temp: '/temp',
    line: cluster.line,
    clock,
  })
  const start = (inputs: Readonly<Record<string, string>>, name = 'run'): Started =>
    startRun({ cluster, clock, name, inputs: { operation: 'uncordon', name: 'zk', ...inputs } })
  try {
    const deployed = await runHere({
      cluster,
      clock,
      name: 'deploy',
      inputs: { operation: 'deploy', manifests: 'ensemble.yaml', verify: 'quick' },
      files: { 'ensemble.yaml': MANIFEST },
    })
    expect(deployed.report.result).toBe('succeeded')
    await work({
      cluster,
      clock,
      start,
      uncordon: (inputs, name) => start(inputs, name).ended,
      async leave(name, phase, members = [], mark = {}) {
        const object = await readNode(kube, name, never)
        if (object === undefined) throw new Error(`no ${name}`)
        const node = toNode(object)
        const runUrl = 'https://ci.example/run/6'
        const record = new HeldRecord(
          kube,
          clock,
          { namespace: 'default', name: 'zk', runUrl },
          await readRecord(kube, 'default', 'zk', never),
        )
        await record.beginNode(
          {
            name,
            uid: node.uid,
            phase,
            cordon: 'ours',
            placement: 'in-place',
            bootId: '',
            members: [...members],
          },
          never,
        )
        await cordonNode(
          kube,
          node,
          {
            ensemble: 'default/zk',
            identity: 'example/shop/6/1/dead',
            runUrl,
            at: '',
            ...mark,
          },
          never,
        )
      },
      nodeOf: (pod) => text(cluster.objects.get('Pod', 'default', pod), 'spec', 'nodeName'),
      cordoned: () =>
        cluster.objects
          .list('Node')
          .filter((node) => at(node, 'spec', 'unschedulable') === true)
          .map((node) => text(node, 'metadata', 'name')),
      listed: async () =>
        nodesUnderMaintenance(await readRecord(kube, 'default', 'zk', never)).map(
          ({ name }) => name,
        ),
      writes: (name = 'run') =>
        cluster.requests
          .filter(
            ({ by, verb, kind, dryRun }) =>
              by === name &&
              ['create', 'update', 'patch', 'apply', 'delete', 'eviction'].includes(verb) &&
              !['', 'Lease'].includes(kind) &&
              !dryRun,
          )
          .map(({ verb, kind, name: object }) => `${verb} ${kind} ${object}`),
    })
  } finally {
    kube.close()
    await cluster.stop()
  }
}

describe('a node that was drained and left cordoned', () => {
  test('comes back by the name of its member, which is waited for until it is in the quorum', () =>
    withEnsemble(
      3,
      async ({ cluster, clock, leave, nodeOf, uncordon, cordoned, listed, writes }) => {
        const node = nodeOf('zk-1')
        await leave(node, 'handed-over', ['zk-1'])
        cluster.somebody.evict('default', 'zk-1')
        await untilHere(
          clock,
          'the member waits for a node',
          () =>
            text(cluster.objects.get('Pod', 'default', 'zk-1'), 'status', 'phase') === 'Pending',
        )
        const done = await uncordon({ members: 'zk-1' })
        expect(done.lines.filter((line) => line.includes('error'))).toEqual([])
        expect(done.report).toMatchObject({
          result: 'succeeded',
          code: '',
          changed: true,
          readyReplicas: 3,
          remainingNodes: [],
        })
        expect(done.report.nodes).toMatchObject([
          {
            node,
            outcome: 'uncordoned',
            cordon: 'none',
            placement: 'in-place',
            members: ['zk-1'],
            phases: [{ phase: 'uncordon' }, { phase: 'rejoin' }],
          },
        ])
        expect(
          done.report.members
            .map(({ role }) => role)
            .toSorted((a, b) => String(a).localeCompare(String(b))),
        ).toEqual(['follower', 'follower', 'leader'])
        expect({ cordoned: cordoned(), listed: await listed() }).toEqual({
          cordoned: [],
          listed: [],
        })
        // The phase is in the record before the node is touched, and out of it afterwards.
        expect(writes().filter((write) => !write.includes('Event'))).toEqual([
          'update ConfigMap zk-ensemble-zk',
          `patch Node ${node}`,
          'update ConfigMap zk-ensemble-zk',
        ])
      },
    ))

  test('whose member does not come back is a failure that names it, with the node already uncordoned', () =>
    withEnsemble(3, async ({ cluster, clock, leave, nodeOf, uncordon, cordoned }) => {
      const node = nodeOf('zk-1')
      await leave(node, 'handed-over', ['zk-1'])
      cluster.somebody.evict('default', 'zk-1')
      await untilHere(
        clock,
        'the member waits for a node',
        () => text(cluster.objects.get('Pod', 'default', 'zk-1'), 'status', 'phase') === 'Pending',
      )
      cluster.somebody.edit('Node', '', node, {
        spec: { taints: [{ key: 'broken', value: 'yes', effect: 'NoSchedule' }] },
      })
      const done = await uncordon({ nodes: node })
      expect(done.report).toMatchObject({
        result: 'failed',
        code: 'UNSCHEDULABLE',
        changed: true,
        nodes: [{ node, outcome: 'uncordoned' }],
      })
      expect(done.report.findings[0]?.message).toContain('zk-1')
      expect(done.report.standing).toContain(`${node} uncordoned`)
      expect(cordoned()).toEqual([])
    }))

  test('whose member runs and stays outside the quorum is not done', () =>
    withEnsemble(3, async ({ cluster, clock, leave, nodeOf, uncordon }) => {
      const node = nodeOf('zk-1')
      await leave(node, 'handed-over', ['zk-1'])
      cluster.zookeeper('default', 'zk').timing.rejoinMs = 3_600_000
      cluster.somebody.evict('default', 'zk-1')
      await untilHere(
        clock,
        'the member waits for a node',
        () => text(cluster.objects.get('Pod', 'default', 'zk-1'), 'status', 'phase') === 'Pending',
      )
      const done = await uncordon({ nodes: node, 'member-timeout': '3m' })
      expect(done.report).toMatchObject({ result: 'failed', changed: true })
      expect(`${done.report.code} ${done.report.findings[0]?.message ?? ''}`).toMatch(
        /^(NOT_READY|TIMEOUT) .*zk-1/,
      )
    }))

  test('the second run has nothing left to do', () =>
    withEnsemble(4, async ({ leave, uncordon, writes }) => {
      await leave('node-4', 'handed-over')
      expect((await uncordon({ nodes: 'node-4' })).report.result).toBe('succeeded')
      const again = await uncordon({ nodes: 'node-4' }, 'again')
      expect(again.report).toMatchObject({
        result: 'unchanged',
        changed: false,
        nodes: [{ node: 'node-4', outcome: 'skipped', cordon: 'none' }],
      })
      expect(again.exitCode).toBe(0)
      expect(writes('again')).toEqual([])
    }))
})

describe('cordons of somebody else', () => {
  test('are not touched, all of them told at once, and nothing is changed before', () =>
    withEnsemble(4, async ({ cluster, leave, uncordon, cordoned, writes, listed }) => {
      await leave('node-1', 'handed-over')
      await leave('node-2', 'handed-over', [], { ensemble: 'default/other' })
      cluster.somebody.cordon('node-4')
      const refused = await uncordon({ nodes: 'node-1\nnode-2\nnode-4' })
      expect(refused.report).toMatchObject({
        result: 'refused',
        code: 'DRAIN_REFUSED',
        changed: false,
      })
      const [finding] = refused.report.findings
      expect(finding?.message).toContain(
        'node-2 is cordoned for the maintenance of default/other by https://ci.example/run/6',
      )
      expect(finding?.message).toContain(
        'node-4 is cordoned by somebody else (field manager kubectl)',
      )
      expect(finding?.fix).toContain('any-cordon: true')
      expect(cordoned()).toEqual(['node-1', 'node-2', 'node-4'])
      expect(await listed()).toEqual(['node-1', 'node-2'])
      expect(writes()).toEqual([])
    }))

  test('are taken with any-cordon, and whose each was is in the log', () =>
    withEnsemble(4, async ({ cluster, leave, uncordon, cordoned }) => {
      await leave('node-2', 'handed-over', [], { ensemble: 'default/other' })
      cluster.somebody.cordon('node-4')
      const done = await uncordon({ nodes: 'node-2\nnode-4', 'any-cordon': 'true' })
      expect(done.report).toMatchObject({ result: 'succeeded', changed: true })
      expect(done.lines.join('\n')).toMatch(
        /node-2: uncordoned; it was cordoned for the maintenance of default\/other/,
      )
      expect(done.lines.join('\n')).toMatch(/node-4: uncordoned; it was cordoned by somebody else/)
      expect(cordoned()).toEqual([])
    }))
})

describe('which nodes are meant', () => {
  test('names that are unknown are all told, with what there is, before anything is changed', () =>
    withEnsemble(4, async ({ leave, uncordon, cordoned, writes }) => {
      await leave('node-1', 'handed-over')
      const done = await uncordon({
        nodes: 'node-1\nnode-9',
        members: 'zk-7',
        'node-selector': 'pool=none',
      })
      expect(done.report).toMatchObject({ result: 'refused', code: 'NOT_FOUND' })
      const told = done.report.findings.map(({ message }) => message).join('\n')
      expect(told).toMatch(/no node node-9, but node-1, node-2, node-3, node-4/)
      expect(told).toMatch(/no member zk-7, but zk-0 \(on node-\d\)/)
      expect(told).toMatch(/no node has the labels pool=none/)
      expect(cordoned()).toEqual(['node-1'])
      expect(writes()).toEqual([])
    }))

  test('none named: every node that drains of the ensemble left, no other', () =>
    withEnsemble(4, async ({ cluster, leave, uncordon, cordoned, listed }) => {
      // A dry run that says nothing of it looks as if it had not looked.
      const tried = await uncordon({ 'dry-run': 'true' }, 'tried')
      expect(tried.report.notes.join()).toContain('no drain of default/zk left a node cordoned')
      expect(nextLines(tried.report)).toEqual(['Nothing: no node would be uncordoned.'])
      const nothing = await uncordon({}, 'first')
      expect(nothing.report).toMatchObject({ result: 'unchanged', nodes: [] })
      expect(nothing.report.notes.join()).toContain('no drain of default/zk left a node cordoned')
      await leave('node-1', 'handed-over')
      await leave('node-3', 'evict')
      cluster.somebody.cordon('node-4')
      const done = await uncordon({})
      expect(done.report).toMatchObject({
        result: 'succeeded',
        nodes: [
          { node: 'node-1', outcome: 'uncordoned' },
          { node: 'node-3', outcome: 'uncordoned' },
        ],
      })
      expect({ cordoned: cordoned(), listed: await listed() }).toEqual({
        cordoned: ['node-4'],
        listed: [],
      })
    }))

  test('none named: a cordon that is somebody else’s by now stops nothing, and stays', () =>
    withEnsemble(4, async ({ cluster, leave, uncordon, cordoned, listed }) => {
      await leave('node-1', 'handed-over')
      await leave('node-3', 'handed-over')
      cluster.somebody.uncordon('node-1')
      cluster.somebody.cordon('node-1')
      const tried = await uncordon({ 'dry-run': 'true' }, 'tried')
      expect(tried.lines.join('\n')).toMatch(/node-1: is cordoned by somebody else.*left as it is/)
      expect(tried.report.changes.map(({ object }) => object)).toEqual(['node/node-3'])
      const done = await uncordon({})
      expect(done.report).toMatchObject({
        result: 'succeeded',
        remainingNodes: [],
        nodes: [
          { node: 'node-1', outcome: 'skipped', cordon: 'theirs' },
          { node: 'node-3', outcome: 'uncordoned' },
        ],
      })
      expect({ cordoned: cordoned(), listed: await listed() }).toEqual({
        cordoned: ['node-1'],
        listed: [],
      })
    }))

  test('by selector, by name and by member at once, each node once', () =>
    withEnsemble(4, async ({ cluster, leave, nodeOf, uncordon, cordoned }) => {
      const spare =
        cluster.objects
          .list('Node')
          .map((node) => text(node, 'metadata', 'name'))
          .find((name) => !['zk-0', 'zk-1', 'zk-2'].some((pod) => nodeOf(pod) === name)) ?? ''
      cluster.somebody.edit('Node', '', spare, { metadata: { labels: { pool: 'zk' } } })
      for (const name of [nodeOf('zk-0'), nodeOf('zk-1'), spare]) await leave(name, 'handed-over')
      const done = await uncordon({
        nodes: nodeOf('zk-1'),
        members: 'zk-1\n0',
        'node-selector': 'pool=zk',
      })
      expect(done.report.result).toBe('succeeded')
      expect(done.report.nodes.map(({ node }) => node)).toEqual([
        nodeOf('zk-1'),
        spare,
        nodeOf('zk-0'),
      ])
      expect(cordoned()).toEqual([])
    }))

  test('one that has left the cluster since is done', () =>
    withEnsemble(4, async ({ cluster, leave, nodeOf, uncordon, listed }) => {
      const spare =
        cluster.objects
          .list('Node')
          .map((node) => text(node, 'metadata', 'name'))
          .find((name) => !['zk-0', 'zk-1', 'zk-2'].some((pod) => nodeOf(pod) === name)) ?? ''
      await leave(spare, 'handed-over')
      cluster.objects.remove('Node', '', spare)
      const tried = await uncordon({ nodes: spare, 'dry-run': 'true' }, 'tried')
      expect(tried.report.nodes).toMatchObject([{ node: spare, outcome: 'gone' }])
      expect(await listed()).toEqual([spare])
      const done = await uncordon({ nodes: spare })
      expect(done.report).toMatchObject({
        result: 'unchanged',
        nodes: [{ node: spare, outcome: 'gone' }],
      })
      expect(await listed()).toEqual([])
    }))
})

test('what a dead run had begun elsewhere is uncordoned first; what was left cordoned on purpose elsewhere stays', () =>
  withEnsemble(4, async ({ leave, uncordon, cordoned, listed }) => {
    await leave('node-1', 'handed-over')
    await leave('node-2', 'handed-over')
    await leave('node-3', 'wait')
    const done = await uncordon({ nodes: 'node-1' })
    expect(done.report.result).toBe('succeeded')
    expect(done.lines.join('\n')).toContain('node-3: uncordoned')
    expect(cordoned()).toEqual(['node-2'])
    expect(await listed()).toEqual(['node-2'])
  }))

describe('a drain that died is cleaned up after by whatever comes next', () => {
  test.each([
    { operation: 'restart' },
    { operation: 'deploy', manifests: 'ensemble.yaml', verify: 'quick' },
  ])(
    '$operation removes its cordons first, and leaves what was to stay cordoned',
    ({ operation, ...inputs }) =>
      withEnsemble(4, async ({ cluster, clock, leave, cordoned, listed }) => {
        await leave('node-1', 'handed-over')
        await leave('node-2', 'wait')
        const name = operation === 'deploy' ? {} : { name: 'zk' }
        const done = await runHere({
          cluster,
          clock,
          name: 'next',
          inputs: { operation, ...name, ...inputs },
          files: { 'ensemble.yaml': MANIFEST },
        })
        expect(done.report.result).toBe(operation === 'deploy' ? 'unchanged' : 'succeeded')
        expect(done.lines.join('\n')).toMatch(
          /node-2: begun by a drain that did not end \(https:\/\/ci\.example\/run\/6\)[^]*node-2: uncordoned/,
        )
        expect(cordoned()).toEqual(['node-1'])
        expect(await listed()).toEqual(['node-1'])
      }),
  )

  test('without the rights it continues with its own work and tells the commands', () =>
    withEnsemble(4, async ({ cluster, clock, leave, cordoned, listed }) => {
      await leave('node-2', 'wait')
      cluster.faults.forbid('patch', 'nodes')
      const done = await runHere({
        cluster,
        clock,
        name: 'next',
        inputs: { operation: 'deploy', manifests: 'ensemble.yaml', verify: 'quick' },
        files: { 'ensemble.yaml': MANIFEST },
      })
      expect(done.report).toMatchObject({
        result: 'unchanged',
        byHand: [
          'kubectl uncordon node-2',
          'kubectl annotate node node-2 zk-ensemble-action/cordon-',
        ],
      })
      expect(done.report.notes.join()).toContain('patch nodes is missing')
      expect(cordoned()).toEqual(['node-2'])
      expect(await listed()).toEqual(['node-2'])
    }))
})

test('a dry run says what would be done and writes nothing at all, not even a lock', () =>
  withEnsemble(4, async ({ cluster, leave, uncordon, cordoned }) => {
    await leave('node-1', 'handed-over')
    await leave('node-3', 'wait')
    const lease = text(
      cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'),
      'metadata',
      'resourceVersion',
    )
    const done = await uncordon({ nodes: 'node-1\nnode-2', 'dry-run': 'true' })
    expect(done.report).toMatchObject({
      result: 'planned',
      changed: false,
      changes: [{ object: 'node/node-1', change: 'configured' }],
    })
    expect(done.lines.join('\n')).toMatch(
      /node-1: would be uncordoned[^]*node-2: is not cordoned[^]*node-3: was begun by a run that did not end; it would be uncordoned/,
    )
    expect(cordoned()).toEqual(['node-1', 'node-3'])
    expect(
      text(
        cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'),
        'metadata',
        'resourceVersion',
      ),
    ).toBe(lease)
    expect(
      cluster.requests.filter(
        ({ by, verb, kind }) =>
          by === 'run' && !['get', 'list', 'watch'].includes(verb) && kind !== '',
      ),
    ).toEqual([])
  }))

test('without the rights on nodes it is refused with the rules to add', () =>
  withEnsemble(4, async ({ cluster, leave, uncordon, cordoned }) => {
    await leave('node-1', 'handed-over')
    cluster.faults.forbid('patch', 'nodes')
    const done = await uncordon({ nodes: 'node-1' })
    expect(done.report).toMatchObject({ result: 'refused', code: 'ACCESS_DENIED' })
    expect(done.report.findings[0]?.message).toContain('patch nodes')
    expect(done.report.findings[0]?.fix).toContain('kind: ClusterRole')
    expect(cordoned()).toEqual(['node-1'])
  }))

test('killed at any request it leaves nothing that the next one does not finish', () =>
  withEnsemble(4, async ({ leave, start, uncordon, cordoned, listed }) => {
    const found = new Set<number>()
    for (let request = 1; request <= 28; request += 3) {
      await leave('node-1', 'handed-over')
      const name = `killed-${request}`
      const killed = start({ nodes: 'node-1' }, name)
      killed.kill(request)
      await killed.ended
      found.add(cordoned().length)
      const next = await uncordon({ nodes: 'node-1' }, `next-${request}`)
      expect(next.report.result).toMatch(/^(succeeded|unchanged)$/)
      expect({ request, cordoned: cordoned(), listed: await listed() }).toEqual({
        request,
        cordoned: [],
        listed: [],
      })
    }
    // Some of them had come to the node, some had not.
    expect(found).toEqual(new Set([0, 1]))
  }))
