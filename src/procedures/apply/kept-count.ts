// `replicas` left out of the manifest: the number that runs is kept. Who owns the field keeps
// owning it; where that is us, an apply must carry it, since a field that we no longer own becomes
// 1.

import { z } from 'zod'
import type { KubeObject } from '../../kube/kube.ts'
import { toSet } from '../../kube/views/index.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { isOursOrKubectl } from './takings.ts'

export function leavesCountOut(set: KubeObject): boolean {
  return parseSet(set)?.spec.replicasGiven === false
}

/**
 * Members that the set is to have: as it says, else as many as there are; of a new set Kubernetes
 * makes one.
 */
export function wantedCount(set: KubeObject, live: KubeObject | undefined): number {
  return toSet(leavesCountOut(set) && live !== undefined ? live : set).replicas
}

const ownsReplicas = z.looseObject({ 'f:spec': z.looseObject({ 'f:replicas': z.unknown() }) })

/** The manifest as it is to be applied. */
export function keepCount(set: Manifest, live: KubeObject | undefined): Manifest {
  const ours = (live?.metadata.managedFields ?? []).some(
    (entry) => isOursOrKubectl(entry) && ownsReplicas.safeParse(entry.fieldsV1).success,
  )
  if (live === undefined || !ours || !leavesCountOut(set.object)) return set
  const spec = z.record(z.string(), z.unknown()).catch({}).parse(set.object['spec'])
  return {
    ...set,
    object: { ...set.object, spec: { ...spec, replicas: toSet(live).replicas } },
    placeOf: (path) => set.placeOf(path),
  }
}
