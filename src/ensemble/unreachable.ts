// Why a member could not be reached, in a few words; whether that is for want of a right, which no
// waiting fixes, and whether it tells anything of the member.

import { BLOCKED, BLOCKED_FIX, KubeFailure } from '../kube/failure.ts'
import { ADD_EXEC } from '../kube/rules.ts'
import type { Member } from './profile.ts'

export interface Unreachable {
  readonly why: string
  readonly denied: boolean
  /** Denied, and not by the role of this run: by a webhook, a policy or the kubelet. */
  readonly beyondRole?: true
  /** A gateway before the API server lets no WebSocket through. */
  readonly blocked?: true
  /** Its container does not run: that is known of it. */
  readonly stopped?: true
}

/** How every authorizer of Kubernetes says that a right is missing. Source: apiserver, Forbidden(). */
const OF_THE_ROLE = /\bcannot \S+ resource\b/

/**
 * How admission says no, with any status: 422 for a policy, what it likes for a webhook. Source:
 * apiserver, plugin/policy/validating/dispatcher.go and plugin/webhook/errors/statuserror.go.
 */
const BY_ADMISSION =
  /^admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' (with binding '.*' )?denied request/

/** This run may not take this way, which no waiting changes. */
function isDenied({ status, message }: KubeFailure): boolean {
  return status === 401 || status === 403 || (status >= 400 && BY_ADMISSION.test(message))
}

/** `way`: what was tried, such as `port-forward`. */
export function whyUnreachable(error: unknown, way: string): Unreachable {
  if (error instanceof KubeFailure) {
    const denied = isDenied(error)
    if (denied && !OF_THE_ROLE.test(error.message))
      return { why: `${way} was refused (${error.message})`, denied, beyondRole: true }
    return {
      why: denied ? `this run may not use ${way}` : `${way} failed (${error.message})`,
      denied,
      ...(error.reason === BLOCKED ? { blocked: true } : {}),
      ...(error.reason === 'NotRunning' ? { stopped: true } : {}),
    }
  }
  return { why: error instanceof Error ? error.message : String(error), denied: false }
}

/** What to do where a way is refused by something other than the role. */
export const BEYOND_ROLE_FIX =
  'Have what refused it (a webhook, a policy or the kubelet) let the account of this run use exec and port-forward on these pods: a rule in its role does not help.'

/** What to do where no command could be run in a member. */
export function execFix(
  member: Member,
  { denied, beyondRole, blocked }: Pick<Unreachable, 'denied' | 'beyondRole' | 'blocked'>,
): string {
  if (denied) return beyondRole === true ? BEYOND_ROLE_FIX : ADD_EXEC
  return blocked === true ? BLOCKED_FIX : podFix(member)
}

/** What to do where nothing is known of the way to a member. */
export function podFix({ namespace, pod }: Member): string {
  return `Look at the pod and its node: kubectl -n ${namespace} describe pod ${pod}`
}

/** Of the API server or what stands before it: nothing was told of the pod. */
const ELSEWHERE: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * Whether a way that could not be had told something of the member (`answered`), nothing (`away`),
 * or may not be taken at all. A status of the API server's is about the pod; no status is about the
 * way to the API server, unless the stream itself said why.
 */
export function toldBy(error: unknown): 'answered' | 'away' | 'denied' {
  if (!(error instanceof KubeFailure)) return 'away'
  if (isDenied(error)) return 'denied'
  if (error.status === 0)
    return error.reason === 'Unreachable' && error.cause === undefined ? 'answered' : 'away'
  return ELSEWHERE.has(error.status) ? 'away' : 'answered'
}
