// Whether a failed change is taken back, and to which revision an undo goes: only evidence against
// the new revision takes it back, everything else halts.

import { codeRow, type Code } from '../../codes.ts'
import type { ProfileName } from '../../view/profile-name.ts'

/** A revision as the record knows it. */
export interface Known {
  readonly digest: string
  readonly controllerRevision: string
  readonly verifiedAt: string
}

export interface Failed {
  readonly onFailure: 'undo' | 'keep'
  readonly firstInstall: boolean
  /** Something was written before it failed. */
  readonly changed: boolean
  readonly cancelled: boolean
  /** Of an EnsembleError; undefined for a failure of the API or of ours. */
  readonly code: Code | undefined
  /** The pods' evidence speaks against what was applied. */
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
  | { readonly kind: 'halt'; readonly reason: string }

export function decideUndo(failed: Failed): UndoDecision {
  const halt = (reason: string): UndoDecision => ({ kind: 'halt', reason })
  if (!failed.changed) return halt('nothing was changed')
  if (failed.onFailure === 'keep') return halt('on-failure is keep')
  if (failed.firstInstall)
    return halt(
      'this was the first install: there is nothing to roll back to. Everything was left as it is, claims included, so that it can be looked at',
    )
  if (failed.cancelled) return halt('the run was cancelled')
  if (failed.code === undefined)
    return halt('the failure was one of the API or of the action, not of the new revision')
  if (failed.code === 'DATA_LOST')
    return halt('data is missing: nothing more is changed before somebody has compared the members')
  // Lost data is no reason to change more, and what could not be asked proves nothing.
  const against = failed.inChecks
    ? codeRow(failed.code).isEvidence === true
    : failed.againstRevision
  if (!against) return halt('the evidence is not against the new revision')
  if (failed.losses !== undefined)
    return halt(`an undo takes members down as well, and ${failed.losses}`)
  if (failed.verified === undefined) return halt('no revision of this ensemble was ever verified')
  if (failed.verified.digest === failed.digest)
    return halt('what failed is the latest verified revision itself')
  if (failed.standsAlready)
    return halt(
      `neither the template nor an object beside it was changed: members run revision ${failed.verified.controllerRevision}, the latest verified one, already`,
    )
  if (failed.notKept !== undefined)
    return halt(
      `the latest verified revision is ${failed.verified.controllerRevision}, and ${failed.notKept}`,
    )
  const newer =
    failed.profile === 'none'
      ? undefined
      : failed.members.find((member) => isNewerMinor(member.version, failed.versionBefore))
  if (newer !== undefined)
    return halt(
      `${newer.pod} has already served version ${newer.version ?? ''}, newer than ${failed.versionBefore}: its data may not be readable by the older one`,
    )
  return { kind: 'undo', to: failed.verified }
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
 * is what is taken back.
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
  return verified.findLast((one) => one !== current)
}
