// What stands between a pod that has a node and its first container: volumes that don't mount or
// attach, and the pod's network.

import { ABSENT_GRACE_MS, ABSENT_REFERENCE } from './configuration.ts'
import { isNew, oneLine, type MemberCase, type Symptom } from './symptom.ts'

const GRACE_MS = 180_000
const EVENTS = new Set([
  'FailedMount',
  'FailedAttachVolume',
  'FailedMapVolume',
  'FailedCreatePodSandBox',
  'NetworkNotReady',
])
const CACHE_LATE =
  /failed to sync (?:configmap|secret) cache|object "[^"]*"\/"[^"]*" not registered/i

export function volumeSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, set, events } = member
  if (pod.node === undefined || pod.phase !== 'Pending') return []
  const started = [...pod.initContainers, ...pod.containers].some(
    (container) =>
      container.state.kind !== 'none' &&
      !(
        container.state.kind === 'waiting' &&
        (container.state.reason === 'ContainerCreating' ||
          container.state.reason === 'PodInitializing')
      ),
  )
  if (started) return []
  const event = events.findLast((one) => EVENTS.has(one.reason) && !CACHE_LATE.test(one.message))
  if (event === undefined) return []
  const text = oneLine(event.message)
  const common = {
    key: `volume/${pod.uid}/${event.reason}`,
    ordinal: member.ordinal,
    object: `pod/${pod.name}`,
    reason: event.reason,
    explains: true,
  } as const
  if (ABSENT_REFERENCE.test(text)) {
    return [
      {
        ...common,
        code: 'CONFIG_ERROR',
        message: `${pod.name}: ${text}`,
        graceMs: ABSENT_GRACE_MS * 2,
        confirmed: event.count >= 2,
        againstRevision: isNew(set, pod),
      },
    ]
  }
  if (/Multi-Attach error/i.test(text)) {
    return [
      {
        ...common,
        code: 'NOT_READY',
        reason: 'MultiAttach',
        message: `${pod.name}: its volume is still attached to another node: ${text}`,
        graceMs: GRACE_MS,
        againstRevision: false,
        fix: 'The volume is released once its old pod is gone; where the old node is dead, that takes some 6 minutes, or the taint node.kubernetes.io/out-of-service on it.',
      },
    ]
  }
  const network = event.reason === 'FailedCreatePodSandBox' || event.reason === 'NetworkNotReady'
  return [
    {
      ...common,
      code: 'NOT_READY',
      message: `${pod.name} on ${pod.node}: ${text}`,
      graceMs: GRACE_MS,
      againstRevision: false,
      fix: network
        ? `Look at the network plugin on ${pod.node}.`
        : 'Look at the volume named above and at the storage driver on the node.',
    },
  ]
}
