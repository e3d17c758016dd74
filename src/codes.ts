// The codes that users and later steps see, one row each: what it means, what to do, what to look at,
// and what it says about a change that was under way.

/** What a person would look at next; `report/next-steps.ts` has the command of each. */
export type Look =
  | 'budgets'
  | 'claim'
  | 'cluster-info'
  | 'context'
  | 'events'
  | 'lease'
  | 'logs'
  | 'namespaces'
  | 'node'
  | 'nodes'
  | 'owners'
  | 'pod'
  | 'pods'
  | 'pods-of-node'
  | 'previous-logs'
  | 'quotas'
  | 'rights'
  | 'set'
  | 'set-yaml'
  | 'sets'
  | 'storage-classes'
  | 'whole'

interface CodeRow {
  /** Part of a sentence, for the one line of a chat. */
  readonly meaning: string
  /** Shown only where the deciding finding has no `fix`, which is worded where the fault is found. */
  readonly advice: string
  /** The advice ends with running the same again. */
  readonly again?: true
  /** In this order. */
  readonly looks: readonly Look[]
  /**
   * What a change is left in. `stuck`: a member can't become Ready, and the controller waits for it;
   * `unverified`: every member is there, and what they said was wrong or could not be asked.
   */
  readonly leaves?: 'stuck' | 'unverified'
  /** A fault of what members run: an earlier revision is a way out of it. */
  readonly undoHelps?: true
  /** Members were asked and answered wrongly: from the checks it counts against the revision. */
  readonly isEvidence?: true
}

/**
 * In the order of precedence: with several causes the first row of these is the run's code.
 */
const TABLE = {
  INPUT_INVALID: {
    meaning: 'an input is wrong',
    advice: 'Correct the inputs (see above); nothing was sent to the cluster.',
    looks: [],
  },
  MANIFEST_INVALID: {
    meaning: 'a manifest cannot be used',
    advice: 'Correct the manifest at the line shown; nothing was sent to the cluster.',
    looks: [],
  },
  LINT_FAILED: {
    meaning: 'a manifest would not make a safe ensemble',
    advice:
      'Correct the findings above; each shows its line and its fix. Nothing was sent to the cluster.',
    looks: [],
  },
  CLUSTER_UNREACHABLE: {
    meaning: 'the cluster does not answer',
    advice: 'Check the kubeconfig, its context and that this runner can reach the API server.',
    looks: ['context', 'cluster-info'],
  },
  ACCESS_DENIED: {
    meaning: 'a permission is missing',
    advice:
      'Add the missing rule to the Role of this workflow, or use credentials that the cluster accepts (see above).',
    looks: ['rights'],
  },
  LOCKED: {
    meaning: 'another run is at work on this ensemble',
    advice:
      'Wait for the run that holds the lock, or cancel it; the lock of a dead run expires within a minute.',
    looks: ['lease'],
  },
  NOT_FOUND: {
    meaning: 'the ensemble was not found',
    advice: 'Check name, namespace and context, or name an ensemble that exists.',
    looks: ['context', 'sets'],
  },
  PROTECTED: {
    meaning: 'it would delete what it was not asked to delete',
    advice: 'Nothing was deleted. Allow the deletion as said above, or delete it by hand.',
    looks: ['namespaces'],
  },
  IMMUTABLE_FIELD: {
    meaning: 'a field would change that must not',
    advice: 'Keep the field as it is in the cluster, or replace the object by hand.',
    looks: ['set-yaml'],
  },
  MEMBERSHIP_CHANGE: {
    meaning: 'the number of members would change',
    advice: 'Change the number of members with operation: scale, one member at a time.',
    looks: ['set-yaml'],
  },
  CONFLICT: {
    meaning: 'another field manager owns a field',
    advice:
      'Somebody else changes the same object: let one of the two finish first, or agree on who owns the field.',
    looks: ['owners'],
  },
  DATA_LOST: {
    meaning: 'data that was acknowledged is gone',
    advice: 'Stop writers, keep the claims, and compare the members before anything is restarted.',
    looks: ['pods', 'logs'],
    leaves: 'unverified',
  },
  UNDO_FAILED: {
    meaning: 'rolling it back did not work',
    advice: 'Finish it or roll it back by hand, with the commands below.',
    looks: ['whole'],
  },
  IMAGE_PULL: {
    meaning: 'an image cannot be pulled',
    advice: 'Check the image name, its tag and the pull secret.',
    looks: ['pod', 'events'],
    leaves: 'stuck',
    undoHelps: true,
  },
  CONFIG_ERROR: {
    meaning: 'a container refers to configuration that is not there',
    advice: 'Create or correct the ConfigMap, Secret or key that the container refers to.',
    looks: ['pod', 'events'],
    leaves: 'stuck',
    undoHelps: true,
  },
  CREATE_REJECTED: {
    meaning: 'the cluster refuses to create a pod',
    advice:
      'Change the quota, limit range or admission policy that refused the pod, or the pod template.',
    looks: ['set', 'quotas', 'events'],
    leaves: 'stuck',
    undoHelps: true,
  },
  CLAIM_PENDING: {
    meaning: 'a claim gets no volume, or is losing it',
    advice:
      'Correct the storage class, or fix the claim as said above; deleting a claim deletes its data.',
    looks: ['claim', 'storage-classes'],
    leaves: 'stuck',
  },
  CRASH_LOOP: {
    meaning: 'a container keeps ending',
    advice: 'Read the last log lines of the container, shown here.',
    looks: ['previous-logs', 'pod'],
    leaves: 'stuck',
    undoHelps: true,
  },
  UNSCHEDULABLE: {
    meaning: 'a pod fits on no node',
    advice: 'Add a node that fits, or relax the requests, selectors or anti-affinity named above.',
    looks: ['pod', 'nodes'],
    leaves: 'stuck',
    undoHelps: true,
  },
  IDENTITY_MISMATCH: {
    meaning: 'the members disagree about who they are',
    advice:
      'Compare myid and the member list on the members named above; two members must never share an id.',
    looks: ['pods', 'logs'],
    leaves: 'unverified',
    isEvidence: true,
  },
  QUORUM_LOST: {
    meaning: 'there is no quorum',
    advice: 'Bring back enough members for a majority, lowest ordinal first; delete no claim.',
    looks: ['pods', 'logs'],
    leaves: 'unverified',
    undoHelps: true,
    isEvidence: true,
  },
  CHECK_FAILED: {
    meaning: 'a check of the running ensemble failed',
    advice: 'Look at the members named above: the ensemble did not answer as an ensemble must.',
    looks: ['pods', 'logs'],
    leaves: 'unverified',
    undoHelps: true,
    isEvidence: true,
  },
  CHECK_IMPOSSIBLE: {
    meaning: 'a check could not be made',
    advice: 'Give this step the rights and the access that the check needs (see above).',
    looks: ['rights', 'pods'],
    leaves: 'unverified',
  },
  NOT_READY: {
    meaning: 'a member does not get ready',
    advice:
      'If a pod is named above, look at it: kubectl describe pod, kubectl logs. operation: status tells more.',
    looks: ['pod', 'logs', 'events'],
    leaves: 'stuck',
    undoHelps: true,
  },
  DRAIN_REFUSED: {
    meaning: 'the drain would not be safe',
    advice: 'Fix what is said above, then run the drain again.',
    looks: ['nodes', 'budgets', 'pods', 'pods-of-node'],
  },
  DRAIN_BLOCKED: {
    meaning: 'a disruption budget blocks the drain',
    advice:
      'Fix the disruption budget or the pods that it waits for, then run the same drain again: it continues with the nodes that remain.',
    again: true,
    looks: ['nodes', 'budgets', 'pods', 'pods-of-node'],
  },
  MAINTENANCE_FAILED: {
    meaning: 'the maintenance command failed',
    advice:
      'Read the output of the maintenance command above and look at its node, then run the same drain again: the nodes after it were not touched.',
    again: true,
    looks: ['node', 'pods'],
  },
  CANCELLED: {
    meaning: 'it was cancelled',
    advice: 'Run it again: it continues from the state above.',
    again: true,
    looks: ['whole'],
  },
  TIMEOUT: {
    meaning: 'the time ran out',
    advice: 'See above what it was waiting for, or raise the timeout that is named there.',
    looks: ['pod', 'logs', 'events'],
    undoHelps: true,
  },
  INTERNAL: {
    meaning: 'a fault in the action itself',
    advice: 'This is a fault of the action: please report it with the JSON report of this run.',
    looks: [],
  },
} as const satisfies Readonly<Record<string, CodeRow>>

export type Code = keyof typeof TABLE

const ROWS: Readonly<Record<Code, CodeRow>> = TABLE

/** In the order of precedence. */
export const CODES: readonly Code[] = Object.keys(TABLE).filter(isCode)

function isCode(text: string): text is Code {
  return Object.hasOwn(TABLE, text)
}

/** What is known of a code. */
export function codeRow(code: Code): CodeRow {
  return ROWS[code]
}

/** Negative when `a` decides before `b`. */
export function byPrecedence(a: Code, b: Code): number {
  return CODES.indexOf(a) - CODES.indexOf(b)
}
