// The StatefulSet as this action owns it in the cluster, with another pod template: for going back
// to a revision of which nothing else is known.

import { mapOf } from '../../manifests/fields-v1.ts'
import { partitionOf, withPartition } from '../../manifests/partition.ts'
import type { KubeObject } from '../../kube/kube.ts'
import { ownedPart } from '../../manifests/owned.ts'
import { latestApplied, recordedSet, type StoredRecord } from '../../record/record.ts'
import { isOursOrKubectl } from './takings.ts'

export function templateAlone(
  live: KubeObject,
  template: Readonly<Record<string, unknown>>,
  stored: StoredRecord,
): KubeObject {
  const owned = ownedPart(live, isOursOrKubectl)
  return withOwnPartition({ ...owned, spec: { ...mapOf(owned['spec']), template } }, stored)
}

/**
 * A roll that was halted left its partition in the set: what counts is the partition that was last
 * deployed.
 */
export function withOwnPartition(set: KubeObject, stored: StoredRecord): KubeObject {
  const deployed = recordedSet(stored, latestApplied(stored.record))
  const own = deployed === undefined ? 0 : partitionOf(deployed)
  return own === undefined || partitionOf(set) === undefined || partitionOf(set) === own
    ? set
    : withPartition(set, own)
}
