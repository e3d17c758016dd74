// Whether the time for a node leaves its members the time to end that they are given.

import { formatSpan } from '../../clock.ts'

/** Kubernetes' own. */
const DEFAULT_S = 30

/**
 * What to know before a member is evicted that may take longer to end than it is waited for;
 * undefined where it fits.
 */
export function graceBeyond(
  graceSeconds: number | undefined,
  timeoutMs: number,
): string | undefined {
  const graceMs = (graceSeconds ?? DEFAULT_S) * 1000
  if (graceMs < timeoutMs) return undefined
  return `Members may take up to ${formatSpan(graceMs)} to end (terminationGracePeriodSeconds), but the drain of a node fails after ${formatSpan(timeoutMs)} (timeout). Set timeout to more than the end and the start of a member take together.`
}
