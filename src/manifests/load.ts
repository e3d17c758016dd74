// From the inputs to the objects that will be applied: read, parsed, chosen, overridden, linted and
// put in order, before any request to a cluster.

import { EnsembleError, type Finding } from '../errors.ts'
import type { ProfileName } from '../view/profile-name.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { builtInEnsemble, type BuiltInInputs } from './built-in.ts'
import { chooseSet, memberContainer, resolveProfile } from './ensemble.ts'
import { invalid } from './findings.ts'
import { withoutHooks } from './hooks.ts'
import type { ManifestIo } from './io.ts'
import { atLintLevel } from './lint-level.ts'
import { lint } from './lint.ts'
import type { Manifest } from './manifest.ts'
import { nameFindings } from './names.ts'
import { inApplyOrder } from './order.ts'
import { readManifests } from './read.ts'
import { withImage } from './override.ts'
import { lintSubject } from './lint-subject.ts'
import type { LintSubject } from './lint-rules/rule.ts'
import { secretValues } from './secret-values.ts'
import { shapesOf, type Shapes, type SetShape, type Shaped } from './shapes.ts'

export interface Loaded {
  /** In the order in which they are applied. */
  readonly manifests: readonly Manifest[]
  /** The ensemble's StatefulSet, one of `manifests`. */
  readonly set: Manifest
  readonly profile: ProfileName
  /** What the lint was given, to be asked again with what the cluster tells. */
  readonly linted: LintSubject
  /** Warnings and notices only. */
  readonly findings: readonly Finding[]
}

export type LoadInputs = Pick<Inputs, 'manifests' | 'namespace' | 'profile' | 'lint'> &
  BuiltInInputs

/**
 * Throws an EnsembleError, outcome `refused`, with every fault of every file at once:
 * INPUT_INVALID, MANIFEST_INVALID or LINT_FAILED, each with its place.
 */
export async function loadManifests(
  inputs: LoadInputs,
  io: ManifestIo,
  signal: AbortSignal,
): Promise<Loaded> {
  const findings: Finding[] = []
  const read =
    inputs.manifests.length === 0
      ? builtInEnsemble(inputs)
      : await readManifests(inputs.manifests, io, signal, findings)
  const secrets = secretValues(read)
  if (secrets.length > 0) io.hide(secrets)
  const { manifests, findings: hooks } = withoutHooks(read)
  findings.push(...hooks, ...nameFindings(manifests))
  findings.push(...repeated(manifests))
  const shapes = shapesOf(manifests)
  findings.push(...shapes.findings)
  // A set that could not be read is told above: that none is left to choose from would only
  // confuse.
  const unread =
    findings.some((finding) => finding.severity === 'error') && shapes.sets.length === 0
  const chosen = unread ? undefined : chooseSet(shapes.sets, inputs.name)
  if (chosen !== undefined && 'message' in chosen) findings.push(chosen)
  const judged =
    chosen === undefined || 'message' in chosen
      ? undefined
      : judge(chosen, shapes, manifests, inputs, findings)
  refuseErrors(findings)
  if (judged === undefined) throw new Error('no StatefulSet and no finding that says so')
  return { ...judged, findings }
}

/** One object from two files: which of them would be in the cluster would depend on their order. */
function repeated(manifests: readonly Manifest[]): readonly Finding[] {
  const seen = new Map<string, Manifest>()
  return manifests.flatMap((manifest) => {
    const { kind, apiVersion, metadata } = manifest.object
    // Two StatefulSets of a name are told apart by chooseSet, which names both.
    if (kind === 'StatefulSet') return []
    const key = `${apiVersion.replace(/\/.*/, '')} ${kind} ${metadata.namespace ?? ''} ${metadata.name}`
    const first = seen.get(key)
    if (first === undefined) {
      seen.set(key, manifest)
      return []
    }
    return [
      invalid(
        manifest.place,
        `${kind} ${metadata.name} is there already in ${first.place.file}${first.place.line === undefined ? '' : `, line ${first.place.line}`}`,
        'keep one of the two',
      ),
    ]
  })
}

function judge(
  chosen: Shaped<SetShape>,
  shapes: Shapes,
  manifests: readonly Manifest[],
  inputs: LoadInputs,
  findings: Finding[],
): Omit<Loaded, 'findings'> | undefined {
  const { manifest, shape } = chosen
  const spec = shape.spec.template.spec
  const profile = profileOf(chosen, inputs, findings)
  if (profile === undefined) return undefined
  const member = memberContainer(spec, profile)
  if (member === undefined) return undefined
  const namespace = inputs.namespace ?? manifest.object.metadata.namespace
  // Without a namespace of its own an object goes where the others go.
  const ofSet = <T>({ manifest: other }: Shaped<T>): boolean =>
    (other.object.metadata.namespace ?? namespace) === namespace ||
    manifest.object.metadata.namespace === undefined
  const subject = lintSubject({
    manifests,
    set: chosen,
    services: shapes.services.filter(ofSet),
    budgets: shapes.budgets.filter(ofSet),
    configMaps: shapes.configMaps,
    profile,
    image: inputs.image,
    namespace,
    cluster: undefined,
  })
  if (subject === undefined) return undefined
  findings.push(...atLintLevel(lint(subject), inputs.lint))
  const set =
    inputs.image === undefined || inputs.manifests.length === 0
      ? manifest
      : withImage(manifest, member, inputs.image)
  return {
    manifests: inApplyOrder(manifests.map((other) => (other === manifest ? set : other))),
    set,
    profile,
    linted: subject,
  }
}

/** As resolveProfile, with the line of the containers. */
function profileOf(
  { manifest, shape }: Shaped<SetShape>,
  inputs: LoadInputs,
  findings: Finding[],
): ProfileName | undefined {
  try {
    return resolveProfile(
      inputs.profile,
      shape.spec.template.spec,
      `statefulset/${manifest.object.metadata.name}`,
    )
  } catch (error) {
    if (!(error instanceof EnsembleError)) throw error
    findings.push(
      ...error.findings.map((finding) => ({
        ...finding,
        place: manifest.placeOf(['spec', 'template', 'spec', 'containers']),
      })),
    )
    return undefined
  }
}

function refuseErrors(findings: readonly Finding[]): void {
  // What it would cost to run is no news to somebody whose manifest can't be deployed.
  const [first, ...rest] = findings
    .filter(({ severity }) => severity !== 'notice')
    .sort((a, b) => a.severity.localeCompare(b.severity))
  if (first?.severity === 'error') throw new EnsembleError('refused', [first, ...rest])
}
