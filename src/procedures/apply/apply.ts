// Server-side apply with the truth about it: dry runs tell beforehand what would change and what
// stands against it, and nothing is written where nothing changes.

import { z } from 'zod'
import { compareObjects, differences, ownsSame } from '../../decide/apply/changes.ts'
import { withoutGivenUp, type Owners } from '../../decide/apply/given-up.ts'
import {
  changeOf,
  conflictWords,
  handOf,
  pathsOf,
  splitFields,
  type Conflict,
  type Hand,
  type Part,
} from '../../decide/apply/hands.ts'
import { overlaid } from '../../decide/apply/overlay.ts'
import { immutableDifferences } from '../../decide/preflight/immutable.ts'
import { EnsembleError, failure, type Finding } from '../../errors.ts'
import { explainFailure } from '../../kube/explain.ts'
import { KubeFailure } from '../../kube/failure.ts'
import {
  refOf,
  FIELD_MANAGER,
  type ApplyResult,
  type JsonPatchOperation,
  type Kube,
  type KubeObject,
  type ManagedFields,
} from '../../kube/kube.ts'
import { isTree } from '../../manifests/fields-v1.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { LAST_APPLIED } from '../../manifests/owned.ts'
import { textsOf } from '../../manifests/texts.ts'
import { definitionOf } from './own-kinds.ts'
import { warningFindings } from './warnings.ts'

/** Field managers of `kubectl apply`, whose objects are taken over without a conflict. */
const KUBECTL_MANAGERS = ['kubectl-client-side-apply', 'kubectl']

/** A status that changes meanwhile makes the taking over of fields a try. */
const TAKING_TRIES = 10

/** What applying one manifest would do. */
export interface PlannedChange {
  readonly manifest: Manifest
  /** Undefined when it isn't there yet. */
  readonly live: KubeObject | undefined
  readonly change: 'created' | 'configured' | 'unchanged'
  /** Paths that would differ, such as `spec.template.spec.containers[0].image`. */
  readonly paths: readonly string[]
  /**
   * The manifests' own definition of its kind, which the cluster must serve first; undefined where
   * it does.
   */
  readonly awaits?: KubeObject | undefined
  /** Made by `kubectl apply`, or rolled back by `kubectl rollout undo`, and not yet taken over. */
  readonly takeOver: boolean
  readonly options: Planning
  /** Fields of people's tools that go with it, in words: whose, and what they were. */
  readonly takenFrom: readonly string[]
  /** Applied with force: all that stands against it is what people's tools wrote. */
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

export function objectName(object: KubeObject): string {
  return `${object.kind.toLowerCase()}/${object.metadata.name}`
}

interface Planning {
  readonly force: boolean
  readonly dryRuns: boolean
  /**
   * Names of verified ControllerRevisions: a `kubectl rollout undo` to one of them left nothing of
   * anybody's own in the template, and is taken over without a conflict.
   */
  readonly verified?: ReadonlySet<string>
  /**
   * What was asked for and is taken from people's tools without a conflict: all that an earlier
   * revision has (undo), or the number of members (scale).
   */
  readonly taking?: 'revision' | 'replicas' | undefined
  /** Whether the operation has the input force-conflicts. Default true. */
  readonly mayForce?: boolean
  /**
   * Objects whose apply may not be tried, not even dry; `there`: it exists. They are compared with
   * what stands in the cluster.
   */
  readonly untried?: ((object: KubeObject, there: boolean) => boolean) | undefined
  /**
   * UID of the StatefulSet that is changed: one that is gone is not made again, and another of its
   * name is left alone.
   */
  readonly set?: string | undefined
}

interface PlanningOne extends Planning {
  /** The manifests' own definition of the object's kind. */
  readonly definition: KubeObject | undefined
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
    manifests.map((manifest) =>
      planOne(
        kube,
        manifest,
        { ...options, definition: definitionOf(manifest.object, manifests) },
        signal,
      ),
    ),
  )
}

async function planOne(
  kube: Kube,
  manifest: Manifest,
  options: PlanningOne,
  signal: AbortSignal,
): Promise<PlannedChange> {
  const live = await liveOf(kube, manifest.object, options.definition, signal)
  if (live === 'to be served')
    return {
      manifest,
      live: undefined,
      takeOver: false,
      takenFrom: [],
      options,
      forced: options.force,
      change: 'created',
      paths: [],
      findings: [],
      awaits: options.definition,
    }
  const takings = live === undefined ? [] : takingsOf(live, options)
  const takeOver = takings.length > 0
  const takenFrom = takings.flatMap(({ entry, hand, taken }) =>
    hand === undefined ? [] : [inWords(hand, entry.manager, pathsOf(taken), live, manifest.object)],
  )
  const planned = { manifest, live, takeOver, takenFrom, options, forced: options.force }
  if (
    manifest.object.kind === 'StatefulSet' &&
    options.set !== undefined &&
    live?.metadata.uid !== options.set
  ) {
    const finding: Finding = {
      code: 'CONFLICT',
      severity: 'error',
      message: `${objectName(manifest.object)} was deleted meanwhile${live === undefined ? '' : ', and another one was made under its name'}: nothing more is done to it`,
      fix: 'See who deletes it, then run the step again.',
      object: objectName(manifest.object),
      place: manifest.place,
    }
    return { ...planned, change: 'configured', paths: [], findings: [finding] }
  }
  if (live !== undefined && live.metadata.deletionTimestamp !== undefined) {
    const held = live.metadata.finalizers?.join(', ') ?? 'none'
    const finding: Finding = {
      code: 'CONFLICT',
      severity: 'error',
      message: `${objectName(live)} is being deleted (finalizers: ${held})`,
      fix: 'Wait until it is gone, then run the step again.',
      object: objectName(live),
      place: manifest.place,
    }
    return { ...planned, change: 'configured', paths: [], findings: [finding] }
  }
  if (options.untried?.(manifest.object, live !== undefined) === true)
    return comparedChange(planned)
  if (!options.dryRuns)
    return {
      ...planned,
      change: live === undefined ? 'created' : 'configured',
      paths: [],
      findings: [],
    }
  try {
    const besides =
      options.force ||
      (options.taking === undefined &&
        (!takeOver || (live !== undefined && ownersOf(live, takings).others === 0)))
        ? NONE
        : await conflictsBesides(kube, manifest, takings, options, signal)
    const dry =
      besides.dry ??
      (await kube.apply(
        manifest.object,
        { dryRun: true, force: options.force || takeOver || besides.forced },
        signal,
      ))
    const warned = warningFindings(dry.warnings, {
      object: objectName(manifest.object),
      place: manifest.place,
    })
    if (live === undefined)
      return { ...planned, change: 'created', paths: [], findings: warned, result: dry.object }
    const result = await withoutTaken(kube, live, dry.object, manifest.object, takings, signal)
    const paths = compareObjects(live, result)
    const unchanged =
      paths.length === 0 &&
      !takeOver &&
      !besides.forced &&
      ownsSame(live, dry.object, FIELD_MANAGER)
    const more = besides.people.map(({ manager, subresource, field }) =>
      inWords(handOf(manager, subresource), manager, [field], live, manifest.object),
    )
    return {
      ...planned,
      forced: options.force || besides.forced,
      takenFrom: [...takenFrom, ...more],
      change: unchanged ? 'unchanged' : 'configured',
      paths,
      findings: [
        ...(besides.failure === undefined
          ? []
          : [findingOf(besides.failure, manifest, live, options)]),
        ...warned,
      ],
      result,
    }
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    const result =
      live === undefined || error.status !== 422
        ? undefined
        : await onceTaken(kube, live, manifest.object, takings, signal)
    if (live !== undefined && result !== undefined)
      return {
        ...planned,
        change: 'configured',
        paths: compareObjects(live, result),
        findings: [],
        result,
      }
    return {
      ...planned,
      change: live === undefined ? 'created' : 'configured',
      paths: [],
      findings: [findingOf(error, manifest, live, options)],
    }
  }
}

function comparedChange(
  planned: Omit<PlannedChange, 'change' | 'paths' | 'findings'>,
): PlannedChange {
  const {
    live,
    manifest: { object },
  } = planned
  if (live === undefined)
    return { ...planned, change: 'created', paths: [], findings: [], compared: true }
  const result: KubeObject = {
    ...live,
    ...mapOf(overlaid(live, object)),
    metadata: { ...live.metadata, ...mapOf(overlaid(live.metadata, object.metadata)) },
  }
  const paths = compareObjects(live, result)
  return {
    ...planned,
    change: paths.length === 0 ? 'unchanged' : 'configured',
    paths,
    findings: [],
    result,
    compared: true,
  }
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return isTree(value) ? value : {}
}

/**
 * Where what the manifest has does not go with what it no longer has (of a budget `maxUnavailable`
 * with `minAvailable`) only the two together can be tried; undefined where the server refuses that,
 * too.
 */
async function onceTaken(
  kube: Kube,
  live: KubeObject,
  wanted: KubeObject,
  takings: readonly Taking[],
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const without = mapOf(withoutGivenUp(live, wanted, ownersOf(live, takings)))
  if (takings.length === 0 || differences(without, mapOf(live), '').length === 0) return undefined
  const after = mapOf(overlaid(without, wanted))
  const { labels, annotations } = mapOf(after['metadata'])
  const operations = Object.keys(after)
    .filter((key) => !SERVERS.has(key))
    .map((key): JsonPatchOperation => ({ op: 'add', path: `/${key}`, value: after[key] }))
  try {
    const asked = await kube.patchDry(refOf(live), operations, signal)
    return {
      ...asked,
      metadata: { ...asked.metadata, labels: texts(labels), annotations: texts(annotations) },
    }
  } catch (error) {
    if (error instanceof KubeFailure) return undefined
    throw error
  }
}

/** Not among what a manifest's fields are compared by. */
const SERVERS: ReadonlySet<string> = new Set(['metadata', 'status', 'apiVersion', 'kind'])

function texts(map: unknown): Readonly<Record<string, string>> | undefined {
  return map === undefined ? undefined : textsOf(map)
}

/**
 * `others`: how many own fields beside us and those that are taken over; an entry of the status is
 * nobody's wish.
 */
function ownersOf(
  object: KubeObject,
  takings: readonly Taking[],
): Owners & { readonly others: number } {
  const others = (object.metadata.managedFields ?? []).filter(
    ({ manager, operation, subresource }) =>
      !(manager === FIELD_MANAGER && operation === 'Apply') &&
      !takings.some(
        ({ entry }) =>
          entry.manager === manager &&
          entry.operation === operation &&
          entry.subresource === subresource,
      ),
  )
  return {
    taken: takings.map(({ taken }) => taken),
    kept: [...others.map(({ fieldsV1 }) => fieldsV1), ...takings.map(({ left }) => left)],
    others: others.filter(({ subresource }) => subresource !== 'status').length,
  }
}

/**
 * The dry run of an apply leaves what another tool wrote and the manifest no longer has: it goes
 * only once its fields are taken over. The server says what becomes of the object without it,
 * defaults and all.
 */
async function withoutTaken(
  kube: Kube,
  live: KubeObject,
  dry: KubeObject,
  wanted: KubeObject,
  takings: readonly Taking[],
  signal: AbortSignal,
): Promise<KubeObject> {
  if (takings.length === 0) return dry
  const owners = ownersOf(dry, takings)
  // Defaults that the server had written come back by themselves: only what kubectl apply was given
  // can go.
  const given = takings.map(({ entry }) => (hasLastApplied(entry) ? lastApplied(live) : undefined))
  if (
    given.every(
      (one) =>
        one !== undefined && differences(one, withoutGivenUp(one, wanted, owners), '').length === 0,
    )
  )
    return dry
  const without = mapOf(withoutGivenUp(dry, wanted, owners))
  const { labels, annotations } = mapOf(without['metadata'])
  const last = dry.metadata.annotations?.[LAST_APPLIED]
  const labelled = {
    ...dry,
    metadata: {
      ...dry.metadata,
      labels: texts(labels),
      annotations:
        last === undefined ? texts(annotations) : { ...textsOf(annotations), [LAST_APPLIED]: last },
    },
  }
  const kept = Object.keys(dry).filter((key) => !SERVERS.has(key))
  if (kept.every((key) => differences(dry[key], without[key], '').length === 0)) return labelled
  const operations = [
    ...kept.flatMap((key): readonly JsonPatchOperation[] =>
      without[key] === undefined ? [] : [{ op: 'add', path: `/${key}`, value: without[key] }],
    ),
    ...Object.keys(live)
      .filter((key) => without[key] === undefined)
      .map((key): JsonPatchOperation => ({ op: 'remove', path: `/${key}` })),
  ]
  try {
    return {
      ...(await kube.patchDry(refOf(live), operations, signal)),
      metadata: labelled.metadata,
    }
  } catch (error) {
    // What the server itself has given (a Service's address) may stand among it and can't be taken
    // away: the apply leaves that.
    if (error instanceof KubeFailure && error.status === 422) return labelled
    throw error
  }
}

/**
 * What `kubectl apply` was given last; undefined where it keeps no copy, or one that can't be read.
 */
function lastApplied(live: KubeObject): unknown {
  try {
    return JSON.parse(live.metadata.annotations?.[LAST_APPLIED] ?? '')
  } catch {
    return undefined
  }
}

function inWords(
  hand: Hand,
  manager: string,
  fields: readonly string[],
  live: unknown,
  wanted: unknown,
): string {
  return `${hand.name}${hand.name === manager ? '' : ` (field manager ${manager})`}: ${fields.map((field) => `${field}${changeOf(field, live, wanted)}`).join(', ')}`
}

/** A refusal on its line; a conflict says who changed what, from what to what. */
function findingOf(
  error: KubeFailure,
  manifest: Pick<Manifest, 'object' | 'place'>,
  live: KubeObject | undefined,
  { mayForce = true }: Planning,
): Finding {
  const object = objectName(manifest.object)
  const conflicts = conflictsOf(error)
  const told =
    conflicts.length === 0
      ? withFields(explainFailure(error), manifest.object, live)
      : {
          code: 'CONFLICT' as const,
          severity: 'error' as const,
          ...conflictWords(conflicts, { object, live, wanted: manifest.object }, mayForce),
        }
  return { ...told, place: manifest.place, object }
}

/** Of a StatefulSet the server says only which fields may be changed. */
function withFields(told: Finding, wanted: KubeObject, live: KubeObject | undefined): Finding {
  if (told.code !== 'IMMUTABLE_FIELD' || wanted.kind !== 'StatefulSet' || live === undefined)
    return told
  const fields = immutableDifferences(live['spec'], wanted['spec']).map(
    ({ path }) => `spec.${path.join('.').replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]')}`,
  )
  return fields.length === 0
    ? told
    : {
        ...told,
        message: told.message.replace(
          'a field that cannot be changed was changed',
          `${fields.join(', ')} cannot be changed`,
        ),
      }
}

function conflictsOf(error: KubeFailure): readonly Conflict[] {
  return error.conflictingManagers.map(({ message, field }) => {
    const [, manager = 'another manager', subresource] =
      /conflict with "([^"]+)"(?: with subresource "([^"]+)")?/.exec(message) ?? []
    return { manager, subresource, field }
  })
}

interface Besides {
  /** Those of others, that stand against it. */
  readonly failure: KubeFailure | undefined
  /**
   * What people's tools wrote beside what is taken over, and an undo that was asked for overwrites.
   */
  readonly people: readonly Conflict[]
  readonly forced: boolean
  /** Where nothing stood against it: forced it would be no other. */
  readonly dry?: ApplyResult
}

const NONE: Besides = { failure: undefined, people: [], forced: false }

/**
 * A forced dry run hides conflicts with others than those that are taken over: asked unforced, only
 * those count.
 */
async function conflictsBesides(
  kube: Kube,
  manifest: Manifest,
  takings: readonly Taking[],
  options: Planning,
  signal: AbortSignal,
): Promise<Besides> {
  try {
    return { ...NONE, dry: await kube.apply(manifest.object, { dryRun: true }, signal) }
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    if (error.conflictingManagers.length === 0) return { ...NONE, failure: error }
    const taken = ({ manager, subresource, field }: Conflict): boolean =>
      takings.some(
        ({ entry, taken: fields, hand }) =>
          entry.manager === manager &&
          (entry.subresource ?? '') === (subresource ?? '') &&
          (hand === undefined ||
            pathsOf(fields).some(
              (path) =>
                path === field || field.startsWith(`${path}.`) || field.startsWith(`${path}[`),
            )),
      )
    const isPeoples = ({ manager, subresource }: Conflict): boolean =>
      options.taking === 'revision' && handOf(manager, subresource).kind === 'person'
    const both = conflictsOf(error)
      .map((conflict, index) => ({ conflict, cause: error.conflictingManagers[index] }))
      .filter(({ conflict }) => !taken(conflict))
    const people = both
      .filter(({ conflict }) => isPeoples(conflict))
      .map(({ conflict }) => conflict)
    const others = both.flatMap(({ conflict, cause }) =>
      isPeoples(conflict) || cause === undefined ? [] : [cause],
    )
    if (others.length === 0) return { failure: undefined, people, forced: people.length > 0 }
    return {
      ...NONE,
      failure: new KubeFailure({
        status: error.status,
        reason: error.reason,
        message: error.message,
        causes: others,
        request: error.request,
      }),
    }
  }
}

/**
 * Refuses what the server would refuse, before anything is written: for an object that differs from
 * the one that was planned.
 */
export async function refuseUnappliable(
  kube: Kube,
  planned: PlannedChange,
  object: KubeObject,
  force: boolean,
  signal: AbortSignal,
): Promise<void> {
  try {
    await kube.apply(object, { dryRun: true, force: force || planned.takeOver }, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    throw new EnsembleError(
      'refused',
      [findingOf(error, { object, place: planned.manifest.place }, planned.live, planned.options)],
      { cause: error },
    )
  }
}

export interface AppliedChange {
  readonly object: KubeObject
  readonly change: 'created' | 'configured' | 'unchanged'
}

/** Applies one planned change; a failure names the object and its line. */
export async function applyChange(
  kube: Kube,
  planned: PlannedChange,
  force: boolean,
  signal: AbortSignal,
): Promise<AppliedChange> {
  if (planned.change === 'unchanged' && planned.live !== undefined)
    return { object: planned.live, change: 'unchanged' }
  try {
    let live = planned.live
    if (planned.takeOver && live !== undefined)
      live = await takeOver(kube, live, planned.options, signal)
    const applied = await kube.apply(
      planned.manifest.object,
      { force: force || planned.forced, uid: live?.metadata.uid },
      signal,
    )
    const same = live !== undefined && compareObjects(live, applied.object).length === 0
    return {
      object: applied.object,
      change: applied.created ? 'created' : same ? 'unchanged' : 'configured',
    }
  } catch (error) {
    if (error instanceof EnsembleError || !(error instanceof KubeFailure)) throw error
    throw new EnsembleError(
      'failed',
      [findingOf(error, planned.manifest, planned.live, planned.options)],
      { cause: error },
    )
  }
}

/** An entry of managedFields of which fields become ours. */
interface Taking {
  readonly entry: ManagedFields
  readonly taken: unknown
  /** What stays its own; undefined: nothing. */
  readonly left: unknown
  /**
   * Undefined for `kubectl apply` and a `kubectl rollout undo`, whose objects are taken over whole.
   */
  readonly hand: Hand | undefined
}

function takingsOf(live: KubeObject, { verified, taking }: Planning): readonly Taking[] {
  const wanted = statusOf.safeParse(live).data?.status.updateRevision
  const rolledBack = (entry: ManagedFields): boolean =>
    wanted !== undefined && verified?.has(wanted) === true && isRollback(entry)
  return (live.metadata.managedFields ?? []).flatMap((entry): readonly Taking[] => {
    if (
      KUBECTL_MANAGERS.includes(entry.manager) &&
      entry.subresource === undefined &&
      (hasLastApplied(entry) || rolledBack(entry))
    )
      return [{ entry, taken: entry.fieldsV1, left: undefined, hand: undefined }]
    const hand = handOf(entry.manager, entry.subresource)
    if (taking === undefined || hand.kind !== 'person') return []
    const { taken, left } = splitFields(entry.fieldsV1, partsOf(taking, live.kind))
    return taken === undefined ? [] : [{ entry, taken, left, hand }]
  })
}

/** What of an object an earlier revision brings back whole, or a scale is about. */
function partsOf(taking: 'revision' | 'replicas', kind: string): readonly Part[] {
  if (taking === 'replicas') return kind === 'StatefulSet' ? [['spec', 'replicas']] : []
  return kind === 'StatefulSet' ? [['spec', 'template']] : [['spec'], ['data'], ['binaryData']]
}

const statusOf = z.object({
  kind: z.literal('StatefulSet'),
  status: z.object({ updateRevision: z.string() }),
})
const templateOnly = z.strictObject({ 'f:spec': z.strictObject({ 'f:template': z.unknown() }) })

/**
 * `kubectl rollout undo` writes the template and nothing else, as manager kubectl (seen with 1.36);
 * `kubectl edit`, `set` and `patch` have names of their own.
 */
function isRollback(entry: ManagedFields): boolean {
  return (
    entry.manager === 'kubectl' &&
    entry.operation === 'Update' &&
    templateOnly.safeParse(entry.fieldsV1).success
  )
}

/**
 * Entries that `kubectl apply` made own its last-applied annotation, client side; `kubectl apply
 * --server-side` makes entries of operation Apply.
 */
function hasLastApplied(entry: ManagedFields): boolean {
  return (
    entry.operation === 'Apply' ||
    JSON.stringify(entry.fieldsV1 ?? {}).includes(
      'kubectl.kubernetes.io/last-applied-configuration',
    )
  )
}

/**
 * Whether a managedFields entry is what we, or a `kubectl apply` that we take over, own of an
 * object.
 */
export function isOursOrKubectl(entry: ManagedFields): boolean {
  if (entry.subresource !== undefined && entry.subresource !== '') return false
  return (
    (entry.manager === FIELD_MANAGER && entry.operation === 'Apply') ||
    (KUBECTL_MANAGERS.includes(entry.manager) && hasLastApplied(entry))
  )
}

/**
 * Makes the fields of others ours (in one entry with those that we have), so that what the manifest
 * no longer has goes away and nobody conflicts.
 */
async function takeOver(
  kube: Kube,
  planned: KubeObject,
  options: Planning,
  signal: AbortSignal,
): Promise<KubeObject> {
  let live = planned
  for (let tries = 1; ; tries++) {
    const operations = takingOver(live, options)
    if (operations === undefined) return live
    try {
      return await kube.patch(refOf(live), operations, signal)
    } catch (error) {
      if (!(error instanceof KubeFailure) || error.status !== 409) throw error
      // The controller's status counts up the version, too, many times in a roll; the generation
      // only what is wanted.
      const now = await kube.get(refOf(live), signal)
      const same =
        now !== undefined &&
        now.metadata.uid === live.metadata.uid &&
        now.metadata.generation !== undefined &&
        now.metadata.generation === live.metadata.generation
      if (same && tries < TAKING_TRIES) {
        live = now
        continue
      }
      throw failure(
        'failed',
        'CONFLICT',
        `${objectName(live)} was changed by someone else while its fields were being taken over`,
        { object: objectName(live), fix: 'Run the step again.' },
        error,
      )
    }
  }
}

/** Undefined where there is nothing to take. */
function takingOver(
  live: KubeObject,
  options: Planning,
): readonly JsonPatchOperation[] | undefined {
  const takings = takingsOf(live, options)
  const all = live.metadata.managedFields ?? []
  const ours = all.find(
    (entry) =>
      entry.manager === FIELD_MANAGER &&
      entry.operation === 'Apply' &&
      entry.subresource === undefined,
  )
  const first = takings[0]?.entry
  if (first === undefined) return undefined
  const fields = [...takings.map(({ taken }) => taken), ours?.fieldsV1].reduce<unknown>(
    mergeFields,
    {},
  )
  const rest = all.flatMap((entry): readonly ManagedFields[] => {
    const taking = takings.find((one) => one.entry === entry)
    if (entry === ours || (taking !== undefined && taking.left === undefined)) return []
    return [taking === undefined ? entry : { ...entry, fieldsV1: taking.left }]
  })
  const { subresource: _through, ...kept } = ours ?? first
  const merged: ManagedFields = {
    ...kept,
    manager: FIELD_MANAGER,
    operation: 'Apply',
    fieldsV1: fields,
  }
  return [
    { op: 'replace', path: '/metadata/managedFields', value: [...rest, merged] },
    // Makes a race with another writer a 409 instead of a lost entry.
    { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
  ]
}

/** The union of two FieldsV1 trees. */
function mergeFields(a: unknown, b: unknown): unknown {
  if (!isTree(a)) return isTree(b) ? b : {}
  if (!isTree(b)) return a
  const merged: Record<string, unknown> = { ...a }
  for (const [key, value] of Object.entries(b))
    merged[key] = key in merged ? mergeFields(merged[key], value) : value
  return merged
}
