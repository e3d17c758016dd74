// What a scale that has not ended means for what is found meanwhile: members that come or leave have
// another list than the others until it has, and whoever compares them by hand looks in the wrong
// place.

import type { Finding } from '../errors.ts'

export interface Scaling {
  /** `a scale of zk was begun at … and has not ended`. */
  readonly words: string
  /** What ends it, after a colon. */
  readonly ways: string
  /** The same as a fix. */
  readonly end: string
}

/**
 * The fix. `alive`: its run still shows signs of life, so it is waited for and then done `again`, a
 * sentence.
 */
export function toEnd({ ways, end }: Scaling, alive: boolean | undefined, again: string): string {
  return alive === true ? `${again} If the run that holds the lock was killed: ${ways}` : end
}

/** Of what checks found; only what a scale explains is changed. */
export function duringScale(finding: Finding, scale: Scaling, alive: boolean | undefined): Finding {
  if (finding.code !== 'IDENTITY_MISMATCH' && finding.doubts === undefined) return finding
  return {
    ...finding,
    message: `${finding.message}: ${scale.words}`,
    fix: toEnd(scale, alive, 'Verify again once it has ended.'),
  }
}
