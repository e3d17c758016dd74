// The codes that users and later steps see, each with one line of advice, and the one error class
// that carries them.

/**
 * In the order of precedence: with several causes the first code of this list is the run's code.
 */
export const CODES = [
  'INPUT_INVALID',
  'MANIFEST_INVALID',
  'LINT_FAILED',
  'CLUSTER_UNREACHABLE',
  'ACCESS_DENIED',
  'LOCKED',
  'NOT_FOUND',
  'PROTECTED',
  'IMMUTABLE_FIELD',
  'MEMBERSHIP_CHANGE',
  'CONFLICT',
  'DATA_LOST',
  'UNDO_FAILED',
  'IMAGE_PULL',
  'CONFIG_ERROR',
  'CREATE_REJECTED',
  'CLAIM_PENDING',
  'CRASH_LOOP',
  'UNSCHEDULABLE',
  'IDENTITY_MISMATCH',
  'QUORUM_LOST',
  'CHECK_FAILED',
  'CHECK_IMPOSSIBLE',
  'NOT_READY',
  'DRAIN_REFUSED',
  'DRAIN_BLOCKED',
  'MAINTENANCE_FAILED',
  'CANCELLED',
  'TIMEOUT',
  'INTERNAL',
] as const

export type Code = (typeof CODES)[number]

const ADVICE: Record<Code, string> = {
  INPUT_INVALID: 'Correct the inputs (see above); nothing was sent to the cluster.',
  MANIFEST_INVALID: 'Correct the manifest at the line shown; nothing was sent to the cluster.',
  LINT_FAILED:
    'Correct the findings above; each shows its line and its fix. Nothing was sent to the cluster.',
  CLUSTER_UNREACHABLE:
    'Check the kubeconfig, its context and that this runner can reach the API server.',
  ACCESS_DENIED:
    'Add the missing rule to the Role of this workflow, or use credentials that the cluster accepts (see above).',
  LOCKED:
    'Wait for the run that holds the lock, or cancel it; the lock of a dead run expires within a minute.',
  NOT_FOUND: 'Check name, namespace and context, or name an ensemble that exists.',
  PROTECTED: 'Nothing was deleted. Allow the deletion as said above, or delete it by hand.',
  IMMUTABLE_FIELD: 'Keep the field as it is in the cluster, or replace the object by hand.',
  MEMBERSHIP_CHANGE: 'Change the number of members with operation: scale, one member at a time.',
  CONFLICT:
    'Somebody else changes the same object: let one of the two finish first, or agree on who owns the field.',
  DATA_LOST: 'Stop writers, keep the claims, and compare the members before anything is restarted.',
  UNDO_FAILED: 'Finish it or roll it back by hand, with the commands below.',
  IMAGE_PULL: 'Check the image name, its tag and the pull secret.',
  CONFIG_ERROR: 'Create or correct the ConfigMap, Secret or key that the container refers to.',
  CREATE_REJECTED:
    'Change the quota, limit range or admission policy that refused the pod, or the pod template.',
  CLAIM_PENDING:
    'Correct the storage class, or fix the claim as said above; deleting a claim deletes its data.',
  CRASH_LOOP: 'Read the last log lines of the container, shown here.',
  UNSCHEDULABLE:
    'Add a node that fits, or relax the requests, selectors or anti-affinity named above.',
  IDENTITY_MISMATCH:
    'Compare myid and the member list on the members named above; two members must never share an id.',
  QUORUM_LOST: 'Bring back enough members for a majority, lowest ordinal first; delete no claim.',
  CHECK_FAILED: 'Look at the members named above: the ensemble did not answer as an ensemble must.',
  CHECK_IMPOSSIBLE: 'Give this step the rights and the access that the check needs (see above).',
  NOT_READY:
    'If a pod is named above, look at it: kubectl describe pod, kubectl logs. operation: status tells more.',
  DRAIN_REFUSED: 'Fix what is said above, then run the drain again.',
  DRAIN_BLOCKED:
    'Fix the disruption budget or the pods that it waits for, then run the same drain again: it continues with the nodes that remain.',
  MAINTENANCE_FAILED:
    'Read the output of the maintenance command above and look at its node, then run the same drain again: the nodes after it were not touched.',
  CANCELLED: 'Run it again: it continues from the state above.',
  TIMEOUT: 'See above what it was waiting for, or raise the timeout that is named there.',
  INTERNAL: 'This is a fault of the action: please report it with the JSON report of this run.',
}

export function adviceFor(code: Code): string {
  return ADVICE[code]
}

/** Negative when `a` decides before `b`. */
export function byPrecedence(a: Code, b: Code): number {
  return CODES.indexOf(a) - CODES.indexOf(b)
}

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
