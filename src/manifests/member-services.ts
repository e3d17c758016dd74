// Services that stand for one member each: a name and an address of its own that stay while the pod
// behind them moves.

import type { KubeObject } from '../kube/kube.ts'
import { readHost } from '../view/host-name.ts'
import { parseService } from './shapes.ts'

/**
 * Labels that the StatefulSet controller gives to each pod; the second one since Kubernetes 1.28.
 */
export const POD_NAME = 'statefulset.kubernetes.io/pod-name'
export const POD_INDEX = 'apps.kubernetes.io/pod-index'

export interface MemberService {
  readonly name: string
  /** The only pod that it selects. */
  readonly pod: string
  /** It has an address of its own: a headless one only passes on the pod's. */
  readonly ownAddress: boolean
  /** Also while the member is not Ready, as it is before it has found its peers. */
  readonly always: boolean
  /** Numbers of its ports. */
  readonly ports: readonly number[]
}

/** The StatefulSet whose members are meant. */
export interface MembersOf {
  readonly name: string
  /** Undefined where it isn't known yet where the objects go. */
  readonly namespace: string | undefined
  readonly headlessService: string
  /** Labels of its pod template. */
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Those of these Services that select one member of the set, from manifests and from the cluster
 * alike. Without a namespace of its own a Service is where the set is.
 */
export function memberServices(
  services: readonly KubeObject[],
  set: MembersOf,
): readonly MemberService[] {
  return services.flatMap((object) => {
    const shape = parseService(object)
    if (shape === undefined || shape.spec.type === 'ExternalName') return []
    const namespace = shape.metadata.namespace ?? set.namespace
    const here =
      namespace === undefined || set.namespace === undefined || namespace === set.namespace
    const pod = here ? podOf(shape.spec.selector, set) : undefined
    if (pod === undefined) return []
    return [
      {
        name: shape.metadata.name,
        pod,
        ownAddress: shape.spec.clusterIP !== 'None',
        always: shape.spec.publishNotReadyAddresses === true,
        ports: shape.spec.ports.map(({ port }) => port),
      },
    ]
  })
}

function podOf(
  { [POD_NAME]: pod, [POD_INDEX]: index, ...rest }: Readonly<Record<string, string>>,
  set: MembersOf,
): string | undefined {
  // Other labels must be the members' own: with one that they don't have it selects nobody.
  if (!Object.entries(rest).every(([key, value]) => set.labels[key] === value)) return undefined
  const byIndex =
    index !== undefined && /^\d+$/.test(index) && Object.keys(rest).length > 0
      ? `${set.name}-${index}`
      : undefined
  const found = pod ?? byIndex
  if (found === undefined || (pod !== undefined && index !== undefined && found !== byIndex))
    return undefined
  return ordinalIn(found, set.name) === undefined ? undefined : found
}

/** `zk-2` of the set `zk` is 2; undefined for the pod of another set. */
export function ordinalIn(pod: string, set: string): number | undefined {
  const number = pod.startsWith(`${set}-`) ? pod.slice(set.length + 1) : ''
  return /^\d+$/.test(number) ? Number(number) : undefined
}

/** What a host of a member list stands for. */
export type HostMeans =
  | { readonly kind: 'pod'; readonly pod: string }
  | { readonly kind: 'service'; readonly service: MemberService }
  | { readonly kind: 'unknown' }

/** As a resolver in a pod of the set's namespace finds it. */
export function meaningOf(
  host: string,
  services: readonly MemberService[],
  set: Omit<MembersOf, 'labels'>,
): HostMeans {
  const name = readHost(host, {
    service: set.headlessService,
    namespace: set.namespace,
    services: new Set(services.map((service) => service.name)),
  })
  const elsewhere =
    name.kind === 'cluster' &&
    name.namespace !== undefined &&
    set.namespace !== undefined &&
    name.namespace !== set.namespace
  if (name.kind !== 'cluster' || elsewhere) return { kind: 'unknown' }
  const { pod } = name
  if (pod !== undefined)
    return name.service === set.headlessService && ordinalIn(pod, set.name) !== undefined
      ? { kind: 'pod', pod }
      : { kind: 'unknown' }
  const service = services.find((one) => one.name === name.service)
  return service === undefined ? { kind: 'unknown' } : { kind: 'service', service }
}
