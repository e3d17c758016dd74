// Where the objects go: one namespace for all of them, from the input, the manifests or the
// context, and never two.

import { EnsembleError, type Finding } from '../../errors.ts'
import type { Manifest } from '../../manifests/manifest.ts'

/** Kinds that belong to no namespace; for others the API server has the last word. */
const CLUSTER_SCOPED = new Set([
  'Namespace',
  'StorageClass',
  'ClusterRole',
  'ClusterRoleBinding',
  'PersistentVolume',
  'CustomResourceDefinition',
  'PriorityClass',
  'CSIDriver',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
])

function isNamespaced(manifest: Manifest): boolean {
  return !CLUSTER_SCOPED.has(manifest.object.kind)
}

/**
 * The input's namespace, else the manifests' own, else the context's. Throws INPUT_INVALID naming
 * every object that says otherwise.
 */
export function resolveNamespace(
  asked: string | undefined,
  manifests: readonly Manifest[],
  fromContext: string,
): string {
  const written = manifests.filter(
    (manifest) => isNamespaced(manifest) && manifest.object.metadata.namespace !== undefined,
  )
  const wanted = asked ?? written[0]?.object.metadata.namespace ?? fromContext
  const faults = written
    .filter((manifest) => manifest.object.metadata.namespace !== wanted)
    .map((manifest): Finding => ({
      code: asked === undefined ? 'MANIFEST_INVALID' : 'INPUT_INVALID',
      severity: 'error',
      message: `${manifest.object.kind.toLowerCase()}/${manifest.object.metadata.name} says namespace ${manifest.object.metadata.namespace ?? ''}, ${asked === undefined ? 'another object' : 'the input'} says ${wanted}`,
      fix: 'Let all objects of an ensemble name one namespace, or none and set the input namespace.',
      place: manifest.placeOf(['metadata', 'namespace']),
      ...(asked === undefined ? {} : { input: 'namespace' }),
    }))
  const [first, ...rest] = faults
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
  return wanted
}

/** The manifest with its namespace written into it. */
export function inNamespace(manifest: Manifest, namespace: string): Manifest {
  if (!isNamespaced(manifest)) return manifest
  return {
    ...manifest,
    object: { ...manifest.object, metadata: { ...manifest.object.metadata, namespace } },
    placeOf: (path) => manifest.placeOf(path),
  }
}
