// Whether every pod of a node finds another, by the scheduler's own rules, before anything is
// touched. Advisory: nothing reserves the place, so it is asked again before each node.

import type { ClusterView, PlacedPod } from '../../view/scheduling.ts'
import { boardOf, finished, type Board, type BoardNode } from './board.ts'
import { cordon } from './cordon.ts'
import { takesAll, type Check, type Filter, type Reason } from './filter.ts'
import { nodeAffinity } from './node-affinity.ts'
import { podAffinity } from './pod-affinity.ts'
import { ports } from './ports.ts'
import { sentence, table, type NodeGroup, type Refused } from './reasons.ts'
import { resources } from './resources.ts'
import { spread } from './spread.ts'
import { taints } from './taints.ts'
import { whyKeptApartUnknown, whyUnknown } from './unknown.ts'
import { volumeLimits, volumeRestrictions } from './volume-limits.ts'
import { volumeBinding, volumeZone } from './volumes.ts'

export type { NodeGroup } from './reasons.ts'

export type PlacementAnswer =
  /** `node`: where it was put here; the scheduler may choose another. */
  | { readonly pod: PlacedPod; readonly kind: 'fits'; readonly node: string }
  /** Only its own node takes it, once that is uncordoned. */
  | {
      readonly pod: PlacedPod
      readonly kind: 'in-place'
      readonly node: string
      readonly why: string
      readonly reasons: readonly NodeGroup[]
    }
  /**
   * `preemption`: the scheduler might evict pods of lower priority for it; that is not counted on.
   */
  | {
      readonly pod: PlacedPod
      readonly kind: 'no-fit'
      readonly why: string
      readonly reasons: readonly NodeGroup[]
      readonly preemption: boolean
    }
  | { readonly pod: PlacedPod; readonly kind: 'unknown'; readonly why: string }

/** In the scheduler's order: a node is told by the first of them that has something against it. */
const FILTERS: readonly Filter[] = [
  cordon,
  taints,
  nodeAffinity,
  ports,
  resources,
  volumeRestrictions,
  volumeLimits,
  volumeBinding,
  volumeZone,
  spread,
  podAffinity,
]

/**
 * Whether a drain moves it: DaemonSet and mirror pods stay with their node, finished ones need no
 * place.
 */
export function leaves(pod: PlacedPod): boolean {
  return !pod.mirror && pod.owner?.kind !== 'DaemonSet' && !finished(pod)
}

/** One node of a plan; `staysCordoned`: it isn't uncordoned before the next. */
export interface PlanStep {
  readonly node: string
  readonly staysCordoned: boolean
}

export interface StepPlacement {
  readonly node: string
  readonly answers: readonly PlacementAnswer[]
}

/**
 * What becomes of the pods of nodes that are drained one after the other: each node's pods are
 * moved along, and when the next one's turn comes the node before is back (empty but for what
 * returned to it) or still cordoned. What finds no place stays where it is, so that the later nodes
 * can be judged too. `moves` narrows which pods are moved: by default all but DaemonSet, mirror and
 * finished pods.
 */
export function planPlacements(
  cluster: ClusterView,
  steps: readonly PlanStep[],
  moves: (pod: PlacedPod) => boolean = () => true,
): readonly StepPlacement[] {
  const board = boardOf(cluster)
  return steps.map((step) => {
    const node = board.node(step.node)
    if (node === undefined) return { node: step.node, answers: [] }
    const before = node.closed
    node.closed = true
    const answers = placeAll(
      board,
      board.on(node).filter((pod) => leaves(pod) && moves(pod)),
      node,
    )
    for (const { kind, pod } of answers)
      if (kind === 'no-fit' || kind === 'unknown') board.put(pod, node)
    node.closed = before || step.staysCordoned
    return { node: step.node, answers }
  })
}

/**
 * The highest priority is placed first, then in the order given; each that has a place takes up
 * room. The answers are in the order of `pods`. `from`: where they stand now, when that isn't what
 * they say themselves.
 */
export function placeAll(
  board: Board,
  pods: readonly PlacedPod[],
  from?: BoardNode,
): readonly PlacementAnswer[] {
  for (const pod of pods) board.take(pod)
  const answers = new Map<PlacedPod, PlacementAnswer>()
  for (const pod of pods.toSorted((a, b) => b.demands.priority - a.demands.priority))
    answers.set(pod, place(board, pod, from ?? board.node(pod.node ?? '')))
  return pods.flatMap((pod) => answers.get(pod) ?? [])
}

function place(board: Board, pod: PlacedPod, own: BoardNode | undefined): PlacementAnswer {
  const unknown = whyUnknown(pod, board)
  if (unknown !== undefined) return { pod, kind: 'unknown', why: unknown }
  const checks = FILTERS.map((filter) => filter(pod, board)).filter((check) => check !== takesAll)
  const refused: Refused[] = []
  let best: { readonly node: BoardNode; readonly room: number } | undefined
  for (const node of board.nodes) {
    const reasons = refusal(checks, node)
    if (reasons !== undefined) {
      refused.push({ node, reasons })
      continue
    }
    const left = room(node)
    if (best === undefined || left > best.room) best = { node, room: left }
  }
  if (best !== undefined) {
    board.put(pod, best.node)
    return { pod, kind: 'fits', node: best.node.view.name }
  }
  const why = sentence(refused)
  const reasons = table(refused)
  if (own !== undefined && takesAgain(board, pod, own)) {
    board.put(pod, own)
    return { pod, kind: 'in-place', node: own.view.name, why, reasons }
  }
  const doubt = whyKeptApartUnknown(pod, board)
  if (doubt !== undefined) return { pod, kind: 'unknown', why: doubt }
  return { pod, kind: 'no-fit', why, reasons, preemption: mayPreempt(pod, refused) }
}

function refusal(checks: readonly Check[], node: BoardNode): readonly Reason[] | undefined {
  for (const check of checks) {
    const reasons = check(node)
    if (reasons !== undefined) return reasons
  }
  return undefined
}

/** Where most is left, as the scheduler prefers by default. */
function room(node: BoardNode): number {
  return part(node, 'cpu') + part(node, 'memory')
}

function part({ free, whole }: BoardNode, name: string): number {
  return (free.get(name) ?? 0) / Math.max(1, whole.get(name) ?? 0)
}

/** As it will be after the maintenance: Ready and uncordoned. */
function takesAgain(board: Board, pod: PlacedPod, node: BoardNode): boolean {
  const { closed, awaited } = node
  node.closed = false
  node.awaited = true
  const takes = FILTERS.every((filter) => filter(pod, board)(node) === undefined)
  node.closed = closed
  node.awaited = awaited
  return takes
}

function mayPreempt({ demands }: PlacedPod, refused: readonly Refused[]): boolean {
  return (
    demands.preempts &&
    refused.some(
      ({ node, reasons }) =>
        node.lowest < demands.priority && reasons.every(({ byPods }) => byPods),
    )
  )
}
