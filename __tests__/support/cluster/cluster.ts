// The simulated cluster: a real HTTP API server in this process, with controllers that run on a
// clock of their own and faults on order.

import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../src/clock.ts'
import type { MakeLine } from '../../../src/kube/client.ts'
import { collectGarbage } from './deletion.ts'
import { setDefaults } from './defaults.ts'
import { createAttachments } from './controllers/attachments.ts'
import { syncBudgets } from './controllers/budgets.ts'
import { syncClaims } from './controllers/claims.ts'
import { syncDeployments } from './controllers/deployment.ts'
import { syncEndpoints } from './controllers/endpoints.ts'
import { createKubelet } from './controllers/kubelet.ts'
import { createNodes, type Nodes } from './controllers/nodes.ts'
import { schedule } from './controllers/scheduler.ts'
import { ordinalOf, syncStatefulSets } from './controllers/statefulset.ts'
import type { Faults } from './faults.ts'
import { createFaults } from './faults.ts'
import { happenings, identity, type Happening } from './history.ts'
import type { Fields, Json } from './json.ts'
import { fields, items, number, text } from './json.ts'
import { kindOf } from './kinds.ts'
import { directLine } from './direct.ts'
import { serveHttp } from './http.ts'
import type { Peers, RequestEntry } from './server.ts'
import { createApi, hangUp } from './server.ts'
import { createMembers } from './members.ts'
import { createSomebody, type Somebody } from './somebody.ts'
import type { Stored } from './store.ts'
import {
  controllerOf,
  createStore,
  isDeleting,
  isReady,
  nameOf,
  namespaceOf,
  podsOf,
} from './store.ts'
import { createStreams } from './streams.ts'
import { createWatches } from './watches.ts'
import type { ImageBehaviour, World } from './world.ts'
import { recordEvent } from './world.ts'
import type { Faults as MemberFaults, SimulatedEnsemble } from './zookeeper.ts'

export interface ClusterOptions {
  /**
   * How much faster than real time controllers, kubelets and provisioners are; default 20.
   * minReadySeconds stays real, because clients count it themselves.
   */
  readonly speed?: number
  /**
   * Time of the cluster and of whoever shares this clock (see idle-clock.ts), in place of a fast
   * real one: nothing then depends on how busy the machine is.
   */
  readonly clock?: Clock
  /** Default 4, in zones a, b, c, a, as in the lab. */
  readonly nodes?: number
  /** Allocatable CPU and memory of each node. */
  readonly cpu?: string
  readonly memory?: string
  /**
   * Volumes are attached to nodes, and detached so many simulated milliseconds after their pod has
   * gone; without it there are no VolumeAttachments.
   */
  readonly detachMs?: number
  /** Images beside the usual ones; `null` removes one. */
  readonly images?: Readonly<Record<string, ImageBehaviour | null>>
}

export interface SimulatedCluster {
  /** Text of a kubeconfig for it. */
  readonly kubeconfig: string
  /**
   * The same under a name of its own, by which `requests`, `history` and faults know who asked; the
   * plain one's is `run`.
   */
  kubeconfigFor(name: string): string
  /** The way to it for who runs in this process: as by HTTP, without its cost. */
  readonly line: MakeLine
  readonly url: string
  readonly objects: Objects
  readonly faults: Faults
  /** Every request so far, oldest first. */
  readonly requests: readonly RequestEntry[]
  /** The ZooKeeper members of a StatefulSet's pods. */
  zookeeper(namespace: string, set: string): SimulatedEnsemble
  /** What goes wrong with a member, also one that starts later; undefined heals it. */
  faultMember(
    namespace: string,
    set: string,
    ordinal: number,
    faults: MemberFaults | undefined,
  ): void
  /** What befell members, oldest first, and by whose doing. */
  readonly history: readonly Happening[]
  /** A person with kubectl. */
  readonly somebody: Somebody
  /** What befalls the machines: power cuts, reboots, removal. */
  readonly nodes: Nodes
  /**
   * Ends the processes of a pod's containers, as when they crash: each container restarts in its
   * place.
   */
  crash(namespace: string, pod: string): void
  /** Watches that are open. */
  readonly watches: () => number
  stop(): Promise<void>
}

/** The cluster's objects, beside the API: nothing is counted, checked or refused. */
export interface Objects {
  get(kind: string, namespace: string, name: string): Stored | undefined
  list(kind: string, namespace?: string): Stored[]
  /** Creates, or replaces with what is given merged over what is there. */
  put(kind: string, object: Fields): Stored
  edit(
    kind: string,
    namespace: string,
    name: string,
    change: (draft: Stored) => void,
  ): Stored | undefined
  remove(kind: string, namespace: string, name: string): void
}

const IMAGES: Readonly<Record<string, ImageBehaviour>> = {
  'zookeeper:3.9': { zookeeper: '3.9.5', pullMs: 2000 },
  'zookeeper:3.9.5': { zookeeper: '3.9.5', pullMs: 2000 },
  'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10': { zookeeper: '3.4.10', pullMs: 2000 },
  'busybox:1.36': {},
}
const PROVISIONER = 'rancher.io/local-path'
/** A burst of changes is looked at once. */
const SYNC_MS = 60

/** Starts it on a free port of the loopback; ends with `stop()`. */
export async function startCluster(options: ClusterOptions = {}): Promise<SimulatedCluster> {
  const speed = options.clock === undefined ? (options.speed ?? 20) : 1
  const { clock } = options
  const store = createStore(() => clock?.now() ?? Date.now())
  const ended = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  let stopped = false
  let due = false
  const images = new Map<string, ImageBehaviour | null>([
    ...Object.entries(IMAGES),
    ...Object.entries(options.images ?? {}),
  ])

  function afterReal(ms: number, act: () => void): void {
    if (stopped) return
    if (clock !== undefined) return void clock.sleep(ms, ended.signal).then(act, () => undefined)
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }
  function wake(): void {
    if (due || stopped) return
    due = true
    afterReal(Math.max(1, SYNC_MS / speed), () => {
      due = false
      for (const sync of controllers) sync()
    })
  }
  const world: World = {
    store,
    after: (ms, act) => afterReal(ms / speed, act),
    afterReal,
    wake,
    event: (about, type, reason, message, source) =>
      recordEvent(store, about, type, reason, message, source),
    image: (name) =>
      images.get(name.replace(/@sha256:.*$/, '').replace(/^docker\.io\/(library\/)?/, '')) ??
      undefined,
    provisioners: new Set([PROVISIONER]),
    rejection: (pod) => quotaRefusal(world, pod),
  }
  const history: Happening[] = []
  const going = (namespace: string): Happening['claimsGoing'] =>
    store
      .list(kindOf('PersistentVolumeClaim'), namespace)
      .filter(isDeleting)
      .map((claim) => ({
        name: nameOf(claim),
        since: Date.parse(text(claim, 'metadata', 'deletionTimestamp')),
      }))
  const members = createMembers(world, (pod, serves, before, own) =>
    history.push({
      ...identity(pod),
      at: store.now(),
      what: serves ? 'serving' : 'outside',
      ...(own ? store.actor() : { by: 'cluster', verb: '' }),
      serving: before,
      claimsGoing: going(namespaceOf(pod)),
    }),
  )
  const serving = (namespace: string, set: string): readonly number[] =>
    members.serving(namespace, set) ??
    podsOf(store, namespace)
      .filter((pod) => text(controllerOf(pod), 'name') === set && isReady(pod))
      .map(ordinalOf)
  store.onChange((change) => history.push(...happenings(change, store.now(), serving, going)))
  const kubelet = createKubelet(world, members.start)
  const controllers = [
    () => collectGarbage(world),
    () => furnishNamespaces(world),
    () => syncStatefulSets(world),
    () => syncDeployments(world),
    () => syncClaims(world),
    ...(options.detachMs === undefined ? [] : [createAttachments(world, options.detachMs)]),
    () => schedule(world),
    () => kubelet.sync(),
    () => (faults.budgetsHeld ? undefined : syncBudgets(world)),
    () => syncEndpoints(world),
  ]
  const streams = createStreams(kubelet, store)
  const watches = createWatches(store)
  const peers: Peers = new Map()
  const faults = createFaults(
    {
      dropWatches: () => watches.drop(),
      forgetChanges() {
        store.forget()
        watches.forget()
      },
      hangUpForwards: () => streams.hangUp(),
      wake,
    },
    (by) => hangUp(peers, by),
  )
  const log: RequestEntry[] = []
  const api = createApi(world, kubelet, streams, watches, faults, log, peers)
  const server = serveHttp(api)
  const objects = objectsOf(world)
  furnish(objects, options)
  store.onChange(wake)
  wake()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${portOf(server.address())}`
  return {
    url,
    kubeconfig: kubeconfigFor(url, 'run'),
    kubeconfigFor: (name) => kubeconfigFor(url, name),
    line: directLine(api),
    objects,
    faults,
    zookeeper: members.ensemble,
    faultMember: members.fault,
    requests: log,
    history,
    somebody: createSomebody(world),
    nodes: createNodes(world, kubelet),
    crash(namespace, name) {
      const pod = store.get(kindOf('Pod'), namespace, name)
      if (pod !== undefined)
        for (const entry of items(pod, 'spec', 'containers'))
          void store.as({ by: 'crash', verb: '' }, () =>
            kubelet.program(pod, text(entry, 'name'))?.exec(['kill', '-9', '1'], ''),
          )
    },
    watches: () => watches.count,
    async stop() {
      stopped = true
      ended.abort()
      for (const timer of timers) clearTimeout(timer)
      faults.resume()
      streams.hangUp()
      for (const pod of store.list(kindOf('Pod')))
        for (const entry of items(pod, 'spec', 'containers'))
          kubelet.program(pod, text(entry, 'name'))?.stop()
      server.closeAllConnections()
      // Upgraded connections aren't the server's any more: one that was being refused, or closed,
      // would keep the process alive.
      for (const by of peers.keys()) hangUp(peers, by)
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string')
    throw new Error('the simulated server has no port')
  return address.port
}

function kubeconfigFor(server: string, name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'simulated',
    clusters: [{ name: 'simulated', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'deployer', user: { token: `simulated-token-${name}` } }],
    contexts: [
      {
        name: 'simulated',
        context: { cluster: 'simulated', user: 'deployer', namespace: 'default' },
      },
    ],
  })
}

function objectsOf(world: World): Objects {
  const { store } = world
  return {
    get: (kind, namespace, name) => store.get(kindOf(kind), namespace, name),
    list: (kind, namespace) => store.list(kindOf(kind), namespace),
    put(kind, object) {
      const found = store.get(kindOf(kind), namespaceOf(object), nameOf(object))
      const made: Stored = {
        ...found,
        ...object,
        apiVersion: text(object, 'apiVersion'),
        kind,
        metadata: { ...found?.metadata, ...fields(object, 'metadata') },
      }
      setDefaults(made)
      return found === undefined
        ? store.create(kindOf(kind), made)
        : store.update(kindOf(kind), made)
    },
    edit(kind, namespace, name, change) {
      const found = store.get(kindOf(kind), namespace, name)
      return found === undefined ? undefined : store.edit(kindOf(kind), found, change)
    },
    remove(kind, namespace, name) {
      const found = store.get(kindOf(kind), namespace, name)
      if (found !== undefined) store.remove(kindOf(kind), found)
    },
  }
}

/** Namespaces, nodes and classes, as the lab has them. */
function furnish(objects: Objects, options: ClusterOptions): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    objects.put('Namespace', { metadata: { name } })
  for (let index = 1; index <= (options.nodes ?? 4); index++) {
    const name = `node-${index}`
    const room = { cpu: options.cpu ?? '2', memory: options.memory ?? '8Gi', pods: '110' }
    const labels = {
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      'topology.kubernetes.io/region': 'simulated',
      'topology.kubernetes.io/zone': `zone-${'abc'[(index - 1) % 3] ?? 'a'}`,
    }
    const condition: Json = {
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      message: 'kubelet is posting ready status',
      lastTransitionTime: new Date(options.clock?.now() ?? Date.now()).toISOString(),
    }
    objects.put('Node', {
      metadata: { name, labels },
      spec: {},
      status: {
        capacity: room,
        allocatable: { ...room },
        conditions: [condition],
        addresses: [
          { type: 'InternalIP', address: `10.89.0.${10 + index}` },
          { type: 'Hostname', address: name },
        ],
        nodeInfo: {
          kubeletVersion: 'v1.36.3',
          bootID: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
        },
      },
    })
  }
  for (const name of ['standard', 'local']) {
    const annotations: Fields =
      name === 'standard' ? { 'storageclass.kubernetes.io/is-default-class': 'true' } : {}
    objects.put('StorageClass', {
      metadata: { name, annotations },
      provisioner: PROVISIONER,
      volumeBindingMode: 'WaitForFirstConsumer',
      reclaimPolicy: 'Delete',
    })
  }
}

/** What every namespace gets from the cluster itself. */
function furnishNamespaces(world: World): void {
  for (const namespace of world.store.list(kindOf('Namespace'))) {
    if (text(namespace, 'status', 'phase') === 'Terminating') continue
    for (const [kind, name] of [
      ['ServiceAccount', 'default'],
      ['ConfigMap', 'kube-root-ca.crt'],
    ] as const) {
      if (world.store.get(kindOf(kind), nameOf(namespace), name) === undefined)
        world.store.create(kindOf(kind), { metadata: { name, namespace: nameOf(namespace) } })
    }
  }
}

/** The refusal of a ResourceQuota that counts pods; undefined when the pod fits. */
function quotaRefusal(world: World, pod: Stored): string | undefined {
  for (const quota of world.store.list(kindOf('ResourceQuota'), namespaceOf(pod))) {
    const hard = text(quota, 'spec', 'hard', 'pods')
    const used = podsOf(world.store, namespaceOf(pod)).length
    if (hard !== '' && used + 1 > Number(hard))
      return `pods "${nameOf(pod)}" is forbidden: exceeded quota: ${nameOf(quota)}, requested: pods=1, used: pods=${used}, limited: pods=${number({ hard: Number(hard) }, ['hard'])}`
  }
  return undefined
}
