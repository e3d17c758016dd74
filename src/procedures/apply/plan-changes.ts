// What an apply of each object would change and what stands against it, by dry runs before
// anything is written.

import { compareObjects, ownsSame } from '../../decide/apply/changes.ts'
import { overlaid } from '../../decide/apply/overlay.ts'
import { ownersOf } from './takings.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import {
  FIELD_MANAGER,
  objectName,
  refOf,
  type ApplyResult,
  type Kube,
  type KubeObject,
} from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { mapOf } from '../../manifests/fields-v1.ts'
import { onceTaken, withoutTaken } from './once-taken.ts'
import { definitionOf } from './own-kinds.ts'
import { conflictsBesides, findingOf, NONE, takenInWords, type Besides } from './refusal.ts'
import { toApply, type Planning, type ToApply } from './to-apply.ts'
import { warningFindings } from './warnings.ts'

/** What applying one manifest would do. */
export interface PlannedChange extends Pick<ToApply, 'manifest' | 'live' | 'options'> {
  readonly change: 'created' | 'configured' | 'unchanged'
  /** Paths that would differ, such as `spec.template.spec.containers[0].image`. */
  readonly paths: readonly string[]
  /**
   * The manifests' own definition of its kind, which the cluster must serve first; undefined where
   * it does.
   */
  readonly awaits?: KubeObject | undefined
  /** Fields of others become ours with it: of `kubectl`, or of people's tools. */
  readonly takeOver: boolean
  /** Fields of people's tools that go with it, in words: whose, and what they were. */
  readonly takenFrom: readonly string[]
  /** Applied with force: asked for, or all that stands against it is what people's tools wrote. */
  readonly forced: boolean
  readonly findings: readonly Finding[]
  /** As it would be in the cluster; undefined where that was not asked. */
  readonly result?: KubeObject | undefined
  /**
   * The server was not asked, since it may not be: `result` is what is there with the manifest's
   * fields over it.
   */
  readonly compared?: true
}

/** What is planned of an object, whatever its dry run says. */
type Begun = Omit<PlannedChange, 'change' | 'paths' | 'findings'>

/**
 * How it comes out: an object that is sent for its owners' sake alone is unchanged afterwards, but
 * for the copy of it that kubectl apply had kept.
 */
export function outcomeOf({
  change,
  live,
  result,
  paths,
  takeOver,
}: PlannedChange): PlannedChange['change'] {
  return live !== undefined && result !== undefined && paths.length === 0 && !takeOver
    ? 'unchanged'
    : change
}

/** Throws what stands against any of it. */
export function refuseFaulty(plan: readonly PlannedChange[], outcome: 'refused' | 'failed'): void {
  const [first, ...rest] = plan
    .flatMap((planned) => planned.findings)
    .filter(({ severity }) => severity === 'error')
  if (first !== undefined) throw new EnsembleError(outcome, [first, ...rest])
}

/**
 * Reads every object and dry-runs its apply, all at once. `dryRuns: false` where the namespace
 * isn't there yet.
 */
export async function planChanges(
  kube: Kube,
  manifests: readonly Manifest[],
  options: Planning,
  signal: AbortSignal,
): Promise<readonly PlannedChange[]> {
  return Promise.all(
    manifests.map(async (manifest) => {
      const definition = definitionOf(manifest.object, manifests)
      const live = await liveOf(kube, manifest.object, definition, signal)
      return live === 'to be served'
        ? {
            ...begunOf(toApply(manifest, undefined, options)),
            ...withoutDryRun('created'),
            awaits: definition,
          }
        : planOne(kube, toApply(manifest, live, options), signal)
    }),
  )
}

/** An object whose kind comes with it can't be asked for before that is there, nor dry-run. */
async function liveOf(
  kube: Kube,
  object: KubeObject,
  definition: KubeObject | undefined,
  signal: AbortSignal,
): Promise<KubeObject | undefined | 'to be served'> {
  try {
    return await kube.get(refOf(object), signal)
  } catch (error) {
    if (definition !== undefined && error instanceof KubeFailure && error.reason === 'UnknownKind')
      return 'to be served'
    throw error
  }
}

async function planOne(kube: Kube, asked: ToApply, signal: AbortSignal): Promise<PlannedChange> {
  const { manifest, live, options } = asked
  const begun = begunOf(asked)
  const change = live === undefined ? 'created' : 'configured'
  const against = setGone(asked) ?? beingDeleted(asked)
  if (against !== undefined)
    return { ...begun, ...withoutDryRun('configured'), findings: [against] }
  if (options.untried?.(manifest.object, live !== undefined) === true) return comparedChange(begun)
  if (!options.dryRuns) return { ...begun, ...withoutDryRun(change) }
  try {
    return await tried(kube, asked, begun, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    return (
      (error.status === 422 ? await triedTogether(kube, asked, begun, signal) : undefined) ?? {
        ...begun,
        ...withoutDryRun(change),
        findings: [findingOf(error, asked)],
      }
    )
  }
}

function begunOf(asked: ToApply): Begun {
  const { manifest, live, takings, options } = asked
  return {
    manifest,
    live,
    options,
    takeOver: takings.length > 0,
    takenFrom: takenInWords(asked),
    forced: options.force,
  }
}

function withoutDryRun(
  change: PlannedChange['change'],
): Pick<PlannedChange, 'change' | 'paths' | 'findings'> {
  return { change, paths: [], findings: [] }
}

/** The StatefulSet that this run changes is no more, or another one by now. */
function setGone({ manifest, live, options }: ToApply): Finding | undefined {
  const { object, place } = manifest
  if (
    object.kind !== 'StatefulSet' ||
    options.set === undefined ||
    live?.metadata.uid === options.set
  )
    return undefined
  return {
    code: 'CONFLICT',
    severity: 'error',
    message: `${objectName(object)} was deleted meanwhile${live === undefined ? '' : ', and another one was made under its name'}: nothing more is done to it`,
    fix: 'See who deletes it, then run the step again.',
    object: objectName(object),
    place,
  }
}

function beingDeleted({ manifest: { place }, live }: ToApply): Finding | undefined {
  if (live === undefined || live.metadata.deletionTimestamp === undefined) return undefined
  const held = live.metadata.finalizers?.join(', ') ?? 'none'
  return {
    code: 'CONFLICT',
    severity: 'error',
    message: `${objectName(live)} is being deleted (finalizers: ${held})`,
    fix: 'Wait until it is gone, then run the step again.',
    object: objectName(live),
    place,
  }
}

/** By the server's own answer to the apply. */
async function tried(
  kube: Kube,
  asked: ToApply,
  begun: Begun,
  signal: AbortSignal,
): Promise<PlannedChange> {
  const { manifest, live, options } = asked
  const besides = hidesConflicts(asked) ? await conflictsBesides(kube, asked, signal) : NONE
  const dry =
    besides.dry ??
    (await kube.apply(
      manifest.object,
      { dryRun: true, force: options.force || begun.takeOver || besides.forced },
      signal,
    ))
  const warned = warningFindings(dry.warnings, {
    object: objectName(manifest.object),
    place: manifest.place,
  })
  if (live === undefined)
    return { ...begun, change: 'created', paths: [], findings: warned, result: dry.object }
  const result = await withoutTaken(kube, { ...asked, live }, dry.object, signal)
  const paths = compareObjects(live, result)
  const stays = paths.length === 0 && ownersStay(live, dry, begun, besides)
  return {
    ...begun,
    forced: options.force || besides.forced,
    takenFrom: [...begun.takenFrom, ...besides.people],
    change: stays ? 'unchanged' : 'configured',
    paths,
    findings: [
      ...(besides.failure === undefined ? [] : [findingOf(besides.failure, asked)]),
      ...warned,
    ],
    result,
  }
}

/** Whether a dry run with the force that takes fields over would hide that others own some. */
function hidesConflicts({ live, takings, options }: ToApply): boolean {
  if (options.force) return false
  if (options.taking !== undefined) return true
  return takings.length > 0 && live !== undefined && ownersOf(live, takings).others > 0
}

function ownersStay(
  live: KubeObject,
  dry: ApplyResult,
  { takeOver }: Begun,
  { forced }: Besides,
): boolean {
  return !takeOver && !forced && ownsSame(live, dry.object, FIELD_MANAGER)
}

/** Refused as it is, but not with what the manifest no longer has removed at the same time. */
async function triedTogether(
  kube: Kube,
  asked: ToApply,
  begun: Begun,
  signal: AbortSignal,
): Promise<PlannedChange | undefined> {
  const { live } = asked
  if (live === undefined) return undefined
  const result = await onceTaken(kube, { ...asked, live }, signal)
  return result === undefined
    ? undefined
    : { ...begun, ...withoutDryRun('configured'), paths: compareObjects(live, result), result }
}

function comparedChange(begun: Begun): PlannedChange {
  const {
    live,
    manifest: { object },
  } = begun
  if (live === undefined) return { ...begun, ...withoutDryRun('created'), compared: true }
  const result: KubeObject = {
    ...live,
    ...mapOf(overlaid(live, object)),
    metadata: { ...live.metadata, ...mapOf(overlaid(live.metadata, object.metadata)) },
  }
  const paths = compareObjects(live, result)
  return {
    ...begun,
    change: paths.length === 0 ? 'unchanged' : 'configured',
    paths,
    findings: [],
    result,
    compared: true,
  }
}
