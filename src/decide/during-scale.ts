// What checks found while a scale has not ended: members that come or leave have another list than
// the others until it has, and whoever compares them by hand looks in the wrong place.

import type { Finding } from '../errors.ts'
import type { Scaling } from './status.ts'

/** `alive`: the run of the scale still shows signs of life. */
export function duringScale(
  finding: Finding,
  { words, ways, end }: Scaling,
  alive: boolean | undefined,
): Finding {
  if (finding.code !== 'IDENTITY_MISMATCH') return finding
  return {
    ...finding,
    message: `${finding.message}: ${words}`,
    fix:
      alive === true
        ? `Verify again once it has ended. If the run that holds the lock was killed: ${ways}`
        : end,
  }
}
