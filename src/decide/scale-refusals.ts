// Why the number of members can't be changed as the set stands now.

import type { Finding } from '../errors.ts'
import type { ProfileName } from '../view/profile-name.ts'
import type { SetView } from '../view/workload.ts'

export interface ScaleGround {
  readonly set: SetView
  /** The change that was begun and has not ended, in words, and what ends it. */
  readonly underWay:
    | {
        readonly operation: string
        readonly words: string
        readonly end: string
        /** How many members there were before it, where it does nothing but make more of them. */
        readonly from?: number | undefined
      }
    | undefined
  /** Members to reach. */
  readonly target: number
  /** The partition that the set is to have; undefined with OnDelete. */
  readonly partition: number | undefined
  /** Members are still to be replaced, or the set was left with a strategy that is not its own. */
  readonly unfinished: boolean
}

/** Undefined where nothing stands against it. */
export function whyNotScaled(ground: ScaleGround): Finding | undefined {
  return otherChange(ground) ?? heldMembers(ground) ?? unfinishedRoll(ground)
}

function otherChange(ground: ScaleGround): Finding | undefined {
  const { set, underWay } = ground
  if (underWay === undefined || underWay.operation === 'scale' || removesBegun(ground))
    return undefined
  return {
    code: 'CONFLICT',
    severity: 'error',
    message: `${underWay.words}: its member list would be changed twice at once`,
    object: objectOf(set),
    fix: underWay.end,
  }
}

function heldMembers({ set, partition }: ScaleGround): Finding | undefined {
  if (partition === undefined || partition === 0) return undefined
  return {
    code: 'MEMBERSHIP_CHANGE',
    severity: 'error',
    message: `${objectOf(set)} has partition ${partition}: members below it would keep the old member list`,
    object: objectOf(set),
    fix: 'Deploy it with partition: 0 first.',
  }
}

function unfinishedRoll({ set, underWay, unfinished }: ScaleGround): Finding | undefined {
  if (underWay !== undefined || !unfinished) return undefined
  return {
    code: 'NOT_READY',
    severity: 'error',
    message: `a roll of ${set.name} is not finished: some members run an older revision than ${set.status.updateRevision}`,
    object: objectOf(set),
    fix: 'Finish it with a deploy, or roll it back with operation: undo; operation: status says what it waits for.',
  }
}

/** Members go that a deploy which did nothing else has made: their list is changed once more only. */
export function removesBegun({
  set,
  underWay,
  target,
}: Pick<ScaleGround, 'set' | 'underWay' | 'target'>): boolean {
  const from = underWay?.from
  return from !== undefined && target >= from && target <= set.replicas
}

/** Who its members are can't be changed, or not by this action. */
export function unchangeable(
  set: Pick<SetView, 'name'>,
  why: { readonly refused: string; readonly manual: string },
): Finding {
  return {
    code: 'MEMBERSHIP_CHANGE',
    severity: 'error',
    message: `the number of members of ${set.name} can't be changed by this action: ${why.refused}`,
    object: objectOf(set),
    fix: why.manual,
  }
}

/** Set and member list are further apart than a step that was cut off leaves them. */
export function apart(set: SetView, listed: number): Finding {
  return {
    code: 'MEMBERSHIP_CHANGE',
    severity: 'error',
    message: `${objectOf(set)} has ${set.replicas} replicas, but its member list names ${listed}: somebody changed one without the other`,
    object: objectOf(set),
    fix: `If ${listed} is right: kubectl -n ${set.namespace} scale ${objectOf(set)} --replicas=${listed}; then scale with this action.`,
  }
}

/** It works, and tolerates no more failures; of a ring that says nothing. */
export function evenVoters(profile: ProfileName, target: number): Finding | undefined {
  return profile !== 'zookeeper' || target % 2 === 1
    ? undefined
    : {
        code: 'INPUT_INVALID',
        severity: 'warning',
        input: 'replicas',
        message: `${target} members tolerate no more failures than ${target - 1}`,
        fix: `use ${target - 1} or ${target + 1}`,
      }
}

/**
 * Of a ring: who doesn't serve of those that a scale which was cut off was to remove. Such a node
 * has left or is leaving, and waiting brings none back: it goes before another one comes under its
 * name.
 */
export function leftForGood(
  { name, start, replicas }: Pick<SetView, 'name' | 'start' | 'replicas'>,
  { begun, target, away }: { readonly begun: number; readonly target: number } & Pick<Away, 'away'>,
): Finding | undefined {
  const going = Array.from(
    { length: Math.max(0, replicas - begun) },
    (_, index) => `${name}-${start + begun + index}`,
  )
  const lost = going.filter((pod) => away.includes(pod))
  const [first] = lost
  if (first === undefined || target <= begun) return undefined
  const one = lost.length === 1
  return {
    code: 'MEMBERSHIP_CHANGE',
    severity: 'error',
    object: `pod/${first}`,
    message: `${lost.join(', ')} ${one ? 'does' : 'do'} not serve, and ${one ? 'was' : 'were'} to leave the ring by the scale to ${begun} that was cut off: a node that has left does not come back with its data`,
    fix: `Run operation: scale with replicas: ${begun} and delete-claims: true first, which removes ${one ? 'it' : 'them'}; then with replicas: ${target}.`,
  }
}

/**
 * Who is not serving, by pod. `unreached`: why, where nothing more is known of all of them than
 * that they could not be asked.
 */
export interface Away {
  readonly away: readonly string[]
  readonly unreached: string | undefined
}

export function awayInWords({ away, unreached }: Away): string {
  const one = away.length === 1
  return unreached === undefined
    ? `${away.join(', ')} ${one ? 'does' : 'do'} not serve`
    : `${away.join(', ')} could not be reached, so whether ${one ? 'it serves' : 'they serve'} is not known (${unreached})`
}

/** Members that should serve before their number is changed, and don't. */
export function unsound(name: string, found: Away): Finding {
  const about = { severity: 'error', object: `statefulset/${name}` } as const
  return found.unreached === undefined
    ? {
        ...about,
        code: 'NOT_READY',
        message: `${awayInWords(found)}: the number of members is changed only while all of them do`,
        fix: 'operation: status says what is wrong; fix that first. If the member with the highest ordinal is the one that does not serve, a scale that removes it is allowed.',
      }
    : {
        ...about,
        code: 'CHECK_IMPOSSIBLE',
        message: `${awayInWords(found)}: the number of members is changed only while all of them serve`,
        fix: 'operation: verify says what this run needs to reach them.',
      }
}

function objectOf({ name }: Pick<SetView, 'name'>): string {
  return `statefulset/${name}`
}
