// Deletes one ensemble, under its lock: what is about to go into the record, the sets with their
// pods, then the rest, then the claims if that was asked for. Each by its UID, each waited for.

import { KubeFailure } from '../../kube/failure.ts'
import { objectName, refOf, type Kube, type KubeObject } from '../../kube/kube.ts'
import { knownResource } from '../../kube/resources.ts'
import { toKeptVolume, toPod } from '../../kube/views/index.ts'
import type { Recorder } from '../../report/recorder.ts'
import type { ClaimView } from '../../view/surroundings.ts'
import { recordedAs, type CleanupRequest, type HeldSurvey, type Survey } from './cleanup-survey.ts'
import { explainHanging } from '../verify/hanging.ts'
import { heldByFinalizers, untilGone, waitingOf, type Held } from '../apply/until-gone.ts'

/** Its pods must be gone before what they need goes. */
const WITH_PODS: ReadonlySet<string> = new Set([
  'Deployment',
  'ReplicaSet',
  'DaemonSet',
  'ReplicationController',
  'Job',
  'CronJob',
  'Pod',
])

/** Of kinds that aren't known by heart nobody knows. */
function hasOwn(object: KubeObject): boolean {
  return WITH_PODS.has(object.kind) || knownResource(object) === undefined
}

/** `kube`: under the ensemble's lock. */
export async function deleteEnsemble(
  kube: Kube,
  { run, deleteClaims, deadline }: CleanupRequest,
  found: HeldSurvey,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, sets, objects, claims, record } = found
  const { clock, report } = run
  const going = deleteClaims ? claims : []
  if (sets.length + objects.length + going.length === 0) return
  await record.begin(
    {
      operation: 'cleanup',
      digest: '',
      previous: '',
      ...setOf(found),
      claims: recordedAs(claims),
    },
    signal,
  )
  const waiting = waitingOf(run, deadline)
  const first = [...sets, ...objects.filter(hasOwn)]
  for (const object of first)
    await deleteOne(kube, report, object, { propagation: 'Foreground' }, signal)
  await untilGone(waiting, (until) => stillThere(kube, first, clock.now(), until), signal)
  const rest = objects.filter((object) => !first.includes(object))
  // In the foreground a Service would wait for endpoints that their controller makes again.
  for (const object of rest)
    await deleteOne(kube, report, object, { propagation: 'Background' }, signal)
  await untilGone(waiting, (until) => stillThere(kube, rest, clock.now(), until), signal)
  for (const claim of going)
    await deleteOne(
      kube,
      report,
      claimObject(namespace, claim),
      {
        propagation: 'Background',
        note: `and its data${claim.volume === undefined ? '' : `, volume ${claim.volume}`}`,
      },
      signal,
    )
  await untilGone(waiting, (until) => claimsThere(kube, namespace, going, until), signal)
  report.stands('the ensemble is gone; its record is still there')
}

/** UID of the set that it is begun on; or that an earlier run of it was. */
function setOf({ name, sets, stored }: Survey): { readonly set?: string } {
  const uid =
    sets.find(({ metadata }) => metadata.name === name)?.metadata.uid ?? stored.record.underWay?.set
  return uid === undefined ? {} : { set: uid }
}

function claimObject(
  namespace: string,
  { name, uid }: Pick<ClaimView, 'name' | 'uid'>,
): KubeObject {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace, uid } }
}

type Propagation = 'Foreground' | 'Background'

/** By its UID: one that was recreated meanwhile stays, and is told. */
async function deleteOne(
  kube: Kube,
  report: Recorder,
  object: KubeObject,
  { propagation, note }: { readonly propagation: Propagation; readonly note?: string },
  signal: AbortSignal,
): Promise<void> {
  const { uid } = object.metadata
  if (uid === undefined || uid === '') return
  try {
    if (!(await kube.delete(refOf(object), { uid, propagation }, signal))) return
  } catch (error) {
    if (!(error instanceof KubeFailure) || error.status !== 409) throw error
    report.note(`${objectName(object)} was recreated by somebody else meanwhile: it stays.`)
    return
  }
  report.stands(
    `${objectName(object)} of ${object.metadata.namespace ?? ''} was deleted last; the rest is still there`,
  )
  report.did({
    row: {
      object: objectName(object),
      change: 'deleted',
      ...(note === undefined ? {} : { note }),
    },
    what: `${objectName(object)} deleted`,
    line: `${objectName(object)} deleted${note === undefined ? '' : ` (${note})`}`,
  })
}

/** Those that are still the same objects, and their pods. */
async function stillThere(
  kube: Kube,
  objects: readonly KubeObject[],
  now: number,
  signal: AbortSignal,
): Promise<readonly Held[]> {
  const read = await Promise.all(
    objects.map(async (object) => ({ object, live: await getIfKnown(kube, object, signal) })),
  )
  const held = read.filter(
    ({ object, live }) => live !== undefined && live.metadata.uid === object.metadata.uid,
  )
  const owners = new Set(objects.map(({ metadata }) => metadata.uid))
  const [one] = objects.filter(({ kind }) => kind === 'StatefulSet' || WITH_PODS.has(kind))
  const { items } =
    one === undefined
      ? { items: [] }
      : await kube.list(
          { apiVersion: 'v1', kind: 'Pod' },
          { namespace: one.metadata.namespace },
          signal,
        )
  const pods = items.map(toPod).filter(({ owner }) => owner !== undefined && owners.has(owner.uid))
  const why = await explainHanging(kube, pods, now, signal)
  return [
    ...held
      .flatMap(({ live }) =>
        live === undefined
          ? []
          : [heldByFinalizers(objectName(live), live.metadata.namespace, live.metadata.finalizers)],
      )
      .filter(({ why: by }) => pods.length === 0 || by.startsWith('held')),
    ...pods.map(({ name, uid }): Held => ({
      object: `pod/${name}`,
      why: why.get(uid)?.what ?? '',
      fix: why.get(uid)?.fix,
    })),
  ]
}

async function getIfKnown(
  kube: Kube,
  object: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await kube.get(refOf(object), signal)
  } catch (error) {
    if (error instanceof KubeFailure && error.reason === 'UnknownKind') return undefined
    throw error
  }
}

async function claimsThere(
  kube: Kube,
  namespace: string,
  claims: readonly ClaimView[],
  signal: AbortSignal,
): Promise<readonly Held[]> {
  const read = await Promise.all(
    claims.map(async (claim) => ({
      claim,
      live: await kube.get(refOf(claimObject(namespace, claim)), signal),
    })),
  )
  const there = read.flatMap(({ claim, live }) =>
    live === undefined || live.metadata.uid !== claim.uid ? [] : [live],
  )
  if (there.length === 0) return []
  const users = (
    await kube.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace }, signal)
  ).items.map(toPod)
  return there.map((live) => {
    const held = heldByFinalizers(objectName(live), namespace, live.metadata.finalizers)
    const user = users.find((pod) => pod.claims.includes(live.metadata.name))
    return user === undefined
      ? held
      : {
          object: held.object,
          why: `pod/${user.name} uses it`,
          fix: `Look at that pod: kubectl -n ${namespace} describe pod ${user.name}.`,
        }
  })
}

/**
 * The volumes of claims that go, read before they do: which of them the cluster deletes, and which
 * stay. Undefined where volumes may not be read.
 */
export async function volumesOf(
  kube: Pick<Kube, 'get'>,
  claims: readonly Pick<ClaimView, 'volume'>[],
  signal: AbortSignal,
): Promise<{ readonly go: readonly string[]; readonly stay: readonly string[] } | undefined> {
  const go: string[] = []
  const stay: string[] = []
  try {
    for (const name of claims.flatMap(({ volume }) => volume ?? [])) {
      const object = await kube.get({ apiVersion: 'v1', kind: 'PersistentVolume', name }, signal)
      if (object !== undefined)
        (toKeptVolume(object).reclaimPolicy === 'Delete' ? go : stay).push(name)
    }
    return { go, stay }
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return undefined
    throw error
  }
}

export async function volumesThere(
  kube: Pick<Kube, 'get'>,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Held[]> {
  const read = await Promise.all(
    names.map((name) => kube.get({ apiVersion: 'v1', kind: 'PersistentVolume', name }, signal)),
  )
  return read.flatMap((live): readonly Held[] => {
    if (live === undefined) return []
    const { phase, reclaimPolicy } = toKeptVolume(live)
    // Somebody has decided to keep it meanwhile.
    if (reclaimPolicy !== 'Delete') return []
    const held = heldByFinalizers(
      objectName(live),
      undefined,
      live.metadata.finalizers?.filter(
        (one) => one !== 'kubernetes.io/pv-protection' && !one.startsWith('external-provisioner.'),
      ),
    )
    return [
      phase === 'Failed'
        ? {
            ...held,
            why: 'its storage driver could not delete it (phase Failed)',
            fix: `See its events: kubectl describe pv ${live.metadata.name}.`,
          }
        : {
            ...held,
            why: held.why === '' ? 'its storage driver has not deleted it yet' : held.why,
          },
    ]
  })
}
