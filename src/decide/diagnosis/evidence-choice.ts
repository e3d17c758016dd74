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

/**
 * The findings of checks that failed, with what the pods show. A dead container is the cause of
 * what the checks missed; but members that disagree about who they are were read, and a pod that
 * may still come right is told beside that.
 */
export function withPodFindings(
  found: readonly Finding[],
  pods: readonly Diagnosis[],
  verdict: readonly [Finding, ...Finding[]],
): readonly [Finding, ...Finding[]] {
  const read = found.filter(
    ({ code, severity }) => code === 'IDENTITY_MISMATCH' && severity === 'error',
  )
  const [first, ...more] = read
  if (first === undefined || pods.some((one) => one.class === 'terminal'))
    return [...verdict, ...found]
  const beside = verdict.map((finding): Finding => ({ ...finding, severity: 'warning' }))
  return [first, ...more, ...beside, ...found.filter((finding) => !read.includes(finding))]
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
