// The namespace of a cleanup: whose it is, and when it may go with everything in it. It stays where
// anything in it is not ours, or could not be looked at.

import { contentsInWords, makerOf, othersIn, type Maker } from '../../decide/cleanup.ts'
import { failure } from '../../errors.ts'
import { isClustersOwn } from '../../inputs/agree.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { roleFor } from '../../kube/rules.ts'
import { leaseName } from '../../record/lock.ts'
import { recordName } from '../../record/record.ts'
import type { Survey } from './cleanup-survey.ts'
import { isTerminating } from '../apply/namespace.ts'
import { readContents } from './namespace-contents.ts'

/** `theirs`: others made it, or it may not be read; its ensembles may go, it stays. */
export type Place =
  | { readonly kind: 'missing' }
  | { readonly kind: 'terminating' | 'ours'; readonly object: KubeObject }
  | { readonly kind: 'theirs'; readonly why: string }

const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace' }

/**
 * `name`: of the ensemble that was asked for; without one the whole namespace was. Throws PROTECTED
 * for what is somebody else's.
 */
export async function readPlace(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  name: string | undefined,
  repository: string,
  signal: AbortSignal,
): Promise<Place> {
  const found = await readIfAllowed(kube, namespace, signal)
  if (found === undefined) return { kind: 'missing' }
  const maker: Maker =
    found === 'forbidden' || isClustersOwn(namespace)
      ? { kind: 'not made here' }
      : makerOf(found.metadata, repository)
  if (maker.kind === 'another') {
    throw failure(
      'refused',
      'PROTECTED',
      `namespace ${namespace} was made for another repository, ${maker.repository}: nothing in it is deleted`,
      {
        object: `namespace/${namespace}`,
        input: 'namespace',
        fix: `Run the cleanup in ${maker.repository}.`,
      },
    )
  }
  if (maker.kind === 'ours' && found !== 'forbidden')
    return { kind: isTerminating(found) ? 'terminating' : 'ours', object: found }
  const why = whyTheirs(namespace, found === 'forbidden', maker)
  if (name === undefined) {
    throw failure('refused', 'PROTECTED', `${why}: it is not deleted`, {
      object: `namespace/${namespace}`,
      input: 'namespace',
      fix: 'To delete one ensemble in it, set name (or manifests) too; the namespace then stays.',
    })
  }
  if (found !== 'forbidden' && isTerminating(found)) return { kind: 'terminating', object: found }
  return { kind: 'theirs', why }
}

function whyTheirs(namespace: string, forbidden: boolean, { kind }: Maker): string {
  if (isClustersOwn(namespace)) return `namespace ${namespace} is the cluster's own`
  if (forbidden)
    return `namespace ${namespace} may not be read (get namespaces), so nobody knows who made it`
  return kind === 'unnamed'
    ? `namespace ${namespace} has the label of this action, but no annotation that says for which repository it was made`
    : `namespace ${namespace} was not made by this action`
}

async function readIfAllowed(
  kube: Pick<Kube, 'get'>,
  name: string,
  signal: AbortSignal,
): Promise<KubeObject | undefined | 'forbidden'> {
  try {
    return await kube.get({ ...NAMESPACE, name }, signal)
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return 'forbidden'
    throw error
  }
}

/**
 * Why a namespace of ours stays, as far as what is in it says; undefined: all of it is ours.
 * `goes`: what of it is deleted before.
 */
export async function whyStays(
  kube: Kube,
  namespace: string,
  found: readonly Survey[],
  signal: AbortSignal,
): Promise<{ readonly why: string; readonly fix: string } | undefined> {
  const { objects, unseen, missing } = await readContents(kube, namespace, signal)
  const names = new Set(
    found.flatMap(({ name }) => [`ConfigMap/${recordName(name)}`, `Lease/${leaseName(name)}`]),
  )
  const own = new Set([
    ...found.flatMap(({ sets, objects: made, claims }) => [
      ...[...sets, ...made].map(({ metadata }) => metadata.uid ?? ''),
      ...claims.map(({ uid }) => uid),
    ]),
    ...objects.filter(({ kind, name }) => names.has(`${kind}/${name}`)).map(({ uid }) => uid),
  ])
  own.delete('')
  const others = othersIn(objects, own)
  if (others.length > 0)
    return {
      why: `what this action did not make is in it: ${contentsInWords(others)}`,
      fix: `If all of that may go: kubectl delete namespace ${namespace}`,
    }
  if (unseen.length > 0)
    return {
      why: `whether anything of others is in it is not known: ${unseen.join(', ')} could not be listed`,
      fix:
        missing.length === 0
          ? 'A group of the API whose server is down holds up the deletion of every namespace: bring it back, or delete its APIService.'
          : `Let this workflow list them: ${roleFor(missing)}`,
    }
  return undefined
}

/**
 * False when it was changed since it was read: look again. By UID and version, so that a deploy
 * that moves its time on meanwhile keeps it.
 */
export async function deleteNamespace(
  kube: Pick<Kube, 'delete'>,
  { metadata: { name, uid, resourceVersion } }: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  if (uid === undefined || resourceVersion === undefined) return false
  try {
    await kube.delete({ ...NAMESPACE, name }, { uid, resourceVersion }, signal)
    return true
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 409) return false
    throw error
  }
}
