// The input `lint`: whether an error of the lint stops the run.

import type { Finding } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'

/**
 * With `warn` errors of the lint become warnings that say so; findings that are `always` errors,
 * and those of other codes, stay.
 */
export function atLintLevel<T extends Finding>(
  findings: readonly T[],
  level: Inputs['lint'],
): readonly T[] {
  return level === 'error' ? findings : findings.map(softened)
}

function softened<T extends Finding>(finding: T): T {
  if (finding.code !== 'LINT_FAILED' || finding.severity !== 'error' || finding.always === true)
    return finding
  return {
    ...finding,
    severity: 'warning',
    message: `${finding.message} (an error that lint: warn lets pass)`,
  }
}
