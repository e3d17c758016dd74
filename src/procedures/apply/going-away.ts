// A deploy into what is still going away: a namespace, or an ensemble, of a preview that was closed
// a moment ago. It is waited for, then everything is looked at again.

import type { Deadline } from '../../clock.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { objectName, refOf, type Kube } from '../../kube/kube.ts'
import type { Run } from '../../run.ts'
import type { DeployRequest } from './look-around.ts'
import { awaitNamespaceGone, readNamespace } from './namespace.ts'
import { inspectGround, type Ground } from './preflight.ts'
import { RELEASE_MS } from '../../record/lock.ts'
import { resolveNamespace } from './target.ts'
import { heldByFinalizers, untilGone, waitingOf } from './until-gone.ts'

/** The ground once nothing of it is on its way out any more. */
export async function groundOnceGone(
  kube: Kube,
  request: DeployRequest,
  signal: AbortSignal,
  done: (line: string) => void,
): Promise<Ground> {
  const { inputs, run, loaded, deadline } = request
  const namespace = resolveNamespace(inputs.namespace, loaded.manifests, kube.namespace)
  const makes =
    inputs.createNamespace || loaded.manifests.some(({ object }) => object.kind === 'Namespace')
  for (;;) {
    // Without the wish to make it again there is nothing to wait for: the preflight says so.
    if (makes) await namespaceGone(kube, namespace, run, deadline, signal)
    const { changed } = run.report
    let ground: Ground
    try {
      ground = await inspectGround(kube, request, signal, done)
    } catch (error) {
      // A cleanup that held the lock may have removed the namespace while it was waited for.
      if (
        !makes ||
        run.report.changed !== changed ||
        deadline.passed ||
        !(await isGoing(kube, namespace, run, error, signal))
      )
        throw error
      continue
    }
    const going = ground.plan.flatMap(({ live }) =>
      live?.metadata.deletionTimestamp === undefined ? [] : [live],
    )
    if (going.length === 0) return ground
    // Under the lock: whoever began it is done or dead, and the cluster ends it by itself.
    try {
      run.journal.info(
        `${going.map(objectName).join(', ')} ${going.length === 1 ? 'is' : 'are'} being deleted: waited for, then created again.`,
      )
      await untilGone(
        waitingOf(run, deadline),
        async (until) => {
          const read = await Promise.all(
            going.map(async (object) => ({ object, now: await kube.get(refOf(object), until) })),
          )
          return read.flatMap(({ object, now }) =>
            now === undefined || now.metadata.uid !== object.metadata.uid
              ? []
              : [heldByFinalizers(objectName(now), namespace, now.metadata.finalizers)],
          )
        },
        signal,
      )
    } finally {
      await ground.lock.release(AbortSignal.timeout(RELEASE_MS))
    }
  }
}

async function namespaceGone(
  kube: Kube,
  namespace: string,
  run: Run,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<void> {
  if ((await readNamespace(kube, namespace, run.holder.repository, signal)).kind !== 'terminating')
    return
  run.journal.info(`namespace/${namespace} is being deleted: waited for, then created again.`)
  await awaitNamespaceGone(kube, { name: namespace }, waitingOf(run, deadline), signal)
}

/** Or gone: then what was asked for in it was not found. */
async function isGoing(
  kube: Kube,
  namespace: string,
  run: Run,
  failed: unknown,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { kind } = await readNamespace(kube, namespace, run.holder.repository, signal)
    return (
      kind === 'terminating' ||
      (kind === 'missing' && failed instanceof KubeFailure && failed.status === 404)
    )
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof KubeFailure) return false
    throw error
  }
}
