// Pods that a StatefulSet which was deleted has left running, and the StatefulSet that adopts them:
// the one of the manifests, with the pod template that they run.

import { z } from 'zod'
import { adoptable, type LeftPod, type LeftPods } from '../../decide/preflight/left-pods.ts'
import { selects } from '../../decide/placement/select.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { selectorText, toPod, toRevision, toSet } from '../../kube/views/index.ts'
import { addressesOf } from '../../manifests/addresses.ts'
import { mapOf } from '../../manifests/fields-v1.ts'
import { memberCountOf } from '../../manifests/member-list.ts'
import { parseSet } from '../../manifests/shapes.ts'
import { textsOf } from '../../manifests/texts.ts'
import { latestApplied, recordedSet, type StoredRecord } from '../../record/record.ts'
import type { PodView } from '../../view/workload.ts'
import { servicesIfAllowed, withOthers } from '../open/read-ensemble.ts'
import type { Seen } from './look-around.ts'

/** What adopts them. */
export interface Adopting {
  /** As it is to stand when it has adopted them: none of them is to be replaced for it. */
  readonly set: KubeObject
  readonly pods: readonly PodView[]
  /** Name of the revision with the template that it has; undefined: with that of the manifests. */
  readonly revision: string | undefined
}

export interface LeftBehind {
  readonly left: LeftPods
  /** Undefined where none of them can be adopted. */
  readonly adopting: Adopting | undefined
}

/** Asked where no StatefulSet of the name is there; undefined where no pod has a member's name. */
export async function readLeftPods(
  kube: Kube,
  seen: Seen,
  stored: StoredRecord,
  signal: AbortSignal,
): Promise<LeftBehind | undefined> {
  const { namespace, setManifest, loaded, manifests } = seen
  const { object } = setManifest
  const { name, selector } = toSet(object)
  const serviceName = parseSet(object)?.spec.serviceName ?? ''
  const found = await kube.listAs(
    { apiVersion: 'v1', kind: 'Pod' },
    { namespace },
    (pod) => leftPod(pod, name),
    signal,
  )
  const pods = found.flat()
  if (pods.length === 0) return undefined
  const adopted = adoptable({ pods, selector })
  const renamed = adopted.some((one) => one.serviceName !== serviceName)
  const services = renamed ? await servicesIfAllowed(kube, namespace, signal) : undefined
  const all = withOthers(
    manifests.map((manifest) => manifest.object),
    services ?? [],
  )
  const namesStay = renamed && addressesOf(object, all, loaded.profile, namespace).kind === 'stay'
  const left = { pods, selector, serviceName, namesStay }
  if (adopted.length === 0) return { left, adopting: undefined }
  return { left, adopting: await adoptingSet(kube, seen, adopted, stored, signal) }
}

const podSchema = z.looseObject({ subdomain: z.string().nullish() }).catch({})

/** Those of a StatefulSet of the same name go with it, or are adopted by nobody. */
function leftPod(object: KubeObject, set: string): readonly LeftPod[] {
  const { name, deletionTimestamp } = object.metadata
  if (deletionTimestamp !== undefined || name.replace(/-\d+$/, '') !== set || name === set)
    return []
  const pod = toPod(object)
  const { owner } = pod
  if (owner?.kind === 'StatefulSet' && owner.name === set) return []
  return [{ pod, serviceName: podSchema.parse(object['spec']).subdomain ?? '' }]
}

async function adoptingSet(
  kube: Kube,
  seen: Seen,
  adopted: readonly LeftPod[],
  stored: StoredRecord,
  signal: AbortSignal,
): Promise<Adopting> {
  const { object } = seen.setManifest
  const { start, replicas } = toSet(object)
  const pods = adopted.map(({ pod }) => pod)
  const revision = mostOf(pods)
  const template = await templateOf(kube, seen, revision, signal)
  const run = Math.max(...pods.map((pod) => (pod.ordinal ?? start) - start + 1))
  const withTemplate = withSpec(object, {
    replicas: run,
    ...(template === undefined ? {} : { template }),
  })
  // One that was lost meanwhile belongs to them as well.
  const known =
    template === undefined ? undefined : memberCountOf(withTemplate, seen.loaded.profile)
  const recorded = recordedSet(stored, latestApplied(stored.record))
  const listed =
    seen.loaded.profile === 'zookeeper' && typeof known === 'number'
      ? known
      : recorded === undefined
        ? run
        : Math.min(toSet(recorded).replicas, replicas)
  return {
    set: withSpec(withTemplate, { replicas: Math.max(run, listed) }),
    pods,
    revision: template === undefined ? undefined : revision,
  }
}

function withSpec(set: KubeObject, change: Readonly<Record<string, unknown>>): KubeObject {
  return { ...set, spec: { ...mapOf(set['spec']), ...change } }
}

/** The revision that most of them run; of two, that of the lowest ordinal. */
function mostOf(pods: readonly PodView[]): string | undefined {
  const ascending = pods.toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0))
  return [...Map.groupBy(ascending, ({ revision }) => revision)].reduce((most, next) =>
    next[1].length > most[1].length ? next : most,
  )[0]
}

/** Out of the history that was left with them; undefined where that does not tell, or may not. */
async function templateOf(
  kube: Kube,
  { namespace, rights, setManifest: { object } }: Seen,
  revision: string | undefined,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (!rights.revisions || revision === undefined) return undefined
  const { selector } = toSet(object)
  const { items } = await kube.list(
    { apiVersion: 'apps/v1', kind: 'ControllerRevision' },
    { namespace, labels: selectorText(selector) },
    signal,
  )
  const template = items.map(toRevision).find(({ name }) => name === revision)?.template
  return selects(selector, textsOf(mapOf(template?.['metadata'])['labels'])) ? template : undefined
}

/** The set as it will be with its pods, for who only foresees it. */
export function onceAdopted({ set, pods, revision = '' }: Adopting): {
  readonly live: KubeObject
  readonly pods: readonly PodView[]
} {
  const uid = 'to be made'
  const { name } = set.metadata
  return {
    live: {
      ...set,
      metadata: { ...set.metadata, uid },
      status: { currentRevision: revision, updateRevision: revision },
    },
    pods: pods.map((pod) => ({ ...pod, owner: { kind: 'StatefulSet', name, uid } })),
  }
}
