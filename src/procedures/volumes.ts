// Waits until the volumes of pods that have gone are detached from the node: a reboot before that can keep them from attaching elsewhere for minutes.

import { formatSpan, type Clock, type Deadline } from '../clock.ts'
import { failure } from '../errors.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { Kube } from '../kube/kube.ts'
import { toAttachment } from '../kube/views/index.ts'

/** Few at a time and gone within seconds: asking is cheaper than a watch. */
const LOOK_MS = 1_000
const HEARTBEAT_MS = 30_000

export interface Detaching {
  readonly kube: Pick<Kube, 'listAs'>
  readonly clock: Clock
  readonly node: string
  /** Names of the PersistentVolumes. */
  readonly volumes: ReadonlySet<string>
  readonly deadline: Deadline
  readonly say: (line: string) => void
}

/** Without the right to look, or without a driver that attaches, there is nothing to wait for. Throws DRAIN_BLOCKED at the deadline. */
export async function awaitDetached({ kube, clock, node, volumes, deadline, say }: Detaching, signal: AbortSignal): Promise<void> {
  if (volumes.size === 0) return
  const began = clock.now()
  let saidAt = began - HEARTBEAT_MS
  for (;;) {
    let attached: readonly string[]
    try {
      const found = await kube.listAs({ apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment' }, {}, toAttachment, signal)
      attached = found.flatMap((one) => (one.node === node && one.volume !== undefined && volumes.has(one.volume) ? [one.volume] : []))
    } catch (error) {
      if (!(error instanceof KubeFailure) || error.status !== 403) throw error
      say(`${node}: whether volumes are detached can't be seen with these rights (volumeattachments [list])`)
      return
    }
    if (attached.length === 0) return
    if (deadline.passed) {
      throw failure('failed', 'DRAIN_BLOCKED', `${attached.join(', ')} ${attached.length === 1 ? 'is' : 'are'} still attached to ${node} after ${formatSpan(clock.now() - began)}`, {
        object: `node/${node}`, mend: 'kubectl get volumeattachments shows why; a node that is down for good needs the taint node.kubernetes.io/out-of-service.',
      })
    }
    if (clock.now() - saidAt >= HEARTBEAT_MS) {
      say(`${node}: waits until ${attached.join(', ')} ${attached.length === 1 ? 'is' : 'are'} detached`)
      saidAt = clock.now()
    }
    await clock.sleep(Math.max(20, Math.min(LOOK_MS, deadline.left())), signal)
  }
}
