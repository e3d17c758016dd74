// Endpoints and EndpointSlices of services with a selector.

import type { Fields, Json } from '../json.ts'
import { at, compact, fields, items, put, same, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import { selects } from '../select.ts'
import type { Stored } from '../store.ts'
import {
  isDeleting,
  isReady,
  labelsOf,
  nameOf,
  namespaceOf,
  ownerReference,
  podsOf,
  uidOf,
} from '../store.ts'
import type { World } from '../world.ts'
import { nodeOf } from '../world.ts'

const SERVICE = kindOf('Service')
const SLICE = kindOf('EndpointSlice')
const ENDPOINTS = kindOf('Endpoints')

export function syncEndpoints(world: World): void {
  for (const service of world.store.list(SERVICE))
    if (Object.keys(fields(service, 'spec', 'selector')).length > 0) sync(world, service)
}

function sync(world: World, service: Stored): void {
  const pods = podsOf(world.store, namespaceOf(service)).filter(
    (pod) =>
      selects({ matchLabels: fields(service, 'spec', 'selector') }, labelsOf(pod)) &&
      text(pod, 'status', 'podIP') !== '',
  )
  const ports = items(service, 'spec', 'ports').map((port): Fields =>
    compact({
      name: at(port, 'name') ?? '',
      protocol: text(port, 'protocol'),
      port: at(port, 'targetPort') ?? at(port, 'port'),
    }),
  )
  const unready = at(service, 'spec', 'publishNotReadyAddresses') === true
  const headless = text(service, 'spec', 'clusterIP') === 'None'
  const endpoints = pods.map((pod): Fields => {
    const terminating = isDeleting(pod)
    const conditions = {
      ready: unready || (isReady(pod) && !terminating),
      serving: isReady(pod),
      terminating,
    }
    const targetRef = {
      kind: 'Pod',
      namespace: namespaceOf(pod),
      name: nameOf(pod),
      uid: uidOf(pod),
    }
    return compact({
      addresses: [text(pod, 'status', 'podIP')],
      conditions,
      hostname: headless ? text(pod, 'spec', 'hostname') : undefined,
      targetRef,
      nodeName: nodeOf(pod),
    })
  })
  const labels: Fields = {
    ...labelsOf(service),
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    'kubernetes.io/service-name': nameOf(service),
  }
  if (headless) labels['service.kubernetes.io/headless'] = ''
  writeSlice(world, service, labels, endpoints, ports)
  writeEndpoints(world, service, pods, ports, unready)
}

function writeSlice(
  world: World,
  service: Stored,
  labels: Fields,
  endpoints: Json[],
  ports: Json[],
): void {
  const before = world.store
    .list(SLICE, namespaceOf(service))
    .find((slice) =>
      items(slice, 'metadata', 'ownerReferences').some(
        (owner) => text(owner, 'uid') === uidOf(service),
      ),
    )
  if (before === undefined) {
    const metadata = {
      name: `${nameOf(service)}-${uidOf(service).slice(0, 5)}`,
      generateName: `${nameOf(service)}-`,
      namespace: namespaceOf(service),
      labels,
      ownerReferences: [ownerReference(service)],
    }
    world.store.create(SLICE, { metadata, addressType: 'IPv4', endpoints, ports })
  } else if (!same(at(before, 'endpoints'), endpoints) || !same(at(before, 'ports'), ports)) {
    world.store.edit(SLICE, before, (draft) => {
      put(draft, ['endpoints'], endpoints)
      put(draft, ['ports'], ports)
    })
  }
}

function writeEndpoints(
  world: World,
  service: Stored,
  pods: readonly Stored[],
  ports: Json[],
  unready: boolean,
): void {
  const address = (pod: Stored): Fields => ({
    ip: text(pod, 'status', 'podIP'),
    nodeName: nodeOf(pod),
    targetRef: { kind: 'Pod', namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) },
  })
  const ready = pods.filter((pod) => unready || (isReady(pod) && !isDeleting(pod)))
  const rest = pods.filter((pod) => !ready.includes(pod) && !isDeleting(pod))
  const subset = compact({
    addresses: ready.length === 0 ? undefined : ready.map(address),
    notReadyAddresses: rest.length === 0 ? undefined : rest.map(address),
    ports,
  })
  const subsets: Json[] = ready.length + rest.length === 0 ? [] : [subset]
  const before = world.store.get(ENDPOINTS, namespaceOf(service), nameOf(service))
  if (before === undefined)
    world.store.create(ENDPOINTS, {
      metadata: {
        name: nameOf(service),
        namespace: namespaceOf(service),
        labels: labelsOf(service),
        ownerReferences: [ownerReference(service)],
      },
      subsets,
    })
  else if (!same(at(before, 'subsets'), subsets))
    world.store.edit(ENDPOINTS, before, (draft) => put(draft, ['subsets'], subsets))
}
