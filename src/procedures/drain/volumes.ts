// Waits until the volumes of pods that have gone are detached from the node: a reboot before that
// can keep them from attaching elsewhere for minutes.

import { formatSpan } from '../../clock.ts'
import { failure } from '../../errors.ts'
import { waitUntil } from '../../wait-until.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, ListOptions } from '../../kube/kube.ts'
import { toAttachment } from '../../kube/views/index.ts'
import type { Ensemble } from '../open/ensemble.ts'

/** Few at a time and gone within seconds: asking for those is cheaper than a watch of all. */
const LOOK_MS = 1_000
const HEARTBEAT_MS = 30_000

export interface Detaching {
  readonly node: string
  /** Names of the PersistentVolumes. */
  readonly volumes: ReadonlySet<string>
  /**
   * Rejects when the node is no longer ours to empty: a pod that has come back to it keeps its
   * volume there.
   */
  readonly stands: () => Promise<void>
}

interface Attached {
  /** Of the VolumeAttachment. */
  readonly name: string
  readonly volume: string
}

/**
 * Without the right to look, or without a driver that attaches, there is nothing to wait for.
 * Throws DRAIN_BLOCKED at the deadline.
 */
export async function awaitDetached(
  { kube, deadline, run: { clock, journal } }: Ensemble,
  detaching: Detaching,
  signal: AbortSignal,
): Promise<void> {
  const { node, volumes } = detaching
  const say = (line: string): void => journal.info(line)
  if (volumes.size === 0) return
  const began = clock.now()
  let attached: readonly Attached[] | undefined
  await waitUntil(
    { clock, deadline, everyMs: LOOK_MS, heartbeatMs: HEARTBEAT_MS, saysAtOnce: true, say },
    async () => {
      try {
        attached = await stillAttached(kube, detaching, attached, signal)
      } catch (error) {
        if (!(error instanceof KubeFailure)) throw error
        signal.throwIfAborted()
        if (error.status === 403) {
          say(
            `${node}: whether volumes are detached can't be seen with these rights (volumeattachments [list])`,
          )
          return undefined
        }
        if (!passes(error) || deadline.passed) throw error
      }
      if (attached?.length === 0) return undefined
      await detaching.stands()
      const names = attached === undefined ? [...volumes] : attached.map(({ volume }) => volume)
      const are = names.length === 1 ? 'is' : 'are'
      return {
        line: `${node}: waits until ${names.join(', ')} ${are} detached`,
        over: () =>
          failure(
            'failed',
            'DRAIN_BLOCKED',
            `${names.join(', ')} ${are} still attached to ${node} after ${formatSpan(clock.now() - began)}`,
            {
              object: `node/${node}`,
              fix: 'kubectl get volumeattachments shows why; a node that is down for good needs the taint node.kubernetes.io/out-of-service.',
            },
          ),
      }
    },
    signal,
  )
}

/** A server that is away or busy costs time only. */
function passes({ status, reason }: KubeFailure): boolean {
  return status === 429 || status >= 500 || (status === 0 && reason !== 'Credentials')
}

/**
 * All of the cluster are listed once only (they can't be selected by node); later looks ask for
 * those that were found.
 */
async function stillAttached(
  kube: Kube,
  { node, volumes }: Detaching,
  known: readonly Attached[] | undefined,
  signal: AbortSignal,
): Promise<readonly Attached[]> {
  const look = async (options: ListOptions): Promise<readonly Attached[]> => {
    const found = await kube.listAs(
      { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment' },
      options,
      (object) => ({ name: object.metadata.name, ...toAttachment(object) }),
      signal,
    )
    return found.flatMap((one) =>
      one.node === node && one.volume !== undefined && volumes.has(one.volume)
        ? [{ name: one.name, volume: one.volume }]
        : [],
    )
  }
  if (known === undefined) return look({})
  return (
    await Promise.all(known.map(({ name }) => look({ fields: `metadata.name=${name}` })))
  ).flat()
}
