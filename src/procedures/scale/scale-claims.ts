// Claims of members that are gone stay, with their data, unless they were asked to be deleted;
// claims of an earlier installation wait for members that come.

import { KubeFailure } from '../../kube/failure.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'

export interface Claim {
  readonly name: string
  readonly uid: string
}

/** The claims of these ordinals, by the names that the set's claim templates give. */
export function claimsAt(view: EnsembleView, ordinals: readonly number[]): readonly Claim[] {
  const { set } = view
  if (set === undefined) return []
  const names = new Set(
    ordinals.flatMap((ordinal) =>
      set.claimTemplates.map((template) => `${template.name}-${set.name}-${ordinal}`),
    ),
  )
  return view.claims
    .filter((claim) => names.has(claim.name) && !claim.deleting)
    .map(({ name, uid }) => ({ name, uid }))
}

/** Deletes those that are still the same claims. */
export async function deleteClaims(
  ensemble: ReachableEnsemble,
  claims: readonly Claim[],
  signal: AbortSignal,
): Promise<void> {
  const {
    kube,
    run: { report },
    target,
  } = ensemble
  for (const { name, uid } of claims) {
    let gone = false
    try {
      gone = await kube.delete(
        { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace: target.namespace },
        { uid },
        signal,
      )
    } catch (error) {
      // Another claim has its name by now: it is not the one that was to go.
      if (!(error instanceof KubeFailure) || error.status !== 409) throw error
    }
    if (!gone) continue
    report.did({
      row: {
        object: `persistentvolumeclaim/${name}`,
        change: 'deleted',
        note: 'its member is gone',
      },
      line: `persistentvolumeclaim/${name}: deleted, and its data with it`,
    })
  }
}
