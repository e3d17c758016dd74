// Containers that the kubelet can't make: a missing ConfigMap, Secret or key, a security context
// that the image doesn't fit, or a hook that fails.

import { gist, isNew, place, type MemberCase, type Symptom } from './symptom.ts'

/** A cache of the kubelet that is late, not a fault. */
const CACHE_LATE = /failed to sync (?:configmap|secret) cache/i
/** An operator that writes Secrets may be a few seconds behind. */
export const ABSENT_REFERENCE =
  /(?:configmap|secret)s? "[^"]*" not found|couldn't find key|references non-existent (?:config|secret) key/i
export const ABSENT_GRACE_MS = 15_000
const FIXED_GRACE_MS = 5_000
const UNSURE_GRACE_MS = 60_000

export function configurationSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, set } = member
  return [...pod.initContainers, ...pod.containers].flatMap((container): Symptom[] => {
    const { state } = container
    if (state.kind !== 'waiting') return []
    const text = gist(state.message)
    const common = {
      key: `configuration/${pod.uid}/${container.name}`,
      code: 'CONFIG_ERROR',
      ordinal: member.ordinal,
      object: `pod/${pod.name}`,
      container: container.name,
      reason: state.reason,
      againstRevision: isNew(set, pod),
      explains: true,
    } as const
    const where = place(pod, container.name)
    switch (state.reason) {
      case 'CreateContainerConfigError':
        if (CACHE_LATE.test(text))
          return [
            { ...common, message: `${where}: ${text}`, graceMs: 'never', againstRevision: false },
          ]
        if (ABSENT_REFERENCE.test(text))
          return [{ ...common, message: `${where}: ${text}`, graceMs: ABSENT_GRACE_MS }]
        return [
          {
            ...common,
            message: `${where}: ${text}`,
            fix: 'Correct the container in the pod template: what it asks for does not go with its image.',
            graceMs: FIXED_GRACE_MS,
          },
        ]
      case 'CreateContainerError':
        return [
          {
            ...common,
            message: `${where}: the container can't be made: ${text}`,
            fix: 'Correct command, mounts or devices of the container.',
            graceMs: /no command specified|invalid|not exist/i.test(text)
              ? ABSENT_GRACE_MS
              : UNSURE_GRACE_MS,
          },
        ]
      case 'PostStartHookError':
      case 'PreCreateHookError':
      case 'PreStartHookError':
        return [
          {
            ...common,
            message: `${where}: a lifecycle hook failed (${state.reason})${text === '' ? '' : `: ${text}`}`,
            fix: 'Correct the postStart hook of the container.',
            graceMs: UNSURE_GRACE_MS,
          },
        ]
      default:
        return []
    }
  })
}
