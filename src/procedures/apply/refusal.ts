// What the server has against an apply, as a finding on its line: who changed what, from what to
// what; and what of it an undo that was asked for overwrites.

import {
  changeOf,
  conflictWords,
  handOf,
  pathsOf,
  splitFields,
  type Conflict,
  type Hand,
} from '../../decide/apply/hands.ts'
import { isOurs, ROLLING_UPDATE, type Taking } from './takings.ts'
import { immutableDifferences } from '../../decide/preflight/immutable.ts'
import type { Finding } from '../../errors.ts'
import { explainFailure } from '../../kube/explain.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { objectName, type ApplyResult, type Kube, type KubeObject } from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import type { ToApply } from './to-apply.ts'

/** A refusal on its line; a conflict says who changed what, from what to what. */
export function findingOf(
  error: KubeFailure,
  {
    manifest: { object: wanted, place },
    live,
    options: { mayForce = true },
  }: Pick<ToApply, 'live' | 'options'> & {
    readonly manifest: Pick<Manifest, 'object' | 'place'>
  },
): Finding {
  const object = objectName(wanted)
  const beside = besideOnDelete(error, live)
  const conflicts = beside.length === 0 ? conflictsOf(error) : beside
  if (conflicts.length === 0)
    return { ...withFields(explainFailure(error), wanted, live), place, object }
  const { message, ...words } = conflictWords(conflicts, { object, live, wanted }, mayForce)
  return {
    code: 'CONFLICT',
    severity: 'error',
    message: beside.length === 0 ? message : `${message}; OnDelete does not go with it`,
    ...words,
    place,
    object,
  }
}

/** What others wrote of a rolling update, where that alone keeps a set from OnDelete. */
function besideOnDelete(error: KubeFailure, live: KubeObject | undefined): readonly Conflict[] {
  if (error.status !== 422 || !/updateStrategy\.rollingUpdate: .*only allowed/.test(error.message))
    return []
  return (live?.metadata.managedFields ?? []).flatMap((entry) => {
    if (isOurs(entry)) return []
    const { manager, subresource } = entry
    const fields = pathsOf(splitFields(entry.fieldsV1, [ROLLING_UPDATE]).taken)
    return fields.map((field) => ({ manager, subresource, field }))
  })
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

/** Whose fields go with it and what they were: those of people's tools. */
export function takenInWords({ manifest, live, takings }: ToApply): readonly string[] {
  return takings.flatMap(({ entry, hand, taken }) =>
    hand === undefined ? [] : [inWords(hand, entry.manager, pathsOf(taken), live, manifest.object)],
  )
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

/** What stands against an apply beside what is taken over with it. */
export interface Besides {
  /** Those of others, that stand against it. */
  readonly failure: KubeFailure | undefined
  /**
   * What people's tools wrote, and an undo that was asked for overwrites; in words, as
   * `takenInWords` has the rest.
   */
  readonly people: readonly string[]
  readonly forced: boolean
  /** Where nothing stood against it: forced it would be no other. */
  readonly dry?: ApplyResult
}

export const NONE: Besides = { failure: undefined, people: [], forced: false }

/**
 * A forced dry run hides conflicts with others than those that are taken over: asked unforced, only
 * those count.
 */
export async function conflictsBesides(
  kube: Kube,
  asked: ToApply,
  signal: AbortSignal,
): Promise<Besides> {
  try {
    return { ...NONE, dry: await kube.apply(asked.manifest.object, { dryRun: true }, signal) }
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    return besidesOf(error, asked)
  }
}

function besidesOf(error: KubeFailure, { manifest, live, takings, options }: ToApply): Besides {
  if (error.conflictingManagers.length === 0) return { ...NONE, failure: error }
  const isPeoples = ({ manager, subresource }: Conflict): boolean =>
    options.taking === 'revision' && handOf(manager, subresource).kind === 'person'
  const both = conflictsOf(error)
    .map((conflict, index) => ({ conflict, cause: error.conflictingManagers[index] }))
    .filter(({ conflict }) => !isTaken(conflict, takings))
  const others = both.flatMap(({ conflict, cause }) =>
    isPeoples(conflict) || cause === undefined ? [] : [cause],
  )
  if (others.length === 0) {
    const people = both.flatMap(({ conflict }) => {
      const { manager, subresource, field } = conflict
      if (!isPeoples(conflict)) return []
      return [inWords(handOf(manager, subresource), manager, [field], live, manifest.object)]
    })
    return { failure: undefined, people, forced: people.length > 0 }
  }
  const { status, reason, message, request } = error
  return {
    ...NONE,
    failure: new KubeFailure({ status, reason, message, causes: others, request }),
  }
}

/** A conflict about a field that is taken over anyway. */
function isTaken({ manager, subresource, field }: Conflict, takings: readonly Taking[]): boolean {
  return takings.some(
    ({ entry, taken, hand }) =>
      entry.manager === manager &&
      (entry.subresource ?? '') === (subresource ?? '') &&
      (hand === undefined ||
        pathsOf(taken).some(
          (path) => path === field || field.startsWith(`${path}.`) || field.startsWith(`${path}[`),
        )),
  )
}
