// Which causes become the verdict: what is proven before what was still graced, both before a bare
// TIMEOUT.

import type { Finding } from '../../errors.ts'
import type { Diagnosis } from './diagnose.ts'

/**
 * The findings of a wait that has ended; EnsembleError picks the deciding one of the errors by
 * precedence of code, then the lowest ordinal.
 * `ended` says why the wait is over where no cause ended it (`the timeout is over`), `waitingFor`
 * what it was waiting for.
 */
export function chooseVerdict(
  diagnoses: readonly Diagnosis[],
  waitingFor: string,
  ended: string,
): readonly [Finding, ...Finding[]] {
  const tiers = [
    diagnoses.filter((diagnosis) => diagnosis.class === 'terminal'),
    diagnoses.filter((diagnosis) => diagnosis.class === 'graced' && diagnosis.explains),
    diagnoses.filter((diagnosis) => diagnosis.class === 'informative' && diagnosis.explains),
  ]
  const index = tiers.findIndex((tier) => tier.length > 0)
  const deciding = tiers[index] ?? []
  const beside = diagnoses
    .filter((diagnosis) => !deciding.includes(diagnosis))
    .map((diagnosis) => toFinding(diagnosis, 'warning', ''))
  const suffix = index === 0 ? '' : `; ${ended}`
  const [first, ...rest] = deciding.map((diagnosis) => toFinding(diagnosis, 'error', suffix))
  if (first === undefined)
    return [{ code: 'TIMEOUT', severity: 'error', message: `${ended}: ${waitingFor}` }, ...beside]
  return [first, ...rest, ...beside]
}

/** Whether undoing the change is an answer: every proven cause speaks against the new revision. */
export function speaksAgainstRevision(diagnoses: readonly Diagnosis[]): boolean {
  const proven = diagnoses.filter((diagnosis) => diagnosis.class === 'terminal')
  const asked = proven.length > 0 ? proven : diagnoses.filter((diagnosis) => diagnosis.explains)
  return asked.length > 0 && asked.every((diagnosis) => diagnosis.againstRevision)
}

function toFinding(diagnosis: Diagnosis, severity: 'error' | 'warning', suffix: string): Finding {
  const { code, message, fix, object, ordinal } = diagnosis
  return {
    code,
    severity,
    message: `${message}${suffix}`,
    object,
    ...(fix === undefined ? {} : { fix }),
    ...(ordinal === undefined ? {} : { ordinal }),
  }
}
