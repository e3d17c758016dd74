// The ensemble as a run addresses it, read from its StatefulSet and the services around it, in manifests and in the cluster alike.

import type { ProfileName } from '../ensemble/profile.ts'
import { failure } from '../errors.ts'
import type { KubeObject } from '../kube/kube.ts'
import { memberContainer } from '../manifests/ensemble.ts'
import { parseService, parseSet, selects, type SetShape } from '../manifests/shapes.ts'
import type { Target } from './verify-ensemble.ts'

export function targetOf(object: KubeObject, services: readonly KubeObject[], profile: ProfileName, namespace: string): Target {
  const set = parseSet(object)
  const container = set === undefined ? undefined : memberContainer(set.spec.template.spec, profile)
  if (set === undefined || container === undefined) throw failure('refused', 'MANIFEST_INVALID', `statefulset/${object.metadata.name} has no container that could be a member`, { object: `statefulset/${object.metadata.name}` })
  return {
    name: set.metadata.name,
    namespace,
    container: container.name,
    clientPort: container.clientPort,
    headlessService: set.spec.serviceName,
    clientService: clientServiceOf(set, services, container.clientPort),
    requiresDistinctNodes: (set.spec.template.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some((term) => term.topologyKey === 'kubernetes.io/hostname'),
  }
}

/** The service that clients are meant to use: it selects the members and has their client port; one with an address of its own before a headless one. */
function clientServiceOf(set: SetShape, services: readonly KubeObject[], port: number): string | undefined {
  const labels = set.spec.template.metadata?.labels ?? {}
  const fitting = services.flatMap((object) => {
    const service = parseService(object)
    if (service === undefined || Object.keys(service.spec.selector).length === 0) return []
    const chosen = selects({ matchLabels: service.spec.selector, matchExpressions: [] }, labels)
    const offers = service.spec.ports.some((candidate) => candidate.port === port || candidate.targetPort === port || candidate.targetPort === 'client' || candidate.name === 'client')
    return chosen && offers ? [service] : []
  })
  const own = fitting.filter((service) => service.spec.clusterIP !== 'None')
  return (own[0] ?? fitting.find((service) => service.metadata.name !== set.spec.serviceName))?.metadata.name
}

/** `zk-0.zk-hs.shop.svc:2181,…`: a client that knows all members survives the loss of any. */
export function connectionString(target: Target, start: number, replicas: number): string {
  // A custom ensemble that names no port has no address to give.
  if (target.clientPort === 0) return ''
  return Array.from({ length: replicas }, (_, index) => `${target.name}-${start + index}.${target.headlessService}.${target.namespace}.svc:${target.clientPort}`).join(',')
}
