// One fault in words, and the one error class that carries faults with their codes.

import { byPrecedence, type Code } from './codes.ts'

/** A place in a file of the user's, path relative to the workspace, lines counted from 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** One fault, warning or cause, in words for a person. */
export interface Finding {
  readonly code: Code
  /** `notice`: nothing is wrong; what it costs, or how it could be better. */
  readonly severity: 'error' | 'warning' | 'notice'
  /** What is wrong, one line, without the place. */
  readonly message: string
  /**
   * What to change, one line (access: may hold a YAML block). It names no input but those that
   * every operation takes that can say it.
   */
  readonly fix?: string
  /** An input that is a way around: told only where this run would take it (`orSet`). */
  readonly orSet?: WayAround
  readonly place?: Place
  /** The input at fault, kebab-case. */
  readonly input?: string
  /** `kind/name` of the object at fault. */
  readonly object?: string
  /**
   * Of the lint: what would join another ensemble or lose data, and stays an error with `lint:
   * warn`.
   */
  readonly always?: true
  /** Ordinal of the member at fault: of equal codes the lowest ordinal decides. */
  readonly ordinal?: number
  /** Its fix asks to compare this by hand: a scale that has not ended explains it as well. */
  readonly doubts?: 'member list'
}

/**
 * `value` of an input, and in `why` what for: `Or set force-conflicts: true, once, to take these
 * fields over.`
 */
export interface WayAround {
  readonly input: string
  readonly value: string
  readonly why?: string
}

/**
 * The finding as this run tells it: with the way around where it has one, as a sentence of its
 * `fix`.
 */
export function withWayAround(
  { orSet, ...finding }: Finding,
  takes: (input: string, value: string) => boolean,
): Finding {
  if (orSet === undefined || !takes(orSet.input, orSet.value)) return finding
  const way = `Or set ${orSet.input}: ${orSet.value}${orSet.why === undefined ? '' : `, ${orSet.why}`}.`
  // A block of YAML stays together at the end.
  const [first = '', ...block] = finding.fix === undefined ? [] : finding.fix.split('\n')
  const lead =
    block.length === 0
      ? `${first === '' || /[.!?]$/.test(first) ? first : `${first}.`} ${way}`
      : `${way} ${first}`
  return { ...finding, fix: [lead.trim(), ...block].join('\n') }
}

export type FailureOutcome = 'refused' | 'failed' | 'cancelled' | 'undone'

/**
 * The only error that leaves an operation on purpose; everything else that is thrown becomes
 * INTERNAL in main.
 */
export class EnsembleError extends Error {
  readonly code: Code
  readonly outcome: FailureOutcome
  readonly findings: readonly Finding[]
  /**
   * The evidence is against what was just applied, rather than against a node, the cluster or a
   * member of an older revision.
   */
  readonly againstRevision: boolean

  constructor(
    outcome: FailureOutcome,
    findings: readonly [Finding, ...Finding[]],
    options?: { cause?: unknown; againstRevision?: boolean },
  ) {
    const deciding = decide(findings)
    super(deciding.message, options)
    this.name = 'EnsembleError'
    this.code = deciding.code
    this.outcome = outcome
    this.againstRevision = options?.againstRevision ?? false
    this.findings = [deciding, ...findings.filter((finding) => finding !== deciding)]
  }
}

/**
 * The finding that names the run's code: precedence of the code, then of members the lowest
 * ordinal, then the one that was found first.
 */
export function decide(findings: readonly [Finding, ...Finding[]]): Finding {
  const errors = findings.filter((finding) => finding.severity === 'error')
  return errors.reduce<Finding>((best, next) => {
    const order = byPrecedence(next.code, best.code)
    return order < 0 ||
      (order === 0 &&
        next.ordinal !== undefined &&
        best.ordinal !== undefined &&
        next.ordinal < best.ordinal)
      ? next
      : best
  }, errors[0] ?? findings[0])
}

export function failure(
  outcome: FailureOutcome,
  code: Code,
  message: string,
  more: Omit<Finding, 'code' | 'severity' | 'message'> = {},
  cause?: unknown,
): EnsembleError {
  return new EnsembleError(
    outcome,
    [{ code, severity: 'error', message, ...more }],
    cause === undefined ? undefined : { cause },
  )
}
