// Which Services a member list needs that are not there yet, and what each of them is made after:
// the Service of a member that is there.

import { mapOf } from './fields-v1.ts'
import type { KubeObject } from '../kube/kube.ts'
import { hostsIn, listedHosts, membersOfSet } from './addresses.ts'
import {
  meaningOf,
  memberServices,
  ordinalIn,
  POD_INDEX,
  POD_NAME,
  type MemberService,
} from './member-services.ts'
import { ownedPart } from './owned.ts'
import { parseService, parseSet } from './shapes.ts'

/** A Service to make for one member. */
export interface WantedService {
  readonly name: string
  readonly pod: string
  /** The one that it is made after. */
  readonly model: MemberService
}

export interface Unmakeable {
  readonly refused: string
  readonly manual: string
}

/** `services`: those of the namespace. Names of pods need none. */
export function wantedServices(
  set: KubeObject,
  services: readonly KubeObject[],
  namespace: string,
): readonly WantedService[] | Unmakeable {
  const shape = parseSet(set)
  if (shape === undefined) return []
  const members = membersOfSet(shape, namespace)
  const known = memberServices(services, members)
  const start = shape.spec.ordinals?.start ?? 0
  const wanted: WantedService[] = []
  const models: (MemberService | undefined)[] = []
  for (const [index, hosts] of hostsIn(listedHosts(shape)).entries()) {
    const pod = `${members.name}-${start + index}`
    for (const [at, host] of hosts.entries()) {
      const means = meaningOf(host, known, members)
      const [name = '', second, third] = host.split('.')
      // A pod, or a name that the list has had for longer than anybody asks here.
      if (
        means.kind === 'pod' ||
        (ordinalIn(name, members.name) !== undefined && second !== undefined && third !== 'svc')
      )
        continue
      if (means.kind === 'service') {
        if (means.service.pod !== pod)
          return unmakeable(
            `the member list names Service ${name} for ${pod}, and it selects ${means.service.pod}`,
            name,
            pod,
          )
        models[at] = means.service
        continue
      }
      const model = models[at]
      if (services.some((service) => service.metadata.name === name))
        return unmakeable(
          `the member list names Service ${name} for ${pod}, and it does not select this pod alone`,
          name,
          pod,
        )
      if (model === undefined)
        return unmakeable(
          `the member list names ${host} for ${pod}, which is no Service that selects this pod alone`,
          name,
          pod,
        )
      wanted.push({ name, pod, model })
    }
  }
  return wanted
}

function unmakeable(refused: string, name: string, pod: string): Unmakeable {
  return {
    refused,
    manual: `Make a Service ${name} with a cluster IP, publishNotReadyAddresses: true and the selector ${POD_NAME}: ${pod}, then run it again.`,
  }
}

/**
 * The object to apply; `model`: the live Service, whole. Undefined where it is of a kind that only
 * its owner can make another of.
 */
export function serviceAfter(
  model: KubeObject,
  { name, pod, model: { name: oldName, pod: oldPod } }: WantedService,
): KubeObject | undefined {
  const shape = parseService(model)
  if (shape === undefined || (shape.spec.type ?? 'ClusterIP') !== 'ClusterIP') return undefined
  const owned = ownedPart(model, (entry) => (entry.subresource ?? '') === '')
  const { clusterIP, clusterIPs: _all, ...spec } = mapOf(owned['spec'])
  const renamed = (value: string): string =>
    value === oldPod ? pod : value === oldName ? name : value
  const rename = (values: Readonly<Record<string, string>> | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, renamed(value)]))
  const selector = {
    ...shape.spec.selector,
    ...(POD_NAME in shape.spec.selector ? { [POD_NAME]: pod } : {}),
    ...(POD_INDEX in shape.spec.selector
      ? { [POD_INDEX]: pod.slice(pod.lastIndexOf('-') + 1) }
      : {}),
  }
  const { labels, annotations } = owned.metadata
  return {
    ...owned,
    metadata: {
      ...owned.metadata,
      name,
      ...(labels === undefined ? {} : { labels: rename(labels) }),
      ...(annotations === undefined ? {} : { annotations: rename(annotations) }),
    },
    spec: { ...spec, ...(clusterIP === 'None' ? { clusterIP } : {}), selector },
  }
}
