// The cluster as a board that pods are moved on: what each node has left, and who stands where,
// kept up to date move by move.

import type { ClusterView, HostPort, PlacedPod, PodTerm } from '../../view/scheduling.ts'
import { whole } from '../../view/quantity.ts'
import type { NodeView } from '../../view/surroundings.ts'
import { CORDON, selects } from './select.ts'
import { storageOf, type Storage } from './storage.ts'

export interface BoardNode {
  readonly index: number
  readonly view: NodeView
  /** What is left, in the units of PodDemands; a resource that the node doesn't have is missing. */
  readonly free: Map<string, number>
  /** What it has in all. */
  readonly whole: ReadonlyMap<string, number>
  /** How many more pods it takes. */
  slots: number
  readonly ports: Map<string, HostPort>
  /** Pods that use each attached volume, by driver and handle. */
  readonly volumes: Map<string, Map<string, number>>
  /** How many volumes each driver attaches here. */
  readonly limits: Map<string, number>
  /** Cordoned, or taken as such. */
  closed: boolean
  /** It is cordoned already, whatever is planned. */
  readonly cordoned: boolean
  /** Its maintenance is taken as done: Ready again, and without the taints of its condition. */
  awaited: boolean
  /** The lowest priority of a pod that ever stood here. */
  lowest: number
}

/** How many pods that match stand on each node (by index). */
export interface Tally {
  readonly matches: (pod: PlacedPod) => boolean
  readonly byNode: Map<number, number>
}

/** Pods with the same anti-affinity in the same namespace. */
export interface ApartGroup {
  readonly namespace: string
  readonly terms: readonly PodTerm[]
  readonly byNode: Map<number, number>
}

/** Pods, each with the index of its node. */
type Standing = Iterable<readonly [PlacedPod, number]>

/** By their terms (by identity) and namespace. */
type ApartGroups = Map<readonly PodTerm[], Map<string, ApartGroup>>

export interface Board {
  readonly cluster: ClusterView
  readonly storage: Storage
  readonly nodes: readonly BoardNode[]
  readonly apart: Iterable<ApartGroup>
  node(name: string): BoardNode | undefined
  /**
   * The label's value on each node, by index; looked up once, since it is asked for with every pod.
   */
  values(topologyKey: string): readonly (string | undefined)[]
  /** The pods that stand on the node now. */
  on(node: BoardNode): readonly PlacedPod[]
  put(pod: PlacedPod, node: BoardNode): void
  take(pod: PlacedPod): void
  /**
   * Counts once and is kept up to date; `of` is the rule (by identity), `namespace` that of the pod
   * that has it, `wide` whether pods of other namespaces can match,
   * `own` what else of the pod the rule depends on.
   */
  tally(
    of: object,
    namespace: string,
    wide: boolean,
    matches: (pod: PlacedPod) => boolean,
    own?: string,
  ): Tally
  /** Whether a term of a pod in `namespace` means this pod. */
  means(term: PodTerm, namespace: string, pod: PlacedPod): boolean
}

export function finished(pod: PlacedPod): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed'
}

export function boardOf(cluster: ClusterView): Board {
  const nodes = cluster.nodes.map(boardNode)
  const storage = storageOf(cluster)
  const byName = new Map(nodes.map((node) => [node.view.name, node]))
  /** By namespace, since most rules ask about their own alone. */
  const standing = new Map<string, Map<PlacedPod, number>>()
  const values = new Map<string, readonly (string | undefined)[]>()
  const tallies = new Map<object, Map<string, Tally>>()
  const apart: ApartGroups = new Map()

  function count(pod: PlacedPod, index: number, by: 1 | -1): void {
    const node = nodes[index]
    if (node === undefined) return
    occupy(node, pod, storage, by)
    if (pod.demands.antiAffinity.length > 0) shift(groupOf(pod, apart).byNode, index, by)
    for (const scoped of tallies.values())
      for (const tally of scoped.values()) if (tally.matches(pod)) shift(tally.byNode, index, by)
  }

  const board: Board = {
    cluster,
    storage,
    nodes,
    apart: {
      *[Symbol.iterator]() {
        for (const scoped of apart.values()) yield* scoped.values()
      },
    },
    node: (name) => byName.get(name),
    values: (topologyKey) =>
      known(values, topologyKey, () => nodes.map(({ view }) => view.labels[topologyKey])),
    on: ({ index }) => podsOn(index, standing.values()),
    put(pod, node) {
      board.take(pod)
      known(standing, pod.namespace, () => new Map<PlacedPod, number>()).set(pod, node.index)
      node.lowest = Math.min(node.lowest, pod.demands.priority)
      count(pod, node.index, 1)
    },
    take(pod) {
      const there = standing.get(pod.namespace)
      const index = there?.get(pod)
      if (index === undefined) return
      there?.delete(pod)
      count(pod, index, -1)
    },
    tally(of, namespace, wide, matches, own = '') {
      const scoped = known(tallies, of, () => new Map<string, Tally>())
      return known(scoped, `${namespace} ${own}`, () => ({
        matches,
        byNode: countOf(wide ? standing.values() : [standing.get(namespace) ?? []], matches),
      }))
    },
    means(term, namespace, pod) {
      return inScope(cluster, term, namespace, pod.namespace) && selects(term.selector, pod.labels)
    },
  }
  fill(board)
  return board
}

/** As the cluster stands now. */
function fill(board: Board): void {
  const { cluster, storage } = board
  for (const pod of cluster.pods) {
    const node = pod.node === undefined || finished(pod) ? undefined : board.node(pod.node)
    if (node !== undefined) board.put(pod, node)
  }
  for (const { node, driver, count } of cluster.limits) board.node(node)?.limits.set(driver, count)
  for (const { node, attacher, volume } of cluster.attachments)
    hold(board.node(node), attacher, storage.volume(volume ?? '')?.csi?.handle)
}

/** What a pod takes of its node; by -1, what it leaves there again. */
function occupy(node: BoardNode, pod: PlacedPod, storage: Storage, by: 1 | -1): void {
  node.slots -= by
  for (const name in pod.demands.requests)
    node.free.set(name, (node.free.get(name) ?? 0) - by * (pod.demands.requests[name] ?? 0))
  for (const port of pod.demands.ports) {
    const key = `${port.protocol} ${port.ip} ${port.port} ${pod.uid}`
    if (by === 1) node.ports.set(key, port)
    else node.ports.delete(key)
  }
  if (pod.claims.length + pod.ephemeral.length === 0) return
  for (const { driver, handle } of storage.attached(pod))
    shift(
      known(node.volumes, driver, () => new Map<string, number>()),
      handle,
      by,
    )
}

/** The group of the pod: its anti-affinity, in its namespace. */
function groupOf({ demands, namespace }: PlacedPod, apart: ApartGroups): ApartGroup {
  const scoped = known(apart, demands.antiAffinity, () => new Map<string, ApartGroup>())
  return known(scoped, namespace, () => ({
    namespace,
    terms: demands.antiAffinity,
    byNode: new Map<number, number>(),
  }))
}

function podsOn(index: number, standing: Iterable<Standing>): readonly PlacedPod[] {
  const here: PlacedPod[] = []
  for (const there of standing) for (const [pod, at] of there) if (at === index) here.push(pod)
  return here
}

/** How many of these pods match on each node. */
function countOf(
  standing: Iterable<Standing>,
  matches: (pod: PlacedPod) => boolean,
): Map<number, number> {
  const byNode = new Map<number, number>()
  for (const there of standing)
    for (const [pod, index] of there) if (matches(pod)) shift(byNode, index, 1)
  return byNode
}

/** A volume that is attached without a pod that uses it takes a place that nothing releases. */
function hold(node: BoardNode | undefined, driver: string, handle: string | undefined): void {
  if (node === undefined || handle === undefined) return
  const there = known(node.volumes, driver, () => new Map<string, number>())
  if (!there.has(handle)) there.set(handle, 1)
}

/**
 * A namespaceSelector whose namespaces can't be read is taken to mean every namespace: pods are
 * kept apart rather than not.
 */
function inScope(
  cluster: ClusterView,
  { namespaces, namespaceSelector }: PodTerm,
  own: string,
  other: string,
): boolean {
  if (namespaces.length === 0 && namespaceSelector === undefined) return own === other
  if (namespaces.includes(other)) return true
  if (namespaceSelector === undefined) return false
  return (
    cluster.unread.namespaces !== undefined ||
    selects(namespaceSelector, cluster.namespaces.get(other) ?? {})
  )
}

function boardNode(view: NodeView, index: number): BoardNode {
  const all = new Map(
    Object.entries(view.allocatable).map(([name, amount]) => [name, whole(name, amount)]),
  )
  const cordoned =
    view.unschedulable ||
    view.taints.some(({ key, effect }) => key === CORDON.key && effect === CORDON.effect)
  return {
    index,
    view,
    free: new Map(all),
    whole: all,
    slots: all.get('pods') ?? 0,
    ports: new Map(),
    volumes: new Map(),
    limits: new Map(),
    cordoned,
    closed: cordoned,
    awaited: false,
    lowest: Infinity,
  }
}

function known<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const there = map.get(key)
  if (there !== undefined) return there
  const made = make()
  map.set(key, made)
  return made
}

function shift<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
