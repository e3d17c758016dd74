// Leaves an Event on a StatefulSet or a node, so that `kubectl describe` tells who changed it and
// where the run is to be read.

import type { Kube, KubeObject } from './kube.ts'

export interface Announcement {
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, such as Deployed. */
  readonly reason: string
  readonly message: string
}

/** The API keeps 1024 bytes of a message. */
const LONGEST = 1000

/** Best effort: an Event that can't be written changes nothing about the run. */
export async function announce(
  kube: Kube,
  set: KubeObject,
  announcement: Announcement,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const { name, uid } = set.metadata
  // What belongs to no namespace has its Events in this one.
  const namespace = set.metadata.namespace ?? 'default'
  const at = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
  const event: KubeObject = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${now.toString(16)}`, namespace },
    involvedObject: {
      apiVersion: set.apiVersion,
      kind: set.kind,
      name,
      ...(set.metadata.namespace === undefined ? {} : { namespace }),
      uid,
    },
    type: announcement.type,
    reason: announcement.reason,
    message: announcement.message.slice(0, LONGEST),
    source: { component: 'zk-ensemble-action' },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  }
  try {
    await kube.create(event, signal)
  } catch {
    signal.throwIfAborted()
  }
}
