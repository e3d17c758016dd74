// Whether members that go would come back with their data: claims that are being deleted or have
// lost their volume, volumes on their way out, data that is in the pod alone.

import type { Finding } from '../../errors.ts'
import type { ClaimView, KeptVolume } from '../../view/surroundings.ts'
import type { PodView, SetView } from '../../view/workload.ts'
import { claimName } from '../diagnosis/claims.ts'
import { wantedOrdinals } from '../members/members.ts'

/** What is kept of the members' data, read again. */
export interface Kept {
  readonly set: SetView
  /** The set's own. */
  readonly pods: readonly PodView[]
  /** All of the namespace. */
  readonly claims: readonly ClaimView[]
  /**
   * By name; `gone`: there is none. One that isn't in it could not be read: nothing is said of it.
   */
  readonly volumes: ReadonlyMap<string, KeptVolume | 'gone'>
  /** Ordinals of members whose claims are to be deleted anyway: that was asked for. */
  readonly spent?: ReadonlySet<number>
}

/** One claim of a member, and what is wrong with it. */
interface Danger {
  readonly kind: 'deleting' | 'absent' | 'lost' | 'with its pod' | 'volume deleting' | 'volume lost'
  readonly ordinal: number
  readonly pod: string
  readonly claim: string
  readonly volume: string | undefined
  readonly reclaimPolicy: string | undefined
}

/**
 * Empty: every member's claims keep its data when its pod goes. One finding for each kind of
 * danger, with all the claims that are in it.
 */
export function dataAtRisk(kept: Kept): readonly Finding[] {
  const dangers = wantedOrdinals(kept.set)
    .filter((ordinal) => kept.spent?.has(ordinal) !== true)
    .flatMap((ordinal) => dangersOf(kept, ordinal))
  return [...Map.groupBy(dangers, ({ kind }) => kind).values()].flatMap((alike) => {
    const [first] = alike
    return first === undefined ? [] : [inWords(kept, first, alike)]
  })
}

function dangersOf({ set, pods, claims, volumes }: Kept, ordinal: number): readonly Danger[] {
  const pod = pods.find((one) => one.ordinal === ordinal)
  const names = new Set([
    ...set.claimTemplates.map((template) => claimName(template.name, set.name, ordinal)),
    ...(pod?.claims ?? []),
  ])
  return [...names].flatMap((name): readonly Danger[] => {
    const claim = claims.find((one) => one.name === name)
    const volume = claim?.volume === undefined ? undefined : volumes.get(claim.volume)
    const kind =
      claim === undefined
        ? pod !== undefined && started(pod) && pod.claims.includes(name)
          ? 'absent'
          : undefined
        : dangerOf(claim, volume)
    if (kind === undefined) return []
    return [
      {
        kind,
        ordinal,
        pod: `${set.name}-${ordinal}`,
        claim: name,
        volume: claim?.volume,
        reclaimPolicy: volume === 'gone' ? undefined : volume?.reclaimPolicy,
      },
    ]
  })
}

function dangerOf(
  claim: ClaimView,
  volume: KeptVolume | 'gone' | undefined,
): Danger['kind'] | undefined {
  if (claim.deleting) return 'deleting'
  if (claim.phase === 'Lost') return 'lost'
  if (claim.owners.length > 0 && claim.owners.every(({ kind }) => kind === 'Pod'))
    return 'with its pod'
  if (claim.phase !== 'Bound' || volume === undefined) return undefined
  if (volume === 'gone' || volume.phase === 'Failed' || volume.phase === 'Released')
    return 'volume lost'
  return volume.deleting ? 'volume deleting' : undefined
}

/** It has run, so it may have written. */
function started(pod: PodView): boolean {
  return pod.containers.some(
    ({ state, last, restarts }) =>
      state.kind === 'running' || state.kind === 'terminated' || last !== undefined || restarts > 0,
  )
}

function inWords({ set }: Kept, first: Danger, alike: readonly Danger[]): Finding {
  const claims = alike.map(({ claim }) => claim)
  const volumes = alike.flatMap(({ volume }) => volume ?? [])
  const [the, are, they, have] =
    alike.length === 1 ? ['the claim', 'is', 'it', 'has'] : ['the claims', 'are', 'they', 'have']
  const who = `${the} ${listed(claims)} of ${listed([...new Set(alike.map(({ pod }) => pod))])}`
  const common = {
    code: 'CLAIM_PENDING',
    severity: 'error',
    object: `persistentvolumeclaim/${first.claim}`,
    ordinal: first.ordinal,
  } as const
  const kubectl = `kubectl -n ${set.namespace}`
  const renew =
    set.replicas > 1
      ? `Then one member after the other, each only while operation: verify says that all the others serve: ${kubectl} delete pod ${first.pod}; it gets a new, empty volume and is filled by the others.`
      : 'Back its data up before its pod goes: there is no other member to fill it again.'
  switch (first.kind) {
    case 'deleting': {
      const deleted = alike.some(({ reclaimPolicy }) => reclaimPolicy === 'Delete')
        ? ', and the reclaim policy Delete then deletes the volume'
        : ''
      return {
        ...common,
        message: `${who} ${are} being deleted: ${they} ${alike.length === 1 ? 'goes' : 'go'} with the pod${deleted}`,
        fix: `Nothing undoes the deletion of a claim. Keep the volume first: ${retain(volumes)} ${renew} To use the same volume again, see CLAIM_PENDING in docs/troubleshooting.md.`,
      }
    }
    case 'absent':
      return {
        ...common,
        message: `${who} ${are} not there any more, while the pod still uses ${they === 'it' ? 'it' : 'them'}: its data goes with the pod`,
        fix: `Back the data up before anything else. ${renew}`,
      }
    case 'lost':
      return {
        ...common,
        message: `${who} ${are} Lost: ${they} ${have} no volume any more${volumes.length === 0 ? '' : ` (${listed(volumes)})`}`,
        fix: `Restore the PersistentVolume under its name. If its data may go: ${kubectl} delete pvc ${first.claim} --wait=false, then ${kubectl} delete pod ${first.pod}, one member after the other, each only while all the others serve.`,
      }
    case 'with its pod':
      return {
        ...common,
        message: `${who} ${alike.length === 1 ? 'belongs' : 'belong'} to a pod (ownerReferences): ${they} ${are} deleted when it goes`,
        fix: `Remove the reference: ${kubectl} patch pvc ${first.claim} --type=json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'`,
      }
    case 'volume deleting':
      return {
        ...common,
        message: `the volume ${listed(volumes)} of ${the} ${listed(claims)} is being deleted: ${first.pod} may find it no more when its pod comes back`,
        fix: `Nothing undoes the deletion of a volume. Keep what is on it: ${retain(volumes)} Delete the claim: ${kubectl} delete pvc ${first.claim} --wait=false. ${renew}`,
      }
    case 'volume lost':
      return {
        ...common,
        message: `${the} ${listed(claims)} ${are} Bound, but the volume ${listed(volumes)} is gone, or released: ${first.pod} would not come back with its data`,
        fix: `Restore the PersistentVolume under its name, or back the data up from the running pod. ${renew}`,
      }
  }
}

function retain(volumes: readonly string[]): string {
  return volumes.length === 0
    ? 'set the reclaim policy of its PersistentVolume to Retain.'
    : `kubectl patch pv ${volumes.join(' ')} -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'.`
}

/** `a, b and c`. */
export function listed(names: readonly string[]): string {
  return names.length < 2
    ? names.join('')
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

/** A member that is about to go, as far as its data counts. */
export interface Goer {
  readonly pod: PodView
  /** Any other member serves: what was committed is there too. */
  readonly othersServe: boolean
  readonly replicas: number
}

/**
 * Why the data of a member without a volume of its own would be lost with its pod; undefined where
 * the others have it, or there is none.
 */
export function onlyInPod({ pod, othersServe, replicas }: Goer): Finding | undefined {
  if (pod.storage !== 'pod' || othersServe || !started(pod)) return undefined
  const why = replicas === 1 ? 'it is the only member' : 'no other member serves'
  return {
    code: 'PROTECTED',
    severity: 'error',
    object: `pod/${pod.name}`,
    ...(pod.ordinal === undefined ? {} : { ordinal: pod.ordinal }),
    message: `${pod.name} keeps its data in the pod alone (no claim), and ${why}: all of it would be lost with the pod`,
    fix: `Back its data up first. If it may go: kubectl -n ${pod.namespace} delete pod ${pod.name}; members that are to keep data need a volumeClaimTemplate.`,
  }
}

/**
 * Why fewer members would cost data whose deletion was not asked for: the set deletes the claims of
 * members that it makes no more. `asked`: they were to be deleted.
 */
export function deletedWhenScaled(
  set: Pick<SetView, 'name' | 'namespace' | 'replicas' | 'start' | 'retention' | 'claimTemplates'>,
  to: number,
  asked: boolean,
): Finding | undefined {
  if (
    asked ||
    to >= set.replicas ||
    set.retention.whenScaled !== 'Delete' ||
    set.claimTemplates.length === 0
  )
    return undefined
  const claims = Array.from(
    { length: set.replicas - to },
    (_, index) => set.start + to + index,
  ).flatMap((ordinal) =>
    set.claimTemplates.map((template) => claimName(template.name, set.name, ordinal)),
  )
  return {
    code: 'PROTECTED',
    severity: 'error',
    object: `statefulset/${set.name}`,
    input: 'delete-claims',
    message: `persistentVolumeClaimRetentionPolicy whenScaled: Delete of ${set.name} would delete ${listed(claims)} with the data on ${claims.length === 1 ? 'it' : 'them'}, which was not asked for`,
    fix: `To keep the data, in your manifests too: kubectl -n ${set.namespace} patch statefulset ${set.name} --type=merge -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Retain"}}}'`,
    orSet: { input: 'delete-claims', value: 'true', why: 'if the data may go' },
  }
}

/**
 * Why deleting the set would cost data whose deletion was not asked for: it deletes its members'
 * claims with itself. `asked`: they were to be deleted.
 */
export function deletedWithSet(
  set: Pick<SetView, 'name' | 'namespace' | 'retention' | 'claimTemplates'>,
  asked: boolean,
): Finding | undefined {
  if (asked || set.retention.whenDeleted !== 'Delete' || set.claimTemplates.length === 0)
    return undefined
  return {
    code: 'PROTECTED',
    severity: 'error',
    object: `statefulset/${set.name}`,
    input: 'delete-claims',
    message: `persistentVolumeClaimRetentionPolicy whenDeleted: Delete of ${set.name} would delete the claims of its members with it, and their data, which was not asked for`,
    fix: `To keep the data: kubectl -n ${set.namespace} patch statefulset ${set.name} --type=merge -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"}}}'`,
    orSet: { input: 'delete-claims', value: 'true', why: 'if the data may go' },
  }
}
