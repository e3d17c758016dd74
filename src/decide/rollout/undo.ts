// Whether a failed change is rolled back, and to which revision an undo goes: only evidence against
// the new revision rolls it back, everything else halts.

import { codeRow, type Code } from '../../codes.ts'
import type { ProfileName } from '../../view/profile-name.ts'

/** A revision as the record knows it. */
export interface Known {
  readonly digest: string
  readonly controllerRevision: string
  readonly verifiedAt: string
  /** Which operation has put it there. */
  readonly origin?: string
}

export interface Failed {
  readonly onFailure: 'undo' | 'keep'
  readonly firstInstall: boolean
  /** Something was written before it failed. */
  readonly changed: boolean
  /** It continues a change that was begun before. */
  readonly goesOn: boolean
  readonly cancelled: boolean
  /** Of an EnsembleError; undefined for a failure of the API or of ours. */
  readonly code: Code | undefined
  /** Of all its errors, `code` among them. */
  readonly codes: readonly Code[]
  /**
   * The pods' evidence speaks against what was applied; false where a node, the cluster or an older
   * revision is at fault. The symptoms of decide/diagnosis/ say it one by one.
   */
  readonly againstRevision: boolean
  /** It failed in the checks that follow the roll. */
  readonly inChecks: boolean
  /** Digest of what was applied. */
  readonly digest: string
  /**
   * Neither the template nor an object beside it was changed: what members run is the latest
   * verified revision already.
   */
  readonly standsAlready: boolean
  /** The latest verified revision; undefined when there is none. */
  readonly verified: Known | undefined
  /**
   * Why its objects can't be applied again, in words without a full stop; undefined where they can.
   */
  readonly notKept: string | undefined
  /** The latest verified revision asks the same of nodes, as far as the scheduler reads it. */
  readonly asksSame: boolean
  /** It makes each member the same way: what failed differs in the number of members at most. */
  readonly makesSame: boolean
  /**
   * What members that are taken down now would lose for good, in words without a full stop;
   * undefined where they keep all, or it isn't known.
   */
  readonly losses: string | undefined
  readonly profile: ProfileName
  readonly members: readonly { readonly pod: string; readonly version: string | undefined }[]
  /** The server's version before the change, empty where it isn't known. */
  readonly versionBefore: string
}

export type UndoDecision =
  | { readonly kind: 'undo'; readonly to: Known }
  /** `forward`: at the earlier revision the fault would be the same, so only a fix leads out. */
  | { readonly kind: 'halt'; readonly reason: string; readonly forward: boolean }

export function decideUndo(failed: Failed): UndoDecision {
  const { losses, verified } = failed
  const closed = verified === undefined ? undefined : noWayBack(failed, verified)
  const same =
    verified === undefined || closed !== undefined ? undefined : sameFault(failed, verified)
  const halt = (reason: string): UndoDecision => ({
    kind: 'halt',
    reason,
    forward: same !== undefined && canContinue(failed),
  })
  const kept = notAsked(failed) ?? notProven(failed)
  if (kept !== undefined) return halt(kept)
  if (losses !== undefined) return halt(`an undo takes members down as well, and ${losses}`)
  if (verified === undefined) return halt('no revision of this ensemble was ever verified')
  const why = closed ?? same
  return why === undefined ? { kind: 'undo', to: verified } : halt(why)
}

/** Once its cause is gone the same deploy does the rest. */
function canContinue(failed: Failed): boolean {
  const { changed, goesOn, firstInstall, cancelled, code, losses } = failed
  const begun = (changed || goesOn) && !firstInstall && !cancelled
  return begun && code !== undefined && code !== 'DATA_LOST' && losses === undefined
}

function notAsked({ changed, onFailure, firstInstall, cancelled }: Failed): string | undefined {
  if (!changed) return 'nothing was changed'
  if (onFailure === 'keep') return 'on-failure is keep'
  if (firstInstall)
    return 'this was the first install: there is nothing to roll back to. Everything was left as it is, claims included, so that it can be looked at'
  return cancelled ? 'the run was cancelled' : undefined
}

/** Lost data is no reason to change more, and what could not be asked proves nothing. */
function notProven({ code, inChecks, againstRevision }: Failed): string | undefined {
  if (code === undefined)
    return 'the failure was one of the API or of the action, not of the new revision'
  if (code === 'DATA_LOST')
    return 'data is missing: nothing more is changed before somebody has compared the members'
  const against = inChecks ? codeRow(code).isEvidence === true : againstRevision
  return against ? undefined : 'the evidence is not against the new revision'
}

function noWayBack(failed: Failed, verified: Known): string | undefined {
  const { digest, standsAlready, notKept, versionBefore } = failed
  if (verified.digest === digest) return 'what failed is the latest verified revision itself'
  if (standsAlready)
    return `neither the template nor an object beside it was changed: members run revision ${verified.controllerRevision}, the latest verified one, already`
  if (notKept !== undefined)
    return `the latest verified revision is ${verified.controllerRevision}, and ${notKept}`
  const newer =
    failed.profile === 'none'
      ? undefined
      : failed.members.find((member) => isNewerMinor(member.version, versionBefore))
  return newer === undefined
    ? undefined
    : `${newer.pod} has already served version ${newer.version ?? ''}, newer than ${versionBefore}: its data may not be readable by the older one`
}

/** Why members would be where they are at the verified revision too. */
function sameFault(
  { codes, asksSame, makesSame }: Failed,
  { controllerRevision }: Known,
): string | undefined {
  const latest = `revision ${controllerRevision}, the latest verified one,`
  if (makesSame) return `${latest} makes each member the same way, and an undo removes none`
  return asksSame && codes.every((code) => code === 'UNSCHEDULABLE')
    ? `${latest} asks the same of nodes: an undo would wait for a node as well`
    : undefined
}

/** `3.9.5` is a newer minor version than `3.8.4`, and `3.9.5` than `3.9.4` is not. */
export function isNewerMinor(version: string | undefined, before: string): boolean {
  const [major, minor] = numbers(version ?? '')
  const [majorBefore, minorBefore] = numbers(before)
  if (
    major === undefined ||
    minor === undefined ||
    majorBefore === undefined ||
    minorBefore === undefined
  )
    return false
  return major > majorBefore || (major === majorBefore && minor > minorBefore)
}

function numbers(version: string): readonly (number | undefined)[] {
  const match = /^(\d+)\.(\d+)/.exec(version)
  return match === null ? [] : [Number(match[1]), Number(match[2])]
}

export interface Wanted {
  /** The revision that is wanted now. */
  readonly updateRevision: string
  /** Every member runs it. */
  readonly complete: boolean
}

/**
 * The latest verified revision that isn't the current one. One that is wanted already, but that a
 * stuck member keeps from being reached, is not current yet;
 * nor is one whose ConfigMaps were changed since: what was applied last is not verified then, and
 * is what is rolled back.
 */
export function latestToGoBackTo<Entry extends Known>(
  known: readonly Entry[],
  wanted: Wanted,
): Entry | undefined {
  const verified = known.filter((one) => one.verifiedAt !== '')
  const last = known.at(-1)
  const changedSince = last?.verifiedAt === '' && last.controllerRevision === wanted.updateRevision
  const current =
    wanted.complete && !changedSince
      ? verified.findLast((one) => one.controllerRevision === wanted.updateRevision)
      : undefined
  return verified.findLast((one) => one !== current && !isScaledFrom(one, current, verified))
}

/**
 * A scale records what was applied before it once more, with another number of members: the same
 * revision with the same files, and so nothing to go back to.
 */
function isScaledFrom<Entry extends Known>(
  one: Entry,
  current: Entry | undefined,
  verified: readonly Entry[],
): boolean {
  if (current === undefined) return false
  const [from, to] = [verified.indexOf(one), verified.indexOf(current)]
  return (
    from < to &&
    verified
      .slice(from + 1, to + 1)
      .every(
        ({ origin, controllerRevision }) =>
          origin === 'scale' && controllerRevision === one.controllerRevision,
      )
  )
}
