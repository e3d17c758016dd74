// A small scheduler: cordons, taints, selectors, resources, anti-affinity both ways and volumes; it
// says why a pod doesn't fit in the real one's words.

import type { Fields, Json } from '../json.ts'
import { at, fields, items, put, strings, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import { matches, selects } from '../select.ts'
import type { Stored } from '../store.ts'
import { conditionOf, isDeleting, labelsOf, nameOf, namespaceOf, setCondition } from '../store.ts'
import { amount } from '../defaults.ts'
import { nodeOf } from '../world.ts'
import type { World } from '../world.ts'
import { claimObstacle, lacksVolumes, selectNode, unboundClaims, volumeTerms } from './claims.ts'

const POD = kindOf('Pod')
const NODE = kindOf('Node')
const SOURCE = { component: 'default-scheduler', action: 'Scheduling' }

interface Reason {
  readonly text: string
  /** Evicting others could help. */
  readonly resolvable: boolean
}

export function schedule(world: World): void {
  for (const pod of world.store.list(POD))
    if (nodeOf(pod) === '' && !isDeleting(pod)) place(world, pod)
}

function place(world: World, pod: Stored): void {
  const nodes = world.store.list(NODE)
  const obstacle = claimObstacle(world, pod)
  if (obstacle !== undefined)
    return unschedulable(world, pod, `0/${nodes.length} nodes are available: ${obstacle}`)
  const running = world.store
    .list(POD)
    .filter(
      (other) =>
        nodeOf(other) !== '' && !['Succeeded', 'Failed'].includes(text(other, 'status', 'phase')),
    )
  const verdicts = nodes.map((node) => ({ node, reason: misfit(world, pod, node, nodes, running) }))
  const fitting = verdicts.filter(({ reason }) => reason === undefined).map(({ node }) => node)
  const chosen = fitting.sort((a, b) => crowd(pod, a, running) - crowd(pod, b, running))[0]
  if (chosen === undefined)
    return unschedulable(
      world,
      pod,
      explain(
        nodes.length,
        verdicts.flatMap(({ reason }) => (reason === undefined ? [] : [reason])),
      ),
    )
  if (unboundClaims(world, pod).length > 0) return selectNode(world, pod, nameOf(chosen))
  world.store.edit(POD, pod, (draft) => {
    put(draft, ['spec', 'nodeName'], nameOf(chosen))
    setCondition(draft, world.store.now(), 'PodScheduled', 'True')
    for (const key of ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone']) {
      const value = at(labelsOf(chosen), key)
      if (value !== undefined) put(draft, ['metadata', 'labels', key], value)
    }
  })
  world.event(
    pod,
    'Normal',
    'Scheduled',
    `Successfully assigned ${namespaceOf(pod)}/${nameOf(pod)} to ${nameOf(chosen)}`,
    { ...SOURCE, action: 'Binding' },
  )
}

function explain(total: number, reasons: readonly Reason[]): string {
  const counted = (texts: readonly string[]): string =>
    [...new Set(texts)]
      .map((entry) => `${texts.filter((other) => other === entry).length} ${entry}`)
      .sort()
      .join(', ')
  const head = `0/${total} nodes are available`
  if (total === 0) return 'no nodes available to schedule pods'
  const preemption = reasons.map((reason) =>
    reason.resolvable
      ? 'No preemption victims found for incoming pod'
      : 'Preemption is not helpful for scheduling',
  )
  return `${head}: ${counted(reasons.map((reason) => reason.text))}. no new claims to deallocate, preemption: ${head}: ${counted(preemption)}.`
}

function unschedulable(world: World, pod: Stored, message: string): void {
  const before = conditionOf(pod, 'PodScheduled')
  if (text(before, 'message') === message) return
  world.store.edit(POD, pod, (draft) =>
    setCondition(draft, world.store.now(), 'PodScheduled', 'False', {
      reason: 'Unschedulable',
      message,
    }),
  )
  world.event(pod, 'Warning', 'FailedScheduling', message, SOURCE)
}

/** Fewer pods like it first, then fewer pods of any kind. */
function crowd(pod: Stored, node: Stored, running: readonly Stored[]): number {
  const here = running.filter((other) => nodeOf(other) === nameOf(node))
  const alike = here.filter(
    (other) =>
      namespaceOf(other) === namespaceOf(pod) &&
      text(labelsOf(other), 'app') === text(labelsOf(pod), 'app'),
  )
  return alike.length * 1000 + here.length
}

function misfit(
  world: World,
  pod: Stored,
  node: Stored,
  nodes: readonly Stored[],
  running: readonly Stored[],
): Reason | undefined {
  const fixed = (words: string): Reason => ({ text: words, resolvable: false })
  if (at(node, 'spec', 'unschedulable') === true) return fixed('node(s) were unschedulable')
  const taint = items(node, 'spec', 'taints').find(
    (entry) => text(entry, 'effect') !== 'PreferNoSchedule' && !tolerated(pod, entry),
  )
  if (taint !== undefined) {
    const value = text(taint, 'value')
    return fixed(`node(s) had untolerated taint {${text(taint, 'key')}: ${value}}`)
  }
  if (!selected(pod, node)) return fixed("node(s) didn't match Pod's node affinity/selector")
  if (
    volumeTerms(world, pod).some(
      (terms) => !terms.some((term) => matches(items(term, 'matchExpressions'), labelsOf(node))),
    )
  ) {
    return fixed("node(s) didn't match PersistentVolume's node affinity")
  }
  if (lacksVolumes(world, pod))
    return fixed("node(s) didn't find available persistent volumes to bind")
  for (const resource of ['cpu', 'memory']) {
    const capacity = amount(at(node, 'status', 'allocatable', resource))
    const used = running
      .filter((other) => nodeOf(other) === nameOf(node))
      .reduce((sum, other) => sum + requested(other, resource), 0)
    if (used + requested(pod, resource) > capacity)
      return { text: `Insufficient ${resource}`, resolvable: requested(pod, resource) <= capacity }
  }
  return antiAffinity(pod, node, nodes, running)
}

function requested(pod: Stored, resource: string): number {
  return items(pod, 'spec', 'containers').reduce<number>(
    (sum, entry) => sum + amount(at(entry, 'resources', 'requests', resource)),
    0,
  )
}

function tolerated(pod: Stored, taint: Json): boolean {
  return items(pod, 'spec', 'tolerations').some((entry) => {
    const key = text(entry, 'key')
    const effect = text(entry, 'effect')
    const exists = text(entry, 'operator') === 'Exists'
    return (
      (key === '' ? exists : key === text(taint, 'key')) &&
      (effect === '' || effect === text(taint, 'effect')) &&
      (exists || text(entry, 'value') === text(taint, 'value'))
    )
  })
}

function selected(pod: Stored, node: Stored): boolean {
  const wanted = Object.entries(fields(pod, 'spec', 'nodeSelector')).every(
    ([key, value]) => labelsOf(node)[key] === value,
  )
  const terms = items(
    pod,
    'spec',
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
  )
  return (
    wanted &&
    (terms.length === 0 ||
      terms.some((term) => matches(items(term, 'matchExpressions'), labelsOf(node))))
  )
}

function antiTerms(pod: Fields): Json[] {
  return items(
    pod,
    'spec',
    'affinity',
    'podAntiAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
  )
}

function antiAffinity(
  pod: Stored,
  node: Stored,
  nodes: readonly Stored[],
  running: readonly Stored[],
): Reason | undefined {
  const near = (key: string): Stored[] => {
    const domain = labelsOf(node)[key]
    const names = new Set(
      nodes.filter((other) => domain !== undefined && labelsOf(other)[key] === domain).map(nameOf),
    )
    return running.filter((other) => names.has(nodeOf(other)))
  }
  const avoids = (term: Json, from: Stored, other: Stored): boolean => {
    const namespaces = strings(term, 'namespaces')
    const inside =
      namespaces.length === 0
        ? namespaceOf(from) === namespaceOf(other)
        : namespaces.includes(namespaceOf(other))
    return inside && selects(at(term, 'labelSelector'), labelsOf(other))
  }
  if (
    antiTerms(pod).some((term) =>
      near(text(term, 'topologyKey')).some((other) => avoids(term, pod, other)),
    )
  ) {
    return { text: "node(s) didn't match pod anti-affinity rules", resolvable: true }
  }
  const theirs = running.some((other) =>
    antiTerms(other).some(
      (term) => near(text(term, 'topologyKey')).includes(other) && avoids(term, other, pod),
    ),
  )
  return theirs
    ? { text: "node(s) didn't satisfy existing pods anti-affinity rules", resolvable: true }
    : undefined
}
