// What only the cluster tells of a member list: the namespace that the context names, and ConfigMaps that are there already. Who would join another ensemble is refused before anything is applied.

import type { ProfileName } from '../ensemble/profile.ts'
import { EnsembleError, type Finding } from '../errors.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { Kube } from '../kube/kube.ts'
import { belongings, ownNames, say } from '../manifests/lint-rules/foreign.ts'
import type { Manifest } from '../manifests/manifest.ts'
import { referencedConfigMaps } from '../manifests/named-members.ts'
import { parseSet } from '../manifests/shapes.ts'

/** `there`: the namespace is, so that there may be something in it. Throws LINT_FAILED, which no input softens. */
export async function refuseForeignMembers(kube: Pick<Kube, 'get'>, setManifest: Manifest, manifests: readonly Manifest[], profile: ProfileName, there: boolean, signal: AbortSignal): Promise<void> {
  const shape = parseSet(setManifest.object)
  const { namespace } = setManifest.object.metadata
  if (shape === undefined || namespace === undefined || profile === 'none') return
  const given = new Map(manifests.flatMap(({ object }) => (object.kind === 'ConfigMap' ? [[object.metadata.name, textsOf(object['data'])] as const] : [])))
  const open = there ? referencedConfigMaps(shape).filter((name) => !given.has(name)) : []
  const live = await Promise.all(open.map(async (name) => [name, textsOf((await readIfAllowed(kube, name, namespace, signal))?.['data'])] as const))
  const services = manifests.flatMap(({ object }) => (object.kind === 'Service' ? [object.metadata.name] : []))
  const own = ownNames(shape, services, namespace)
  const object = `statefulset/${setManifest.object.metadata.name}`
  const findings = belongings(shape, new Map([...given, ...live]), profile, own).flatMap(({ names, belonging }): readonly Finding[] => {
    const said = say(names, belonging, own, profile)
    if (said?.proven !== true) return []
    return [{ code: 'LINT_FAILED', severity: 'error', message: said.message, mend: said.mend, object, place: setManifest.placeOf(names.place.kind === 'set' ? names.place.path : ['spec']) }]
  })
  const [first, ...rest] = findings
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
}

/** What may not be read is not known, and no reason to stop. */
async function readIfAllowed(kube: Pick<Kube, 'get'>, name: string, namespace: string, signal: AbortSignal): ReturnType<Kube['get']> {
  try {
    return await kube.get({ apiVersion: 'v1', kind: 'ConfigMap', name, namespace }, signal)
  } catch (error) {
    if (error instanceof KubeFailure && (error.status === 401 || error.status === 403)) return undefined
    throw error
  }
}

function textsOf(data: unknown): Readonly<Record<string, string>> {
  if (typeof data !== 'object' || data === null) return {}
  return Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
