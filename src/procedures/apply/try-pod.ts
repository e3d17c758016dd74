// Whether the cluster would let the members' pods in: a dry run of one, before anything is applied.
// Quota, limit range, pod security, policies and webhooks judge pods alone, so that an apply of the
// set says nothing of them.

import type { Finding } from '../../errors.ts'
import { explainFailure } from '../../kube/explain.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { textsOf } from '../../manifests/texts.ts'
import { warningFindings } from './warnings.ts'

/**
 * Kinds that change what a namespace lets in: with one of them among the manifests the cluster's
 * answer of now says nothing.
 */
const RULES: ReadonlySet<string> = new Set([
  'Namespace',
  'ResourceQuota',
  'LimitRange',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
])

export interface Trying {
  readonly manifests: readonly Manifest[]
  readonly setManifest: Manifest
  /**
   * It runs already: its pods are replaced one for one, and a quota that has no room for one more
   * is no obstacle.
   */
  readonly runs: boolean
}

/**
 * CREATE_REJECTED where the pods would be refused, warnings as the server gives them; an answer
 * about anything else (a ServiceAccount that comes with the manifests) says nothing.
 */
export async function tryPod(
  kube: Pick<Kube, 'createDry' | 'denied'>,
  { manifests, setManifest, runs }: Trying,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const pod = podOf(setManifest.object)
  if (pod === undefined || manifests.some(({ object }) => RULES.has(object.kind))) return []
  // No part of docs/role.yaml: who may not make pods is not asked to, and the server's log stays
  // clean.
  if (
    (
      await kube.denied(
        [{ verb: 'create', group: '', resource: 'pods', namespace: pod.metadata.namespace }],
        signal,
      )
    ).length > 0
  )
    return []
  const object = `statefulset/${setManifest.object.metadata.name}`
  const place = setManifest.placeOf(['spec', 'template'])
  try {
    return warningFindings((await kube.createDry(pod, signal)).warnings, { object, place })
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    const told = explainFailure(error)
    if (told.code !== 'CREATE_REJECTED' || (runs && /exceeded quota/.test(error.message))) return []
    const reason = told.message.replace(/^could not [^:]*: /, '')
    return [
      {
        ...told,
        object,
        place,
        message: `the pods of ${setManifest.object.metadata.name} would be refused: ${reason}`,
      },
    ]
  }
}

/** The first member's pod, as the controller would make it. */
function podOf(set: KubeObject): KubeObject | undefined {
  const shape = parseSet(set)
  if (shape === undefined) return undefined
  const { name, namespace } = set.metadata
  const { template, volumeClaimTemplates } = shape.spec
  const claims = volumeClaimTemplates.map(({ metadata }) => ({
    name: metadata.name,
    persistentVolumeClaim: { claimName: `${metadata.name}-${name}-0` },
  }))
  const own = new Set(claims.map((claim) => claim.name))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    // A name that no member has: the one of a running member would be refused as there already.
    metadata: {
      name: `${name}-dry-run`,
      namespace,
      labels: template.metadata?.labels ?? {},
      annotations: textsOf(template.metadata?.['annotations']),
    },
    spec: {
      ...template.spec,
      volumes: [...template.spec.volumes.filter((volume) => !own.has(volume.name)), ...claims],
    },
  }
}
