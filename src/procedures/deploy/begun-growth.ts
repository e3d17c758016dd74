// A deploy that does nothing but make more members: what is recorded of it as it begins, so that a
// scale can remove them again, and what that scale goes by.

import { toSet } from '../../kube/views/index.ts'
import type { KubeObject } from '../../kube/kube.ts'
import type { HeldRecord } from '../../record/held-record.ts'
import { latestVerified, objectsOf, recordedSet, type StoredRecord } from '../../record/record.ts'
import { wantedCount } from '../apply/kept-count.ts'
import type { Inspected } from '../apply/preflight.ts'
import { compareMembers } from './same-members.ts'

/**
 * How many members there were; undefined where the deploy changes more than their number, or makes
 * none. A deploy that is continued has made some of them already.
 */
export function grownFrom(
  { live, manifests, setManifest, profile }: Inspected,
  { current, stored }: Pick<HeldRecord, 'current' | 'stored'>,
): number | undefined {
  const { underWay } = current
  if (live === undefined || (underWay !== null && underWay.from === undefined)) return undefined
  const from = underWay?.from ?? toSet(live).replicas
  if (wantedCount(setManifest.object, live) <= from) return undefined
  const verified = latestVerified(stored.record)
  const earlier = (verified && objectsOf(stored, verified.digest)) ?? []
  return compareMembers({ manifests, setManifest, profile }, earlier).makesSame ? from : undefined
}

/** The StatefulSet as it was verified: with whatever number of members. */
export function verifiedSet(stored: StoredRecord): KubeObject | undefined {
  return recordedSet(stored, latestVerified(stored.record))
}
