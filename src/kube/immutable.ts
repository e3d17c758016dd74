// An answer that says: this field can't be changed, however the API server words it; with what it
// costs to delete the object, and the command.

import type { Code } from '../codes.ts'
import type { KubeFailure } from './failure.ts'

/** The words of a 1.36 server and of older ones, for each kind another. */
const WORDS =
  /field is immutable|is immutable after creation|may not change once set|can ?not be unset|cannot change roleRef|may not be changed in an update|updates to \w+(?: spec)? (?:for fields other than|are forbidden)|pod updates may not change fields other than|expected an IPv[46] value as indicated by|field cannot be changed/i

export interface ImmutableFault {
  readonly code: Code
  readonly message: string
  readonly fix: string
}

/**
 * Undefined where it says something else. Values that the answer quotes are not shown: the field is
 * enough.
 */
export function immutableFault({
  message,
  request,
  causes,
}: KubeFailure): ImmutableFault | undefined {
  if (!WORDS.test(message) && !causes.some((cause) => WORDS.test(cause.message))) return undefined
  const named = causes.filter((cause) => WORDS.test(cause.message))
  const fields = [
    ...new Set(
      (named.length > 0 ? named : causes)
        .flatMap((cause) => fieldsOf(cause.field, cause.message))
        .filter((field) => field !== ''),
    ),
  ]
  const what =
    fields.length === 0
      ? 'a field that cannot be changed was changed'
      : `${fields.join(', ')} cannot be changed`
  return {
    code: 'IMMUTABLE_FIELD',
    message: `could not ${request}: ${what}`,
    fix: adviceFor(request),
  }
}

/**
 * Of claims, volumes and pods the field is `spec` alone, and what changed in it stands behind the
 * words.
 */
function fieldsOf(field: string, message: string): readonly string[] {
  const changed = /\(changed: ([^)]*)\)$/.exec(message)?.[1]
  if (changed !== undefined) return [`spec: ${changed}`]
  return field === 'spec' ? [] : [field]
}

/**
 * What deleting an object of the kind does to clients and data; plural as in `apply services zk in
 * namespace shop`.
 */
const COST: Readonly<Record<string, string>> = {
  services:
    'it is recreated at once. Until then its name leads nowhere: clients cannot connect by it, and members that find each other by it do not; connections that are open stay, except those through its cluster IP, which changes',
  'rolebindings.rbac.authorization.k8s.io':
    'it is recreated at once. Until then what it allows is forbidden; nothing is lost',
  'clusterrolebindings.rbac.authorization.k8s.io':
    'it is recreated at once. Until then what it allows is forbidden; nothing is lost',
  'storageclasses.storage.k8s.io':
    'it is recreated at once. Claims and volumes that exist keep working; new claims wait until then',
  configmaps:
    'it is recreated at once. Members that run keep what they have read, one that starts meanwhile waits for it. Better: give it another name, and name that in the pod template',
  secrets:
    'it is recreated at once. Members that run keep what they have read, one that starts meanwhile waits for it. Better: give it another name, and name that in the pod template',
  'jobs.batch': 'it is recreated at once, and runs again. Its pods go with it',
  'deployments.apps': 'it is recreated at once. Its pods go with it, all of them',
  'daemonsets.apps': 'it is recreated at once. Its pods go with it, on all nodes',
  'replicasets.apps': 'it is recreated at once. Its pods go with it, all of them',
  pods: 'it is recreated at once. What it keeps in itself goes with it, and so do its connections',
  resourcequotas: 'it is recreated at once. Until then nothing bounds what the namespace takes',
  'ingressclasses.networking.k8s.io':
    'it is recreated at once. Ingresses that name it keep their routes in most controllers; see yours first',
  'runtimeclasses.node.k8s.io':
    'it is recreated at once. Running pods keep running; none that names it can be made until then',
  'csidrivers.storage.k8s.io':
    'it is recreated at once. Volumes that are mounted stay; see first whether its driver makes the object itself',
  'priorityclasses.scheduling.k8s.io':
    'it is recreated at once. Pods that exist keep their priority; none that names it can be made until then',
}

function adviceFor(request: string): string {
  const [, plural = '', name = '', namespace] =
    /^\w+ (\S+)(?: (\S+))?(?: in namespace (\S+))?$/.exec(request) ?? []
  const kind = plural.split('.')[0] ?? ''
  const command = `kubectl ${namespace === undefined ? '' : `-n ${namespace} `}delete ${kind} ${name}`
  if (kind === 'persistentvolumeclaims' || kind === 'persistentvolumes')
    return `Keep the field as it is in the cluster: deleting ${kind === 'persistentvolumes' ? 'a volume' : 'a claim'} can delete its data. Of a claim the storage request may grow.`
  if (kind === 'statefulsets')
    return `Keep the field as it is in the cluster, or replace the StatefulSet and leave its pods: ${command} --cascade=orphan, then run the step again.`
  if (kind === 'customresourcedefinitions')
    return 'Keep the field as it is in the cluster: deleting the definition deletes every object of its kind, in every namespace. A new kind or group can stand beside the old one, and its objects be moved.'
  const cost = COST[plural]
  return `Keep the field as it is in the cluster, or delete the object and run the step again: ${command}${cost === undefined ? '; see first what uses it' : `; ${cost}`}.`
}
