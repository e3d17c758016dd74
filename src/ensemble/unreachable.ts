// Why a member could not be reached, in a few words, and whether that is for want of a right, which
// no waiting fixes.

import { KubeFailure } from '../kube/failure.ts'

export interface Unreachable {
  readonly why: string
  readonly denied: boolean
}

const FORBIDDEN: ReadonlySet<number> = new Set([401, 403])

/** `way`: what was tried, such as `port-forward`. */
export function whyUnreachable(error: unknown, way: string): Unreachable {
  if (error instanceof KubeFailure) {
    const denied = FORBIDDEN.has(error.status)
    return {
      why: denied ? `this run may not use ${way}` : `${way} failed (${error.message})`,
      denied,
    }
  }
  return { why: error instanceof Error ? error.message : String(error), denied: false }
}
