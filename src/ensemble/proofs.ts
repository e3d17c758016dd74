// The checks of level thorough, of any profile: each proves a promise of the ensemble or finds it
// broken, one after the other.

import type { Clock } from '../clock.ts'
import type { Finding } from '../errors.ts'
import { checkFrom } from './check-result.ts'
import type { CheckResult } from './profile.ts'

/** Returns what it proved, in words, or what it found. */
export type Proof<Stage> = (stage: Stage) => Promise<string | Finding>

export async function proveEach<Stage>(
  proofs: readonly (readonly [CheckResult['name'], Proof<Stage>])[],
  stage: Stage,
  clock: Clock,
): Promise<readonly CheckResult[]> {
  const checks: CheckResult[] = []
  for (const [name, proof] of proofs) {
    const began = clock.now()
    const found = await proof(stage)
    const ms = clock.now() - began
    checks.push(
      typeof found === 'string' ? checkFrom(name, [], found, ms) : checkFrom(name, [found], '', ms),
    )
  }
  return checks
}
