// Pods and claims that the API refuses to the StatefulSet controller: quota, limits, admission. The
// set says so in events only.

import { eventsOf, oneLine, type Situation, type Symptom } from './symptom.ts'
import { rolls } from '../members/members.ts'

const GRACE_MS = 15_000
const OUTSIDE_GRACE_MS = 60_000
/**
 * An event repeats at most this rarely while the refusal lasts (the controller's back-off ends at
 * 1000 s, but sightings count early).
 */
const FRESH_MS = 120_000

/** Races that the controller settles by itself on its next try. */
const RACE =
  /already exists|is being deleted|object has been modified|because it is being terminated|Operation cannot be fulfilled/i
/** What judges pods is out of reach: nothing is said about the pod. */
const OUT_OF_REACH =
  /failed calling webhook|could not be completed|timed out|timeout|connection refused|etcdserver|internal error|too many requests|TLS handshake/i

export function creationSymptoms(situation: Situation): readonly Symptom[] {
  const { set, view, now, standings } = situation
  const refusals = eventsOf(view, 'StatefulSet', set.name, set.uid).filter(
    (event) => event.reason === 'FailedCreate' && now - event.last <= FRESH_MS,
  )
  return standings
    .filter((standing) => standing.state === 'missing')
    .flatMap((standing): Symptom[] => {
      const event = refusals.findLast((one) => one.message.includes(` Pod ${standing.pod} `))
      if (event === undefined) return []
      const cause = oneLine(event.message.replace(/^.*? failed error: /s, ''))
      if (RACE.test(cause)) return []
      const outside = OUT_OF_REACH.test(cause)
      // Below the partition it would come back from the current template, which was admitted
      // before.
      const fromNew = set.strategy.type === 'OnDelete' || rolls(set, standing.ordinal)
      return [
        {
          key: `creation/${standing.pod}`,
          code: 'CREATE_REJECTED',
          ordinal: standing.ordinal,
          object: `pod/${standing.pod}`,
          reason: reasonOf(cause),
          message: `${standing.pod} is refused: ${cause}`,
          ...fixFor(cause),
          graceMs: outside ? OUTSIDE_GRACE_MS : GRACE_MS,
          confirmed: event.count >= 2,
          againstRevision: fromNew && !outside,
          explains: true,
        },
      ]
    })
}

function reasonOf(cause: string): string {
  if (/exceeded quota|failed quota/.test(cause)) return 'ExceededQuota'
  if (/violates PodSecurity/.test(cause)) return 'PodSecurity'
  if (
    /(?:maximum|minimum) (?:cpu|memory|storage|ephemeral-storage)|limit to request ratio/i.test(
      cause,
    )
  )
    return 'LimitRange'
  if (/serviceaccount "[^"]*" not found/.test(cause)) return 'ServiceAccountMissing'
  if (/denied the request|denied request|ValidatingAdmissionPolicy/i.test(cause))
    return 'AdmissionDenied'
  return 'FailedCreate'
}

function fixFor(cause: string): { readonly fix?: string } {
  switch (reasonOf(cause)) {
    case 'ExceededQuota':
      return { fix: 'Raise the ResourceQuota of the namespace, or lower what the pods ask for.' }
    case 'PodSecurity':
      return {
        fix: 'Set the fields of securityContext that are named above, or run in a namespace with another pod-security level.',
      }
    case 'LimitRange':
      return { fix: 'Set requests and limits within the LimitRange of the namespace.' }
    case 'ServiceAccountMissing':
      return {
        fix: 'Create the ServiceAccount, or leave serviceAccountName out of the pod template.',
      }
    default:
      return {}
  }
}
