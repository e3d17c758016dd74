// How a check came out, from what it found.

import type { Finding } from '../errors.ts'
import type { CheckResult } from './profile.ts'

/** `good`: what was proven, where nothing was found. `ms`: how long it took. */
export function checkFrom(
  name: CheckResult['name'],
  findings: readonly Finding[],
  good: string,
  ms: number,
): CheckResult {
  const [first] = findings
  return {
    name,
    outcome: first === undefined ? 'passed' : 'failed',
    detail: first?.message ?? good,
    findings,
    ms,
  }
}

/** Checks that were not made, and why. */
export function skipped(
  names: readonly CheckResult['name'][],
  detail: string,
): readonly CheckResult[] {
  return names.map((name) => ({ name, outcome: 'skipped', detail, findings: [], ms: 0 }))
}
