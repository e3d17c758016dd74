// Volumes: claims get a volume from their class's provisioner, at once or when their first pod is
// scheduled, and say in events why not.

import { at, isFields, items, put, strings, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import { dropFinalizer } from '../deletion.ts'
import type { Stored } from '../store.ts'
import { isDeleting, nameOf, namespaceOf, podsOf, uidOf } from '../store.ts'
import type { World } from '../world.ts'

const CLAIM = kindOf('PersistentVolumeClaim')
const VOLUME = kindOf('PersistentVolume')
const CLASS = kindOf('StorageClass')
const SOURCE = { component: 'persistentvolume-controller' }
const SELECTED = 'volume.kubernetes.io/selected-node'
const PROVISION_MS = 2000

export function claimsOf(pod: Stored): string[] {
  return items(pod, 'spec', 'volumes')
    .map((volume) => text(volume, 'persistentVolumeClaim', 'claimName'))
    .filter((name) => name !== '')
}

/** The class that a claim without one gets. */
function defaultClass(world: World): string {
  const found = world.store
    .list(CLASS)
    .find(
      (entry) =>
        text(entry, 'metadata', 'annotations', 'storageclass.kubernetes.io/is-default-class') ===
        'true',
    )
  return found === undefined ? '' : nameOf(found)
}

export function syncClaims(world: World): void {
  for (const claim of world.store.list(CLAIM)) {
    if (isDeleting(claim) && !inUse(world, claim))
      dropFinalizer(world, CLAIM, claim, 'kubernetes.io/pvc-protection')
    else if (text(claim, 'status', 'phase') === 'Pending' && !isDeleting(claim))
      provision(world, claim)
  }
  for (const volume of world.store.list(VOLUME)) {
    const claim = world.store.get(
      CLAIM,
      text(volume, 'spec', 'claimRef', 'namespace'),
      text(volume, 'spec', 'claimRef', 'name'),
    )
    if (claim !== undefined && uidOf(claim) === text(volume, 'spec', 'claimRef', 'uid')) continue
    if (text(volume, 'spec', 'persistentVolumeReclaimPolicy') === 'Delete')
      world.store.remove(VOLUME, volume)
    else world.store.edit(VOLUME, volume, (draft) => put(draft, ['status', 'phase'], 'Released'))
  }
}

function inUse(world: World, claim: Stored): boolean {
  return podsOf(world.store, namespaceOf(claim)).some((pod) =>
    claimsOf(pod).includes(nameOf(claim)),
  )
}

function provision(world: World, claim: Stored): void {
  const name = text(claim, 'spec', 'storageClassName')
  const fallback = defaultClass(world)
  if (at(claim, 'spec', 'storageClassName') === undefined && fallback !== '') {
    world.store.edit(CLAIM, claim, (draft) => put(draft, ['spec', 'storageClassName'], fallback))
    return
  }
  if (name === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set'
    return once(world, claim, 'Normal', 'FailedBinding', message)
  }
  const found = world.store.get(CLASS, '', name)
  if (found === undefined)
    return once(
      world,
      claim,
      'Warning',
      'ProvisioningFailed',
      `storageclass.storage.k8s.io "${name}" not found`,
    )
  const node = text(claim, 'metadata', 'annotations', SELECTED)
  if (text(found, 'volumeBindingMode') === 'WaitForFirstConsumer' && node === '') {
    return once(
      world,
      claim,
      'Normal',
      'WaitForFirstConsumer',
      'waiting for first consumer to be created before binding',
    )
  }
  const provisioner = text(found, 'provisioner')
  const annotated =
    text(claim, 'metadata', 'annotations', 'volume.kubernetes.io/storage-provisioner') !== ''
  if (annotated) return
  world.store.edit(CLAIM, claim, (draft) => {
    for (const key of [
      'volume.kubernetes.io/storage-provisioner',
      'volume.beta.kubernetes.io/storage-provisioner',
    ])
      put(draft, ['metadata', 'annotations', key], provisioner)
  })
  const waiting = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`
  once(world, claim, 'Normal', 'ExternalProvisioning', waiting)
  if (!world.provisioners.has(provisioner)) return
  once(
    world,
    claim,
    'Normal',
    'Provisioning',
    `External provisioner is provisioning volume for claim "${namespaceOf(claim)}/${nameOf(claim)}"`,
    provisioner,
  )
  world.after(PROVISION_MS, () => bind(world, claim, found, node))
}

function bind(world: World, claim: Stored, storage: Stored, node: string): void {
  const current = world.store.get(CLAIM, namespaceOf(claim), nameOf(claim))
  if (current === undefined || uidOf(current) !== uidOf(claim) || isDeleting(current)) return
  const volume = `pvc-${uidOf(claim)}`
  const capacity = { storage: text(claim, 'spec', 'resources', 'requests', 'storage') }
  const affinity =
    nameOf(storage) === 'local'
      ? {
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                {
                  matchExpressions: [
                    { key: 'kubernetes.io/hostname', operator: 'In', values: [node] },
                  ],
                },
              ],
            },
          },
        }
      : {}
  world.store.create(VOLUME, {
    metadata: {
      name: volume,
      annotations: { 'pv.kubernetes.io/provisioned-by': text(storage, 'provisioner') },
    },
    spec: {
      capacity,
      accessModes: strings(claim, 'spec', 'accessModes'),
      claimRef: {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        namespace: namespaceOf(claim),
        name: nameOf(claim),
        uid: uidOf(claim),
      },
      persistentVolumeReclaimPolicy: text(storage, 'reclaimPolicy'),
      storageClassName: nameOf(storage),
      volumeMode: 'Filesystem',
      ...affinity,
    },
    status: { phase: 'Bound' },
  })
  once(
    world,
    current,
    'Normal',
    'ProvisioningSucceeded',
    `Successfully provisioned volume ${volume}`,
    text(storage, 'provisioner'),
  )
  world.store.edit(CLAIM, current, (draft) => {
    put(draft, ['metadata', 'annotations', 'pv.kubernetes.io/bind-completed'], 'yes')
    put(draft, ['spec', 'volumeName'], volume)
    put(draft, ['status'], {
      phase: 'Bound',
      accessModes: strings(claim, 'spec', 'accessModes'),
      capacity,
    })
  })
}

/** The event repeats in the real cluster every 15 s; once is enough to be found. */
function once(
  world: World,
  claim: Stored,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  component = SOURCE.component,
): void {
  const events = world.store.list(kindOf('Event'), namespaceOf(claim))
  if (
    events.some(
      (event) =>
        text(event, 'involvedObject', 'uid') === uidOf(claim) && text(event, 'reason') === reason,
    )
  )
    return
  world.event(claim, type, reason, message, { component })
}

/**
 * What stands in the way of scheduling a pod with these claims: a reason, or the claims that must
 * be bound on the chosen node first.
 */
export function claimObstacle(world: World, pod: Stored): string | undefined {
  for (const name of claimsOf(pod)) {
    const claim = world.store.get(CLAIM, namespaceOf(pod), name)
    if (claim === undefined) return `persistentvolumeclaim "${name}" not found. not found`
    if (isDeleting(claim)) return `persistentvolumeclaim "${name}" is being deleted. not found`
    const bound = text(claim, 'status', 'phase') === 'Bound'
    if (!bound && !waits(world, claim))
      return 'pod has unbound immediate PersistentVolumeClaims. not found'
  }
  return undefined
}

function waits(world: World, claim: Stored): boolean {
  return (
    text(
      world.store.get(CLASS, '', text(claim, 'spec', 'storageClassName')),
      'volumeBindingMode',
    ) === 'WaitForFirstConsumer'
  )
}

/** Node selector terms of the volumes that the pod's claims are bound to. */
export function volumeTerms(world: World, pod: Stored): ReturnType<typeof items>[] {
  return claimsOf(pod).flatMap((name) => {
    const claim = world.store.get(CLAIM, namespaceOf(pod), name)
    const volume = world.store.get(VOLUME, '', text(claim, 'spec', 'volumeName'))
    const terms = items(volume, 'spec', 'nodeAffinity', 'required', 'nodeSelectorTerms').filter(
      isFields,
    )
    return terms.length === 0 ? [] : [terms]
  })
}

/** A class that nobody provisions for has only volumes made by hand: none are found. */
export function lacksVolumes(world: World, pod: Stored): boolean {
  return unboundClaims(world, pod).some(
    (claim) =>
      text(world.store.get(CLASS, '', text(claim, 'spec', 'storageClassName')), 'provisioner') ===
      'kubernetes.io/no-provisioner',
  )
}

export function unboundClaims(world: World, pod: Stored): Stored[] {
  return claimsOf(pod).flatMap((name) => {
    const claim = world.store.get(CLAIM, namespaceOf(pod), name)
    return claim === undefined || text(claim, 'status', 'phase') === 'Bound' ? [] : [claim]
  })
}

export function selectNode(world: World, pod: Stored, node: string): void {
  for (const claim of unboundClaims(world, pod)) {
    if (at(claim, 'metadata', 'annotations', SELECTED) === undefined)
      world.store.edit(CLAIM, claim, (draft) =>
        put(draft, ['metadata', 'annotations', SELECTED], node),
      )
  }
}
