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
  return `Members have up to ${formatSpan(graceMs)} to end (terminationGracePeriodSeconds), and a node is given up after ${formatSpan(timeoutMs)} (timeout): one that takes so long would end the drain, and its node be given back. Set timeout to more than both the end and the start of a member take.`
}
