// The record of one run, filled in as it goes and rendered on every path: the source of outputs,
// summary, annotation and JSON report.

import type { Code } from '../codes.ts'
import type { Finding } from '../errors.ts'
import type { CheckResult, Identity, Matrix, Role } from '../ensemble/profile.ts'

export type RunResult =
  | 'succeeded'
  | 'unchanged'
  | 'planned'
  | 'undone'
  | 'failed'
  | 'refused'
  | 'cancelled'

export interface MemberRow {
  pod: string
  ordinal: number
  id: number | string | undefined
  role: Role | undefined
  node: string | undefined
  claim: string | undefined
  version: string | undefined
  zxid: string | undefined
  revision: string | undefined
  restarts: number
  ready: boolean
  /** Milliseconds since the epoch. */
  readySince: number | undefined
  /** What is wrong with it, in a few words, by its own account. */
  trouble: string | undefined
  /** Who it says it is, where it was asked. */
  identity: Identity | undefined
  /** Of its pod: what was said by one before it no longer holds. */
  uid: string
  /** A container of its runs, and it is not on its way out: who does not run serves nobody. */
  alive: boolean
  /** What is wrong with its pod, in a few words. */
  fault: string | undefined
  /** When `role` was asked for; milliseconds since the epoch. */
  askedAt: number | undefined
  /** How many that vote its own member list names, where that was looked at. */
  voters?: number | undefined
}

export interface ChangeRow {
  /** `statefulset/zk`. */
  object: string
  change: 'created' | 'configured' | 'unchanged' | 'deleted'
  note?: string
}

/** What of one object would change, without secrets. */
export interface DiffRow {
  object: string
  /** `rendered`: there was no cluster to compare with. */
  change: ChangeRow['change'] | 'rendered'
  /** Lines as `diff -u` has them. */
  lines: string[]
  /** Fields that other managers would lose, a sentence for each manager. */
  lost: string[]
}

/**
 * What became of a member, for whoever decides or draws by it: `what` of the same entry is for
 * people alone.
 */
export type MemberEvent =
  | { readonly kind: 'ready'; readonly node: string | undefined }
  | { readonly kind: 'fault'; readonly reason: string }
  | { readonly kind: 'pending' | 'away' | 'hand-over' | 'evicted' | 'deleted' }

/** An ensemble with members on a node that was drained for no ensemble, or for another one. */
export interface OtherEnsemble {
  /** `namespace/name`. */
  readonly name: string
  /** Every member was seen to serve after the last one of its members was moved. */
  serves: boolean
}

/** Something that happened at a time, for the timeline. */
export interface TimelineEntry {
  /** Milliseconds since the epoch. */
  at: number
  what: string
  member?: string
  node?: string
  /** Of the member, where there is one. */
  event?: MemberEvent
}

/** A time without a write, as the run's own writer saw it. */
export interface WriteGap {
  /** Milliseconds since the epoch. */
  from: number
  ms: number
}

/** The proof of a failure, gathered before anything is undone. */
export interface Evidence {
  object: string
  container: string | undefined
  reason: string
  message: string
  exitCode: number | undefined
  restarts: number | undefined
  events: { warning: boolean; reason: string; message: string; count: number; last: number }[]
  /** Last log lines, of the previous life where there was one. */
  logs: { container: string; previous: boolean; lines: string[] }[]
}

/** Last log lines of a member, whether or not it is well. */
export interface MemberLog {
  readonly pod: string
  readonly container: string
  readonly lines: readonly string[]
  /** Lines left out because a probe wrote them. */
  readonly noise: number
}

export interface PhaseRow {
  title: string
  ms: number
  outcome: 'done' | 'failed'
}

/** One revision of the set, for `history` and `status`. */
export interface RevisionRow {
  /**
   * Undefined for one that only the record still knows: the cluster's history is trimmed to
   * `revisionHistoryLimit`.
   */
  revision: number | undefined
  /** Name of the ControllerRevision. */
  name: string
  image: string
  changeCause: string
  /** Milliseconds since the epoch. */
  created: number | undefined
  /** It is what the set's template asks for, whether or not every member runs it yet. */
  current: boolean
  /** Pods that run it now. */
  members: number
  /** Undefined where the record could not be read. */
  verified: boolean | undefined
}

/** What is done to a node, each in the cluster's record before it is begun. */
export const NODE_ACTS = [
  'hand-over',
  'cordon',
  'evict',
  'wait',
  'maintenance',
  'uncordon',
] as const

/** What a node goes through, in this order; those that it does not need are left out. */
export const NODE_PHASES = ['gates', ...NODE_ACTS, 'rejoin'] as const

export type NodePhase = (typeof NODE_PHASES)[number]

/** One node of a drain or an uncordon. */
export interface NodeRow {
  node: string
  outcome: 'waiting' | 'under way' | 'drained' | 'gone' | 'uncordoned' | 'failed' | 'skipped'
  /** Where its members go; empty where it has none, or before that is known. */
  placement: 'elsewhere' | 'in-place' | ''
  /** Members that were on it. */
  members: string[]
  /** Its cordon as it stands: ours, somebody else's, or none. */
  cordon: 'ours' | 'theirs' | 'none'
  /** Each phase that was begun; `ms` counts up to its end, undefined while it runs. */
  phases: { phase: NodePhase; at: number; ms: number | undefined }[]
  /**
   * Every pod that was looked at; `note` says why it was skipped, or where a member came back.
   */
  pods: {
    pod: string
    outcome: 'evicted' | 'deleted' | 'skipped' | 'gone' | 'waiting'
    note: string
  }[]
  note: string
}

/** A pod that no other node takes, with what each of them has against it. */
export interface UnfitRow {
  /** `namespace/name`. */
  pod: string
  node: string
  /** Of the ensemble that is drained. */
  member: boolean
  /** `names`: the first of `nodes` nodes. */
  reasons: { reason: string; nodes: number; names: string[] }[]
}

/** One namespace with our label, of a sweep. */
export interface NamespaceRow {
  namespace: string
  /** Since it was made: `3h05m`. */
  age: string
  /** `stays`: what was ours in it is gone, or it could not go; `left`: not looked into. */
  verdict: 'gone' | 'stays' | 'left' | 'failed' | 'would go' | 'would stay'
  note: string
}

export interface RunReport {
  operation: string
  result: RunResult
  code: Code | ''
  message: string
  changed: boolean
  name: string
  namespace: string
  context: string
  profile: string
  version: string
  connectionString: string
  revision: string
  previousRevision: string
  replicas: number | undefined
  readyReplicas: number | undefined
  leader: string
  members: MemberRow[]
  /** Other ensembles of which members were moved, as each was seen last. */
  others: OtherEnsemble[]
  changes: ChangeRow[]
  /** plan: what the changes mean for members; empty where that isn't known. */
  impact: 'none' | 'objects' | 'roll' | 'scale' | ''
  /** The same in sentences. */
  meaning: string[]
  diffs: DiffRow[]
  checks: CheckResult[]
  matrix: Matrix | undefined
  pairs: string
  phases: PhaseRow[]
  timeline: TimelineEntry[]
  evidence: Evidence[]
  /** Of a thorough check. */
  memberLogs: readonly MemberLog[]
  findings: Finding[]
  /**
   * What a person should know beyond the verdict: looks left out, things left to the controller,
   * orphans.
   */
  notes: string[]
  /** kubectl commands that finish or undo by hand what was begun. */
  byHand: string[]
  verifyLevel: string
  /** Title of the phase that it is in. */
  doing: string
  /**
   * The state in which the ensemble is left, in words; kept up to date as the run goes, told on
   * failure and cancel.
   */
  standing: string
  /** Its first clause alone: of a drain that ended early, how our cordons stand. */
  standingFirst: string
  longestWriteGapMs: number | undefined
  acknowledgedWritesLost: number | undefined
  drainedNodes: string[]
  remainingNodes: string[]
  nodes: NodeRow[]
  /** Of a sweep. */
  /** Of a drain that was refused: pods that have no place, members first. */
  unfit: UnfitRow[]
  namespaces: NamespaceRow[]
  revisions: RevisionRow[]
  requests: Record<string, number>
  /** Of more than a second, in order. */
  writeGaps: WriteGap[]
  /** The verified revision that `operation: undo` would go to, where that is known. */
  undoTo: { revision: number | undefined; name: string } | undefined
  /** What continues a change that was cut off, then what undoes it, as sentences. */
  waysOn: readonly string[]
  /** Milliseconds since the epoch. */
  started: number
  ended: number
  runUrl: string
  /** Address of the troubleshooting page of the version that runs; empty where it is not known. */
  helpUrl: string
}

export function newReport(operation: string, started: number): RunReport {
  return {
    operation,
    result: 'failed',
    code: '',
    message: '',
    changed: false,
    name: '',
    namespace: '',
    context: '',
    profile: '',
    version: '',
    connectionString: '',
    revision: '',
    previousRevision: '',
    replicas: undefined,
    readyReplicas: undefined,
    leader: '',
    members: [],
    changes: [],
    impact: '',
    meaning: [],
    diffs: [],
    checks: [],
    matrix: undefined,
    pairs: '',
    phases: [],
    timeline: [],
    evidence: [],
    memberLogs: [],
    findings: [],
    notes: [],
    byHand: [],
    verifyLevel: '',
    doing: '',
    standing: 'nothing was changed',
    standingFirst: 'nothing was changed',
    longestWriteGapMs: undefined,
    acknowledgedWritesLost: undefined,
    drainedNodes: [],
    remainingNodes: [],
    nodes: [],
    unfit: [],
    namespaces: [],
    revisions: [],
    requests: {},
    others: [],
    writeGaps: [],
    undoTo: undefined,
    waysOn: [],
    started,
    ended: started,
    runUrl: '',
    helpUrl: '',
  }
}
