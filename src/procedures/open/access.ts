// Which rights a run needs and which it can do without, so that a missing one is named before
// anything is changed.

import { failure } from '../../errors.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { Access, KindRef, Kube } from '../../kube/kube.ts'
import { knownResource } from '../../kube/resources.ts'
import { rightsInWords, roleFor } from '../../kube/rules.ts'
import type { Manifest } from '../../manifests/manifest.ts'

export interface Rights {
  /** Missing rights without which the run can't do its work. */
  readonly missing: readonly Access[]
  readonly forward: boolean
  readonly exec: boolean
  readonly logs: boolean
  readonly events: boolean
  /** To leave an Event on the set. */
  readonly announce: boolean
  /** To read disruption budgets. */
  readonly budgets: boolean
  /** To evict pods. */
  readonly evict: boolean
  /** To delete pods: needed where an eviction is refused for a pod that doesn't serve. */
  readonly deletePods: boolean
  /** To read ControllerRevisions. */
  readonly revisions: boolean
  readonly nodes: boolean
  readonly classes: boolean
  readonly endpoints: boolean
  /** To make Services of members that come, where the member list names them. */
  readonly makeServices: boolean
  /** To delete those of members that are gone. */
  readonly deleteServices: boolean
}

const LOOK = ['get', 'list', 'watch']

function each(
  verbs: readonly string[],
  group: string,
  resource: string,
  namespace?: string,
): readonly Access[] {
  return verbs.map((verb) =>
    namespace === undefined ? { verb, group, resource } : { verb, group, resource, namespace },
  )
}

/** What finding the client service takes where no manifest names it. */
export function rightsToFindServices(namespace: string): readonly Access[] {
  return each(['list'], '', 'services', namespace)
}

/** What looking at an ensemble takes. */
export function rightsToLook(namespace: string): readonly Access[] {
  return [
    ...each(LOOK, 'apps', 'statefulsets', namespace),
    ...each(['list', 'watch'], '', 'pods', namespace),
    ...each(['list', 'watch'], '', 'persistentvolumeclaims', namespace),
  ]
}

/** What one look at an ensemble takes, without watching it. */
export function rightsToLookOnce(namespace: string): readonly Access[] {
  return rightsToLook(namespace).filter(({ verb }) => verb !== 'watch')
}

/** What evicting members takes. */
export function rightsToEvict(namespace: string): readonly Access[] {
  return each(['create'], '', 'pods/eviction', namespace)
}

/**
 * What cordoning and uncordoning takes; nodes belong to the cluster, and a patch of them can't be
 * narrowed to the one field.
 */
export function rightsToCordon(): readonly Access[] {
  return each(['get', 'list', 'patch'], '', 'nodes')
}

/**
 * What following the pods and budgets of a node takes; without it they are read every few seconds.
 */
export function rightsToFollowNode(): readonly Access[] {
  return [
    ...each(['list', 'watch'], '', 'pods'),
    ...each(['list', 'watch'], 'policy', 'poddisruptionbudgets'),
  ]
}

/**
 * What seeing where pods can go takes: of the whole cluster, since the scheduler looks at all of
 * it.
 */
export function rightsToSeeCluster(): readonly Access[] {
  return [
    ...['nodes', 'pods', 'namespaces', 'persistentvolumes', 'persistentvolumeclaims'].flatMap(
      (resource) => each(['list'], '', resource),
    ),
    ...['storageclasses', 'csinodes', 'volumeattachments'].flatMap((resource) =>
      each(['list'], 'storage.k8s.io', resource),
    ),
  ]
}

/** What changing the number of members takes; claims are deleted only when that is asked for. */
export function rightsToScale(namespace: string, deleteClaims: boolean): readonly Access[] {
  return [
    ...each(['patch'], 'apps', 'statefulsets', namespace),
    ...(deleteClaims ? each(['delete'], '', 'persistentvolumeclaims', namespace) : []),
  ]
}

/**
 * What making the Service of a member that comes takes; the one of another member is read as the
 * model for it.
 */
export function rightsToMakeServices(namespace: string): readonly Access[] {
  return each(['get', 'create', 'patch'], '', 'services', namespace)
}

/** What listing revisions takes. */
export function rightsToHistory(namespace: string): readonly Access[] {
  return each(['list'], 'apps', 'controllerrevisions', namespace)
}

/** What lock and record take; `look`: to see them. */
export function rightsToRecord(namespace: string, look = false): readonly Access[] {
  const verbs = look ? ['get'] : ['get', 'create', 'update']
  return [
    ...each(verbs, 'coordination.k8s.io', 'leases', namespace),
    ...each(verbs, '', 'configmaps', namespace),
  ]
}

/**
 * What deleting an ensemble takes, with the objects that were made for it; claims are deleted
 * only when that is asked for.
 */
export function rightsToCleanUp(
  namespace: string,
  objects: readonly KindRef[],
  deleteClaims: boolean,
): readonly Access[] {
  return [
    ...rightsToLookOnce(namespace),
    ...rightsToRecord(namespace),
    ...objects.flatMap((kind) => {
      const resource = knownResource(kind)
      return resource?.namespaced === true && kind.kind !== 'PersistentVolumeClaim'
        ? each(['get', 'delete'], resource.group, resource.plural, namespace)
        : []
    }),
    ...each(['delete'], 'coordination.k8s.io', 'leases', namespace),
    ...each(['delete'], '', 'configmaps', namespace),
    ...(deleteClaims ? each(['get', 'delete'], '', 'persistentvolumeclaims', namespace) : []),
  ]
}

/**
 * What deleting a namespace takes; what is in it is listed, of every kind, and a right that is
 * missing there keeps it.
 */
export function rightsToDeleteNamespace(name: string): readonly Access[] {
  return ['get', 'delete'].map((verb) => ({ verb, group: '', resource: 'namespaces', name }))
}

/**
 * What applying these objects takes; a server-side apply is a patch, and a create where the object
 * is new. Of kinds that aren't known by heart the dry run tells.
 */
export function rightsToApply(
  manifests: readonly Manifest[],
  namespace: string,
): readonly Access[] {
  return manifests.flatMap(({ object }) => {
    const resource = knownResource(object)
    return resource === undefined
      ? []
      : each(
          ['get', 'create', 'patch'],
          resource.group,
          resource.plural,
          resource.namespaced ? namespace : undefined,
        )
  })
}

/**
 * Whether the apply of an object may not be tried, with these rights missing; a new one is created
 * by it as well.
 */
export function untriedBy(
  missing: readonly Access[],
): (object: Manifest['object'], there: boolean) => boolean {
  return (object, there) => {
    const resource = knownResource(object)
    return (
      resource !== undefined &&
      missing.some(
        ({ verb, group, resource: plural }) =>
          group === resource.group &&
          plural === resource.plural &&
          (verb === 'patch' || (verb === 'create' && !there)),
      )
    )
  }
}

/**
 * A port-forward over WebSocket is a GET to the server, and newer servers ask for create too. Each
 * member is asked by what is allowed for its pod.
 */
const FORWARD = (namespace: string): readonly Access[] =>
  each(['get', 'create'], '', 'pods/portforward', namespace).map((access) => ({
    ...access,
    some: true,
  }))
const EXEC = (namespace: string): readonly Access[] =>
  each(['get', 'create'], '', 'pods/exec', namespace).map((access) => ({ ...access, some: true }))

/** One review of everything at once. */
export async function reviewRights(
  kube: Pick<Kube, 'denied'>,
  needed: readonly Access[],
  namespace: string,
  signal: AbortSignal,
): Promise<Rights> {
  const optional = {
    forward: FORWARD(namespace),
    exec: EXEC(namespace),
    logs: each(['get'], '', 'pods/log', namespace),
    events: each(['list', 'watch'], '', 'events', namespace),
    announce: each(['create'], '', 'events', namespace),
    budgets: each(['list'], 'policy', 'poddisruptionbudgets', namespace),
    evict: rightsToEvict(namespace),
    deletePods: each(['delete'], '', 'pods', namespace),
    revisions: rightsToHistory(namespace),
    nodes: each(['list'], '', 'nodes'),
    classes: each(['list'], 'storage.k8s.io', 'storageclasses'),
    endpoints: each(['list'], 'discovery.k8s.io', 'endpointslices', namespace),
    makeServices: rightsToMakeServices(namespace),
    deleteServices: each(['delete'], '', 'services', namespace),
  }
  const denied = await kube.denied(unique([...needed, ...Object.values(optional).flat()]), signal)
  const has = (list: readonly Access[]): boolean =>
    !list.some((one) => denied.some((other) => keyOf(one) === keyOf(other)))
  return {
    missing: unique(needed).filter((one) => !has([one])),
    forward: has(optional.forward),
    exec: has(optional.exec),
    logs: has(optional.logs),
    events: has(optional.events),
    announce: has(optional.announce),
    budgets: has(optional.budgets),
    evict: has(optional.evict),
    deletePods: has(optional.deletePods),
    revisions: has(optional.revisions),
    nodes: has(optional.nodes),
    classes: has(optional.classes),
    endpoints: has(optional.endpoints),
    makeServices: has(optional.makeServices),
    deleteServices: has(optional.deleteServices),
  }
}

/**
 * What is missing to ask members themselves: either way will do for ZooKeeper, the others need
 * exec.
 */
export function rightsToVerify(
  rights: Rights,
  profile: 'auto' | ProfileName,
  namespace: string,
): readonly Access[] {
  if (profile === 'none') return []
  if (profile === 'cassandra' || profile === 'custom') return rights.exec ? [] : EXEC(namespace)
  return rights.forward || rights.exec ? [] : FORWARD(namespace)
}

/** Refuses with everything that is missing in one failure, and the Role rules to add. */
export function refuseMissing(
  missing: readonly Access[],
  code: 'ACCESS_DENIED' | 'CHECK_IMPOSSIBLE',
): void {
  if (missing.length === 0) return
  throw failure(
    'refused',
    code,
    `${code === 'ACCESS_DENIED' ? 'these rights are missing' : "the members can't be asked without these rights"}${rightsInWords(missing)}`,
    {
      fix: `Add these rules to the Role of this workflow's account, or apply this Role and bind it. docs/role.yaml has all that a workflow may need.\n${roleFor(missing)}`,
    },
  )
}

function keyOf({ verb, group, resource, namespace, name }: Access): string {
  return [verb, group, resource, namespace ?? '', name ?? ''].join('|')
}

function unique(list: readonly Access[]): readonly Access[] {
  return [...new Map(list.map((one) => [keyOf(one), one])).values()]
}
