// Example workflows are copied and trusted: each is run as it stands, by the shipped bundle against
// the simulated cluster, and the cluster is looked at afterwards.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { cassandraImage } from '../support/cluster/cassandra.ts'
import {
  startCluster,
  type ClusterOptions,
  type SimulatedCluster,
} from '../support/cluster/cluster.ts'
import { etcdImage } from '../support/cluster/etcd.ts'
import { at, fields, text } from '../support/cluster/json.ts'
import { endJob, newJob, runAction, type Finished } from '../support/runner.ts'
import { runWorkflow, type Occasion, type Ran } from '../support/workflow-run.ts'
import { example, QUICK, tutorial, verdict, withVariable, writes } from './given.ts'

jest.setTimeout(180_000)

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'workflows')
const MANAGED = 'zk-ensemble-action/cordon'
/** Members whose addresses stay: no settling before a leader goes. */
const SERVICES = example('zookeeper-tutorial-services.yaml')
const SUCCEEDED = { result: 'succeeded', code: '', exitCode: 0 }
const CASSANDRA = { 'gcr.io/google-samples/cassandra:v13': cassandraImage() }
const ETCD = { 'registry.k8s.io/etcd:3.6.8-0': etcdImage() }

interface Stage {
  readonly cluster: SimulatedCluster
  /** The example's own file, as an event starts it; its secrets lead to the cluster. */
  readonly run: (occasion: Occasion) => Promise<readonly Ran[]>
  /** An ensemble that is there already. */
  readonly stands: (manifest: string, inputs?: Readonly<Record<string, string>>) => Promise<void>
}

interface Play {
  readonly says: string
  readonly cluster?: ClusterOptions
  readonly play: (stage: Stage) => Promise<void>
}

async function put(file: string, { cluster: options = {}, play }: Play): Promise<void> {
  const content = readFileSync(join(FOLDER, file), 'utf8')
  const cluster = await startCluster({ speed: 50, ...options })
  try {
    for (const name of ['zookeeper', 'cassandra', 'etcd', 'maintenance', 'orders', 'search'])
      cluster.objects.put('Namespace', { metadata: { name } })
    await play({
      cluster,
      stands: (manifest, inputs = {}) => deployed(cluster, manifest, inputs),
      run: (occasion) =>
        runWorkflow(content, {
          secrets: {
            KUBECONFIG: cluster.kubeconfig,
            PLAN_KUBECONFIG: cluster.kubeconfig,
            PREVIEW_KUBECONFIG: cluster.kubeconfig,
            NODE_SSH_KEY: 'a key',
          },
          login: cluster.kubeconfig,
          ...occasion,
        }),
    })
  } finally {
    await cluster.stop()
  }
}

async function deployed(
  { kubeconfig }: SimulatedCluster,
  manifest: string,
  inputs: Readonly<Record<string, string>>,
): Promise<void> {
  const job = newJob()
  try {
    const files = manifest === '' ? {} : { 'ensemble.yaml': manifest }
    const done = await runAction({
      inputs: {
        namespace: 'zookeeper',
        verify: 'quick',
        ...(manifest === '' ? {} : { manifests: 'ensemble.yaml' }),
        ...inputs,
      },
      files,
      kubeconfig,
      job,
      warm: true,
    })
    expect(verdict(done)).toEqual(SUCCEEDED)
  } finally {
    endJob(job)
  }
}

/** The runs of our action, in order. */
function ours(ran: readonly Ran[]): readonly Finished[] {
  return ran.flatMap(({ finished }) => finished ?? [])
}

/** The scripts, in order. */
function scripts(ran: readonly Ran[]): readonly NonNullable<Ran['script']>[] {
  return ran.flatMap(({ script }) => script ?? [])
}

/** Every step went well, and our action as often as is said; the last of them. */
function expectWell(ran: readonly Ran[], times = 1): Finished {
  for (const { step, finished, script, success } of ran)
    if (!success)
      throw new Error(
        `${step.name ?? step.id ?? step.uses ?? step.run ?? ''} failed: ${finished?.lines.join('\n') ?? script?.stderr ?? ''}`,
      )
  const runs = ours(ran)
  expect(runs).toHaveLength(times)
  const last = runs.at(-1)
  if (last === undefined) throw new Error('our action was not run')
  return last
}

function podsOf({ objects }: SimulatedCluster, namespace: string): readonly string[] {
  return objects.list('Pod', namespace).map((pod) => text(pod, 'metadata', 'name'))
}

function uidsOf({ objects }: SimulatedCluster, namespace: string): readonly string[] {
  return objects.list('Pod', namespace).map((pod) => text(pod, 'metadata', 'uid'))
}

function nodeOf({ objects }: SimulatedCluster, namespace: string, pod: string): string {
  return text(objects.get('Pod', namespace, pod), 'spec', 'nodeName')
}

function label({ objects }: SimulatedCluster, nodes: readonly string[], key: string): void {
  for (const name of nodes)
    objects.edit('Node', '', name, (draft) => {
      draft.metadata['labels'] = { ...labelsOf(draft.metadata['labels']), [key]: 'zookeeper' }
    })
}

function labelsOf(value: unknown): Record<string, string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]))
    : {}
}

/** Nodes that are cordoned, or have a mark of ours. */
function cordoned({ objects }: SimulatedCluster): readonly string[] {
  return objects
    .list('Node')
    .filter(
      (node) =>
        at(node, 'spec', 'unschedulable') === true ||
        text(node, 'metadata', 'annotations', MANAGED) !== '',
    )
    .map((node) => text(node, 'metadata', 'name'))
}

function templateOf({ objects }: SimulatedCluster): string {
  return JSON.stringify(at(objects.get('StatefulSet', 'zookeeper', 'zk'), 'spec', 'template'))
}

function namespaces({ objects }: SimulatedCluster): readonly string[] {
  return objects.list('Namespace').map((one) => text(one, 'metadata', 'name'))
}

/** Hands a kubeconfig out, as the cloud's program does; its last argument but options is the file. */
const LOGS_IN = `while [ $# -gt 0 ]; do
  case $1 in --kubeconfig|--file) cp "$LOGIN" "$2" ;; esac
  shift
done`
/** Proves that the key is there and shows what would be done where. */
const SSH = `[ "$(cat "$2")" = 'a key' ]
for word; do case $word in admin@*) host=\${word#admin@} ;; esac; done
case "\${!#}" in *reboot*) echo "rebooting $host" ;; *) echo "patched $host" ;; esac`

/** A login by the cloud's own tools, then the deploy. */
function byLogin(programs: Readonly<Record<string, string>>): Play {
  return {
    says: 'a login of the cloud, and a deploy with what it leaves',
    play: async ({ cluster, run }) => {
      const done = expectWell(
        await run({
          event: 'push',
          vars: { AWS_ROLE: 'arn:aws:iam::1:role/deploy' },
          secrets: {},
          files: { 'k8s/zookeeper.yaml': SERVICES },
          programs,
        }),
      )
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(done.outputs).toMatchObject({ namespace: 'zookeeper', pairs: '6/6' })
      expect(podsOf(cluster, 'zookeeper')).toEqual(['zk-0', 'zk-1', 'zk-2'])
    },
  }
}

const pullRequest = (action: string, from = 'example/shop'): Occasion => ({
  event: 'pull_request',
  payload: {
    action,
    number: 7,
    pull_request: { number: 7, head: { repo: { full_name: from } } },
  },
})

const PLAYS: Readonly<Record<string, Play>> = {
  'aks.yml': byLogin({ az: LOGS_IN, kubelogin: '[ -s "$5" ]' }),
  'eks.yml': byLogin({ aws: LOGS_IN }),
  'gke.yml': byLogin({}),

  'beside-argo-cd.yml': {
    says: 'checked after a sync, restarted where that was asked for, no field changed',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const before = writes(cluster).length
      const template = templateOf(cluster)
      expectWell(await run({ event: 'repository_dispatch' }))
      expect(writes(cluster)).toHaveLength(before)
      const pods = uidsOf(cluster, 'zookeeper')
      const done = expectWell(
        await run({ event: 'workflow_dispatch', inputs: { restart: true } }),
        2,
      )
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(uidsOf(cluster, 'zookeeper').filter((uid) => pods.includes(uid))).toEqual([])
      expect(templateOf(cluster)).toEqual(template)
    },
  },

  'cassandra.yml': {
    says: 'a ring is deployed, grows, and a member is decommissioned and its claim deleted',
    cluster: { images: CASSANDRA },
    play: async ({ cluster, run }) => {
      const done = expectWell(
        await run({
          event: 'push',
          files: { 'cassandra/cassandra.yaml': example('cassandra.yaml') },
        }),
      )
      expect(done.outputs).toMatchObject({ profile: 'cassandra', pairs: '6/6' })
      const scale = (replicas: string): Promise<readonly Ran[]> =>
        run({ event: 'workflow_dispatch', inputs: { replicas } })
      expect(expectWell(await scale('4')).outputs).toMatchObject({ replicas: '4', pairs: '12/12' })
      expect(expectWell(await scale('3')).outputs).toMatchObject({ replicas: '3', pairs: '6/6' })
      expect(podsOf(cluster, 'cassandra')).toHaveLength(3)
      expect(
        cluster.objects.get('PersistentVolumeClaim', 'cassandra', 'cassandra-data-cassandra-3'),
      ).toBeUndefined()
    },
  },

  'custom-etcd.yml': {
    says: 'etcd by the commands of the workflow',
    cluster: { images: ETCD },
    play: async ({ run }) => {
      const occasion = { event: 'push', files: { 'etcd/etcd.yaml': example('etcd.yaml') } }
      expect(expectWell(await run(occasion)).outputs).toMatchObject({
        result: 'succeeded',
        profile: 'custom',
        pairs: '6/6',
      })
      expect(expectWell(await run(occasion)).outputs).toMatchObject({ result: 'unchanged' })
    },
  },

  'deploy.yml': {
    says: 'deployed, and a change that does not come up rolled back, which the page says',
    play: async ({ cluster, run }) => {
      const push = (manifest: string): Promise<readonly Ran[]> =>
        run({ event: 'push', files: { 'k8s/zookeeper.yaml': manifest } })
      const good = await push(tutorial(QUICK))
      expect(verdict(expectWell(good))).toEqual(SUCCEEDED)
      expect(scripts(good).map(({ stdout }) => stdout)).toEqual([expect.stringContaining('zk')])
      const bad = await push(
        tutorial(QUICK, ['kubernetes-zookeeper:1.0-3.4.10', 'kubernetes-zookeeper:nowhere']),
      )
      const [undone] = ours(bad)
      expect(undone?.outputs).toMatchObject({ result: 'undone', code: 'IMAGE_PULL' })
      const [message, page] = scripts(bad)
      expect(message?.stdout.trim()).toBe(undone?.outputs['message'])
      expect(page?.summary).toBe(
        `The change was rolled back because of IMAGE_PULL; every member runs ${undone?.outputs['revision'] ?? ''} again.\n`,
      )
      expect(cluster.zookeeper('zookeeper', 'zk').mode(2)).toBeDefined()
    },
  },

  'helm.yml': {
    says: 'what a chart renders is deployed, its test is left out and named',
    play: async ({ cluster, run }) => {
      const hook =
        'apiVersion: v1\nkind: Pod\nmetadata:\n  name: zk-test\n  annotations:\n    helm.sh/hook: test\nspec:\n  containers: [{name: test, image: busybox:1.36}]\n'
      const done = expectWell(
        await run({
          event: 'push',
          files: { 'rendered.yaml': `${SERVICES}---\n${hook}`, 'k8s/values.yaml': '{}' },
          programs: { helm: '[ "$1" = template ]; cat rendered.yaml' },
        }),
      )
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(done.lines.join('\n')).toContain('zk-test')
      expect(podsOf(cluster, 'zookeeper')).not.toContain('zk-test')
    },
  },

  'history.yml': {
    says: 'the revisions, as jq shows them',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const before = writes(cluster).length
      const ran = await run({
        event: 'workflow_dispatch',
        // Of jq no more is wanted here than that it reads JSON.
        programs: { jq: `exec node -e 'JSON.parse(fs.readFileSync(0)); console.log("read")'` },
      })
      expect(verdict(expectWell(ran))).toEqual(SUCCEEDED)
      expect(scripts(ran).map(({ stdout }) => stdout)).toEqual(['read\n'])
      expect(writes(cluster)).toHaveLength(before)
    },
  },

  'maintenance-nodes.yml': {
    says: 'nodes by a label, whatever runs on them, with the record in a namespace of its own',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const nodes = ['zk-0', 'zk-1'].map((pod) => nodeOf(cluster, 'zookeeper', pod))
      label(cluster, nodes, 'patch')
      const done = expectWell(
        await run({
          event: 'workflow_dispatch',
          inputs: { selector: 'patch=zookeeper' },
          programs: { ssh: SSH },
        }),
      )
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect((done.outputs['drained-nodes'] ?? '').split('\n').toSorted()).toEqual(nodes.toSorted())
      for (const node of nodes) expect(done.lines).toContain(`patched ${node}`)
      expect(cordoned(cluster)).toEqual([])
      expect(
        cluster.objects
          .list('ConfigMap', 'maintenance')
          .map((one) => text(one, 'metadata', 'name')),
      ).toContain('zk-ensemble.nodes')
      expect([0, 1, 2].every((one) => cluster.zookeeper('zookeeper', 'zk').mode(one))).toBe(true)
    },
  },

  'maintenance-own-steps.yml': {
    says: 'drained, held for steps of its own, uncordoned',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const node = nodeOf(cluster, 'zookeeper', 'zk-1')
      const ran = await run({ event: 'workflow_dispatch', inputs: { node } })
      const given = expectWell(ran, 2)
      expect(ours(ran)[0]?.outputs).toMatchObject({
        result: 'succeeded',
        'drained-nodes': node,
        'remaining-nodes': '',
      })
      expect(scripts(ran).map(({ stdout }) => stdout)).toEqual([`work on ${node}\n`])
      expect(verdict(given)).toEqual(SUCCEEDED)
      expect(given.outputs['changed']).toBe('true')
      expect(cordoned(cluster)).toEqual([])
    },
  },

  'maintenance.yml': {
    says: 'each node of the pool is drained, patched, rebooted and back before the next',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const nodes = ['zk-0', 'zk-2'].map((pod) => nodeOf(cluster, 'zookeeper', pod))
      label(cluster, nodes, 'pool')
      const boots = (): readonly string[] =>
        nodes.map((node) =>
          text(cluster.objects.get('Node', '', node), 'status', 'nodeInfo', 'bootID'),
        )
      const before = boots()
      const ran = await run({
        event: 'schedule',
        programs: { ssh: SSH },
        onLine: (line) => {
          const node = /^rebooting (\S+)/.exec(line)?.[1]
          if (node !== undefined) cluster.nodes.reboot(node, 60_000)
        },
      })
      const done = expectWell(ran)
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(boots().filter((boot) => before.includes(boot))).toEqual([])
      expect(scripts(ran).at(-1)?.stdout).toContain('not drained: none')
      expect(cordoned(cluster)).toEqual([])
    },
  },

  'matrix.yml': {
    says: 'three ensembles of two clusters, each with the secret of its environment: the fault of one ends no other',
    play: async ({ cluster, run, stands }) => {
      const other = await startCluster({ speed: 50 })
      try {
        other.objects.put('Namespace', { metadata: { name: 'orders' } })
        await stands(SERVICES, { namespace: 'orders' })
        await stands('', { namespace: 'search', name: 'zookeeper', replicas: '1' })
        await deployed(other, SERVICES, { namespace: 'orders' })
        other.zookeeper('orders', 'zk').lock('/zk-ensemble-action', 'admin:s3cret')
        const ran = await run({
          event: 'schedule',
          environments: {
            europe: { KUBECONFIG: cluster.kubeconfig },
            america: { KUBECONFIG: other.kubeconfig },
          },
        })
        expect(ours(ran).map((one) => one.outputs['result'])).toEqual([
          'succeeded',
          'succeeded',
          'failed',
        ])
        expect(ours(ran)[2]?.outputs['code']).toBe('CHECK_IMPOSSIBLE')
      } finally {
        await other.stop()
      }
    },
  },

  'plan.yml': {
    says: 'the comment on a pull request, a refused plan commented as well, and a fork that has no cluster',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const before = writes(cluster).length
      const plan = (manifest: string, occasion: Occasion): Promise<readonly Ran[]> =>
        run({
          ...occasion,
          files: { 'k8s/zookeeper/zk.yaml': manifest },
          programs: { gh: '[ "$1 $2 $3" = "pr comment 7" ]; cat "${!#}"' },
        })
      const changed = SERVICES.replace('maxUnavailable: 1', 'minAvailable: 2')
      const planned = await plan(changed, pullRequest('opened'))
      expect(expectWell(planned).outputs).toMatchObject({ result: 'planned', impact: 'objects' })
      expect(scripts(planned)[0]?.stdout).toContain('no member would be restarted')

      const refused = await plan(
        SERVICES.replace('replicas: 3', 'replicas: 1'),
        pullRequest('synchronize'),
      )
      expect(ours(refused)[0]?.outputs['result']).toBe('refused')
      expect(scripts(refused)[0]?.stdout).toContain(ours(refused)[0]?.outputs['code'])

      const asked = cluster.requests.length
      const fork = await plan(changed, {
        ...pullRequest('opened', 'somebody/shop'),
        secrets: {},
      })
      expect(expectWell(fork).outputs).toMatchObject({ result: 'planned', impact: '' })
      expect(expectWell(fork).summary).toContain('rendered and linted, and nothing else')
      expect(scripts(fork)).toEqual([])
      expect(cluster.requests).toHaveLength(asked)
      expect(writes(cluster)).toHaveLength(before)
    },
  },

  'preview.yml': {
    says: 'opened, synchronize, closed: it comes, is moved on and goes, and forks get none',
    play: async ({ cluster, run }) => {
      expect(ours(await run(pullRequest('opened', 'somebody/shop')))).toEqual([])
      const opened = await run(pullRequest('opened'))
      const made = expectWell(opened)
      expect(verdict(made)).toEqual(SUCCEEDED)
      expect(made.outputs).toMatchObject({ namespace: 'preview-7', pairs: '6/6' })
      expect(scripts(opened)[0]?.stdout).toBe(
        `ZooKeeper is at ${made.outputs['connection-string'] ?? ''}\n`,
      )
      const EXPIRES = 'zk-ensemble-action/expires-at'
      const ends = (): string =>
        text(cluster.objects.get('Namespace', '', 'preview-7'), 'metadata', 'annotations', EXPIRES)
      const first = ends()
      // As if it had come an hour ago: the server's clock tells whole seconds.
      cluster.objects.edit('Namespace', '', 'preview-7', (draft) => {
        const earlier = new Date(Date.parse(first) - 3_600_000).toISOString()
        fields(draft, 'metadata', 'annotations')[EXPIRES] = earlier
      })
      expect(ends() < first).toBe(true)
      expect(verdict(expectWell(await run(pullRequest('synchronize'))))).toMatchObject({
        result: 'unchanged',
      })
      expect(ends() >= first).toBe(true)
      const closed = await run(pullRequest('closed'))
      expect(verdict(expectWell(closed))).toEqual(SUCCEEDED)
      expect(closed.map(({ job }) => job)).toEqual(['close'])
      expect(namespaces(cluster)).not.toContain('preview-7')
      expect(cluster.objects.list('PersistentVolume')).toEqual([])
      expect(verdict(expectWell(await run(pullRequest('closed'))))).toMatchObject({
        result: 'unchanged',
      })
    },
  },

  'preview-sweep.yml': {
    says: 'a preview whose time is over goes, one whose time is not stays',
    play: async ({ cluster, run, stands }) => {
      for (const namespace of ['preview-1', 'preview-2'])
        await stands('', { namespace, 'create-namespace': 'true', ttl: '72h', replicas: '1' })
      cluster.somebody.edit('Namespace', '', 'preview-1', {
        metadata: { annotations: { 'zk-ensemble-action/expires-at': '2026-01-01T00:00:00.000Z' } },
      })
      expect(verdict(expectWell(await run({ event: 'schedule' })))).toEqual(SUCCEEDED)
      expect(namespaces(cluster)).not.toContain('preview-1')
      expect(namespaces(cluster)).toContain('preview-2')
    },
  },

  'restart.yml': {
    says: 'every member anew, and what clients noticed',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const before = uidsOf(cluster, 'zookeeper')
      const ran = await run({ event: 'schedule' })
      const done = expectWell(ran)
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(uidsOf(cluster, 'zookeeper').filter((uid) => before.includes(uid))).toEqual([])
      expect(scripts(ran)[0]?.stdout).toMatch(
        /^longest time without a write \d+ ms, acknowledged writes lost 0\n$/,
      )
    },
  },

  'scale.yml': {
    says: 'two members more, then two fewer, whose claims stay',
    cluster: { nodes: 5 },
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const scale = (replicas: string): Promise<readonly Ran[]> =>
        run({ event: 'workflow_dispatch', inputs: { replicas } })
      expect(expectWell(await scale('5')).outputs).toMatchObject({ replicas: '5', pairs: '20/20' })
      expect(expectWell(await scale('3')).outputs).toMatchObject({ replicas: '3', pairs: '6/6' })
      expect(podsOf(cluster, 'zookeeper')).toEqual(['zk-0', 'zk-1', 'zk-2'])
      expect(cluster.objects.list('PersistentVolumeClaim', 'zookeeper')).toHaveLength(5)
    },
  },

  'status.yml': {
    says: 'how it stands, and where it does not, what may be gone back to',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const good = await run({ event: 'workflow_dispatch' })
      expect(verdict(expectWell(good))).toEqual(SUCCEEDED)
      expect(scripts(good)).toEqual([])
      cluster.objects.remove('StatefulSet', 'zookeeper', 'zk')
      const lost = await run({
        event: 'workflow_dispatch',
        programs: { jq: 'cat >/dev/null; echo "asked for $1"' },
      })
      const [script] = scripts(lost)
      expect(ours(lost)[0]?.outputs['code']).toBe('NOT_FOUND')
      expect(script?.stdout).toContain('asked for -r')
    },
  },

  'undo.yml': {
    says: 'back to the latest verified revision, and to one that is named',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES, { verify: 'full' })
      await stands(withVariable(SERVICES), { verify: 'full' })
      const back = await run({ event: 'workflow_dispatch', inputs: { 'to-revision': '' } })
      const done = expectWell(back)
      expect(verdict(done)).toEqual(SUCCEEDED)
      expect(scripts(back)[0]?.stdout.trim()).toBe(done.outputs['message'])
      expect(templateOf(cluster)).not.toContain('ONE_MORE')
      const named = expectWell(
        await run({
          event: 'workflow_dispatch',
          inputs: { 'to-revision': done.outputs['previous-revision'] ?? '' },
        }),
      )
      expect(verdict(named)).toEqual(SUCCEEDED)
      expect(templateOf(cluster)).toContain('ONE_MORE')
    },
  },

  'verify.yml': {
    says: 'three members that are an ensemble, and a check that cannot be made, told as an error',
    play: async ({ cluster, run, stands }) => {
      await stands(SERVICES)
      const good = await run({ event: 'schedule' })
      expect(expectWell(good).outputs).toMatchObject({ result: 'succeeded', pairs: '6/6' })
      cluster.zookeeper('zookeeper', 'zk').lock('/zk-ensemble-action', 'admin:s3cret')
      const bad = await run({ event: 'schedule' })
      expect(ours(bad)[0]?.outputs).toMatchObject({ result: 'failed', code: 'CHECK_IMPOSSIBLE' })
    },
  },
}

describe('example workflows', () => {
  test('none is left out', () => {
    expect(Object.keys(PLAYS).toSorted()).toEqual(readdirSync(FOLDER).toSorted())
  })

  test.concurrent.each(
    Object.entries(PLAYS).map(([file, play]) => [file, play.says, play] as const),
  )('%s: %s', (file, _, play) => put(file, play))
})
