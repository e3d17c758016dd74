// Whether the members of a node that is drained go elsewhere or come back to it, once it is known
// where its pods can go; and why the node can't be drained so.

import { BY_THIS_DRAIN } from '../placement/filter.ts'
import type { NodeGroup, PlacementAnswer } from '../placement/plan-placements.ts'

/** Pods that are named in one note. */
const MOST_NAMED = 5

/** Where the members of a node go; `none`: it has none. */
export type Mode = 'elsewhere' | 'in-place' | 'none'

export interface NodeChoice {
  readonly node: string
  readonly mode: Mode
  /** Why it can't be drained so, one line for each pod; empty: it can. */
  readonly refusals: readonly {
    readonly pod: string
    readonly why: string
    readonly fix: string
    /** Which node takes it not, and why; absent where that is not known. */
    readonly reasons?: readonly NodeGroup[]
  }[]
  /** What a person should know, and what does not stop it. */
  readonly notes: readonly string[]
  /** `namespace/name` of pods of others that only come back once the node is uncordoned. */
  readonly waiting: readonly string[]
}

export interface Choosing {
  readonly node: string
  /** One for each pod that is to be evicted and needs a place. */
  readonly answers: readonly PlacementAnswer[]
  readonly isMember: (pod: PlacementAnswer['pod']) => boolean
  readonly asked: 'elsewhere' | 'in-place' | 'auto'
  /** The node is uncordoned in this run: what only fits there comes back by itself. */
  readonly isUncordoned: boolean
  /** Somebody else cordoned the node, and it stays so. */
  readonly cordonedByOthers?: boolean
}

/**
 * `elsewhere` where every member fits elsewhere, else `in-place` where that was asked for or the
 * node is uncordoned in the end; what is not known counts as not fitting.
 */
export function chooseMode({
  node,
  answers,
  isMember,
  asked,
  isUncordoned,
  cordonedByOthers = false,
}: Choosing): NodeChoice {
  const members = answers.filter((answer) => isMember(answer.pod))
  const away = members.filter((answer) => answer.kind !== 'fits')
  const mode: Mode =
    members.length === 0
      ? 'none'
      : asked === 'in-place' ||
          (asked === 'auto' &&
            away.length > 0 &&
            isUncordoned &&
            away.every((answer) => answer.kind === 'in-place'))
        ? 'in-place'
        : 'elsewhere'
  const refusals = answers.flatMap((answer) =>
    refuse(answer, isMember(answer.pod), mode, { asked, isUncordoned, cordonedByOthers }),
  )
  const going = answers.filter((answer) => !refusals.some(({ pod }) => pod === nameOf(answer)))
  const notes = [
    ...(mode === 'in-place' ? going.filter((answer) => isMember(answer.pod)).flatMap(aside) : []),
    ...asideTogether(going.filter((answer) => !isMember(answer.pod))),
  ]
  const waiting = answers
    .filter((answer) => answer.kind === 'in-place' && !isMember(answer.pod))
    .map(nameOf)
  return { node, mode, refusals, notes, waiting }
}

function refuse(
  answer: PlacementAnswer,
  member: boolean,
  mode: Mode,
  choosing: Required<Pick<Choosing, 'asked' | 'isUncordoned' | 'cordonedByOthers'>>,
): NodeChoice['refusals'] {
  const { asked, isUncordoned, cordonedByOthers } = choosing
  const pod = nameOf(answer)
  const staysHere = member && mode === 'in-place'
  if (staysHere && cordonedByOthers)
    return [
      {
        pod,
        why: 'somebody else cordoned its node, and that cordon stays: it could not come back to the node',
        fix: UNCORDON,
      },
    ]
  // Its own node takes it; whether nothing else could is of no matter.
  if (answer.kind === 'fits' || (staysHere && answer.kind !== 'no-fit')) return []
  if (answer.kind !== 'in-place') return [noPlace(answer, pod, member)]
  if (!member && isUncordoned && asked !== 'elsewhere') return []
  return [
    {
      pod,
      why: `only its own node takes it, once that is uncordoned: ${byNode(answer)}`,
      fix: cordonedByOthers ? UNCORDON : inPlaceFix(member, isUncordoned),
      reasons: answer.reasons,
    },
  ]
}

function noPlace(
  answer: Extract<PlacementAnswer, { kind: 'no-fit' | 'unknown' }>,
  pod: string,
  member: boolean,
): NodeChoice['refusals'][number] {
  if (answer.kind === 'unknown')
    return {
      pod,
      why: `whether another node takes it can't be told: ${answer.why}`,
      fix: member
        ? 'Set placement: in-place if it may come back to this node.'
        : 'Move it by hand first, or leave it out with pod-selector.',
    }
  return {
    pod,
    why: answer.preemption
      ? `other nodes could take it only by evicting pods of lower priority: ${byNode(answer)}`
      : `no node takes it: ${byNode(answer)}`,
    fix: 'Make room on another node, or add one.',
    reasons: answer.reasons,
  }
}

const UNCORDON =
  'Uncordon the node first, or take the cordon over with operation: uncordon and any-cordon: true; or add a node that takes it.'

/** `node-2, node-3 didn't match pod anti-affinity rules; node-1 …`: by name, not by count. */
function byNode({
  reasons,
  why,
}: {
  readonly reasons: readonly NodeGroup[]
  readonly why: string
}): string {
  if (reasons.length === 0) return why
  return reasons
    .map(({ reason, nodes, names }) => {
      const more = nodes > names.length ? ` and ${nodes - names.length} more` : ''
      return `${names.join(', ')}${more} ${reasonOfOne(reason)}`
    })
    .join('; ')
}

/** The scheduler's reason as it is said of nodes by name. */
export function reasonOfOne(reason: string): string {
  const plain = reason.replace(/^node\(s\) /, '')
  if (plain === `were unschedulable ${BY_THIS_DRAIN}`) return 'will be cordoned by this drain'
  return plain === 'were unschedulable' ? 'cordoned already' : plain
}

function inPlaceFix(member: boolean, isUncordoned: boolean): string {
  if (member)
    return isUncordoned
      ? 'Set placement: in-place (or auto), or add a node that takes it.'
      : 'Add a node that takes it. Or let it come back to its node, which must be uncordoned for that: set placement: in-place, give a maintenance-command, or set uncordon: after.'
  return isUncordoned
    ? 'Set placement: auto, or add a node that takes it.'
    : 'Set uncordon: after, or add a node that takes it.'
}

function aside(member: PlacementAnswer): readonly string[] {
  return member.kind === 'fits'
    ? []
    : [`${nameOf(member)} comes back to its own node: ${member.why}`]
}

/** Pods that wait for the same reason are one note: a node may have a hundred. */
function asideTogether(others: readonly PlacementAnswer[]): readonly string[] {
  const byReason = Map.groupBy(
    others.flatMap((answer) =>
      answer.kind === 'fits' ? [] : [{ pod: nameOf(answer), why: answer.why }],
    ),
    ({ why }) => why,
  )
  return [...byReason].map(([why, pods]) => {
    const more = pods.length > MOST_NAMED ? ` and ${pods.length - MOST_NAMED} more` : ''
    return `${pods
      .slice(0, MOST_NAMED)
      .map(({ pod }) => pod)
      .join(
        ', ',
      )}${more} ${pods.length === 1 ? 'waits until its' : 'wait until their'} node is uncordoned: ${why}`
  })
}

function nameOf({ pod }: Pick<PlacementAnswer, 'pod'>): string {
  return `${pod.namespace}/${pod.name}`
}
