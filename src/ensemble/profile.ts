// What a kind of ensemble must be able to tell: who its members are, whether they serve, and
// whether data written through one is read through all.

import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { Finding } from '../errors.ts'
import type { ExecResult, Tunnelled } from '../kube/kube.ts'
import type { MemberService } from '../manifests/member-services.ts'
import type { ProfileName, VerifyLevel } from '../view/profile-name.ts'

/** A member as the cluster shows it: what is needed to reach it. */
export interface Member {
  readonly pod: string
  readonly namespace: string
  readonly ordinal: number
  readonly uid: string
  readonly node: string | undefined
  /** Container of the server, and its client port, both taken from the pod. */
  readonly container: string
  readonly clientPort: number
  readonly ready: boolean
  /** Of the pod. */
  readonly ip?: string | undefined
  /** When the pod was made; milliseconds since the epoch. */
  readonly created?: number
  /** `runAsUser` of its container, as the pod's spec has it. */
  readonly askedUser?: number | undefined
}

/** The ways to a member; why one could not be had, unreachable.ts reads from what it rejects with. */
export interface Reach {
  /**
   * A byte stream to a port of the member's pod: a port-forward, or what zookeeper/doors.ts makes of
   * it, where it may come from inside the container instead.
   */
  open(member: Member, port: number, signal: AbortSignal): Promise<Duplex>
  exec(
    member: Member,
    command: readonly [string, ...string[]],
    options: { readonly stdin?: string; readonly timeoutMs?: number },
    signal: AbortSignal,
  ): Promise<ExecResult>
  /** A command in the member's container as a byte stream. */
  tunnel(
    member: Member,
    command: readonly [string, ...string[]],
    signal: AbortSignal,
  ): Promise<Tunnelled>
  /** What this run may do, from the access review. */
  readonly may: { readonly forward: boolean; readonly exec: boolean }
}

/** Who logs in for the checks: a secret. Neither part has a line's end. */
export interface Login {
  readonly user: string
  readonly password: string
}

export interface VerifyContext {
  readonly reach: Reach
  readonly clock: Clock
  readonly signal: AbortSignal
  /** How long a member that is outside of the quorum is waited for. */
  readonly settleMs: number
  /** Why so long, a clause for the log. */
  readonly settleWhy?: string | undefined
  /** Unique to this run: the check's znode, keyspace or marker is named by it. */
  readonly runId: string
  readonly say: (line: string) => void
  /** Wanted number of members. */
  readonly replicas: number
  /**
   * Name of the headless service and namespace: members' names are
   * `<pod>.<service>.<namespace>.svc…`.
   */
  readonly serviceName: string
  /**
   * Something is waited for and nothing is done on this answer: one member may speak for the
   * others, where that spares them.
   */
  readonly waiting?: boolean
  /** Services that stand for one member each. */
  readonly memberServices?: readonly MemberService[]
}

/**
 * `unreachable`: it may serve, but could not be asked now. `unknown`: what can be asked of it does
 * not tell.
 */
export type Role =
  | 'leader'
  | 'follower'
  | 'observer'
  | 'standalone'
  | 'read-only'
  | 'up'
  | 'down'
  | 'not serving'
  | 'unreachable'
  | 'unknown'

/** What one look at a member found. */
export interface MemberState {
  readonly pod: string
  readonly ordinal: number
  readonly id: number | string | undefined
  readonly role: Role
  readonly version: string | undefined
  /** Last transaction as the member writes it, `0x100000002`. */
  readonly zxid: string | undefined
  /** Why it is not serving or could not be asked. */
  readonly trouble: string | undefined
  /** What to do about it, where the kind of ensemble has words of its own. */
  readonly advice?: string
  /** It counts by its Ready pod alone: it was not asked itself. */
  readonly unasked?: true
  /** Absent where this look did not ask for it. */
  readonly identity?: Identity
  /** How many that vote its own member list names; absent where that was not looked at. */
  readonly voters?: number
}

/** Who a member says it is; undefined is what could not be looked at. */
export interface Identity {
  /** Its own full name, as `hostname -f` gives it. */
  readonly name: string | undefined
  /** Its own line in the member list that it has, `server.1=zk-0.zk-hs:2888:3888`. */
  readonly listed: string | undefined
  /** Uid that the server's process runs as; by the pod's spec where no process could be looked at. */
  readonly user: { readonly uid: number; readonly from: 'process' | 'spec' } | undefined
  /** Mode and owner of its data directory, `drwxr-sr-x 1000:1000`. */
  readonly data: string | undefined
  /** The port for clients in its configuration. */
  readonly clientPort?: number | undefined
}

/** One named check and how it came out. */
export interface CheckResult {
  readonly name:
    | 'quorum'
    | 'identity'
    | 'data'
    | 'durability'
    | 'availability'
    | 'placement'
    | 'service'
    | 'compare-and-set'
    | 'all-copies'
    | 'ephemeral'
    | 'multi'
  readonly outcome: 'passed' | 'failed' | 'warned' | 'skipped'
  /** One line: what was proven, or what was found. */
  readonly detail: string
  readonly findings: readonly Finding[]
  readonly ms: number
}

/** The write-then-read matrix: `cells[w][r]` for member w's write read through member r. */
export interface Matrix {
  readonly members: readonly string[]
  readonly cells: readonly (readonly Cell[])[]
}

export type Cell =
  | { readonly kind: 'self' }
  | { readonly kind: 'ok'; readonly ms: number }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'not tried' }

export interface Verification {
  readonly members: readonly MemberState[]
  readonly checks: readonly CheckResult[]
  readonly matrix: Matrix | undefined
  /** `6/6`; undefined when no pair was tried. */
  readonly pairs: string | undefined
  /** Errors decide: none means verified. */
  readonly findings: readonly Finding[]
}

/**
 * A profile verifies; placement and service are checked by the caller, who has the cluster's view.
 */
export interface Profile {
  readonly name: ProfileName
  /** Members count by their pods alone: nobody can be asked whether they serve. */
  readonly onlyReady?: true
  /**
   * A look costs members so much that it may cost one its probe: while something is waited for they
   * are asked seldom.
   */
  readonly dear?: true
  /** One look at every member, at once; never throws for a member's trouble. */
  look(members: readonly Member[], context: VerifyContext): Promise<readonly MemberState[]>
  verify(
    members: readonly Member[],
    level: VerifyLevel,
    context: VerifyContext,
  ): Promise<Verification>
  /**
   * Writes a marker that a later `readMarker` must find on every member; undefined when the profile
   * keeps none.
   */
  writeMarker?(members: readonly Member[], context: VerifyContext): Promise<string>
  readMarker?(
    members: readonly Member[],
    marker: string,
    context: VerifyContext,
  ): Promise<CheckResult>
  /** Deletes a marker once it is of no more use; never rejects but for an abort. */
  removeMarker?(members: readonly Member[], marker: string, context: VerifyContext): Promise<void>
  /**
   * Ends the server process of a leader in place (same pod, same address), so that another member
   * leads before this one is replaced. Resolves once the process was
   * told to end; who leads then, `look` says. Throws EnsembleError 'failed' when it could not be
   * told. Absent where members have no leader.
   */
  stepDown?(member: Member, context: VerifyContext): Promise<void>
  /**
   * Begins to write, one write after the other, until it is stopped: measures how long no write
   * went through, and that none that was acknowledged is lost.
   * `members` is asked before each new connection. Undefined where it can't be measured (no
   * port-forward). Never throws for a member's trouble.
   */
  witness?(members: () => readonly Member[], context: VerifyContext): Promise<Witness | undefined>
  /**
   * Whether members may go for good at all, asked before anything is changed; the first reason why
   * not.
   */
  mayLeave?(leavers: readonly Leaver[], context: VerifyContext): Promise<Finding | undefined>
  /**
   * Before a member goes for good, as far as its kind needs it (Cassandra decommissions); resolves
   * when the member has streamed what it has.
   */
  leave?(leaver: Leaver, context: VerifyContext): Promise<void>
}

/** A member that goes for good, and those that stay. */
export interface Leaver {
  readonly pod: string
  readonly ordinal: number
  /** Undefined where it has no pod. */
  readonly member: Member | undefined
  readonly others: readonly Member[]
}

/** The availability writer while it runs. */
export interface Witness {
  /**
   * Before this member is taken down: continues through another one that serves, whose session is
   * opened before the old one is closed. Bounded by 3 s; rejects only for an abort.
   */
  leave(uid: string, signal: AbortSignal): Promise<void>
  /**
   * Ends the writer, reads what it wrote through every member that serves, deletes it, and says
   * what was seen. Bounded by 15 s; never rejects but for an abort.
   */
  stop(members: readonly Member[], signal: AbortSignal): Promise<WitnessReport>
}

export interface WitnessReport {
  readonly acknowledged: number
  /** Sent, but the answer never came: neither lost nor there for sure. */
  readonly unknown: number
  /** Acknowledged and not there any more; undefined when nobody could be asked at the end. */
  readonly lost: number | undefined
  /** Longest time between two acknowledged writes, unmeasured time taken off; milliseconds. */
  readonly longestGapMs: number
  /**
   * Times without writes of more than a second, in order; `from` in milliseconds since the epoch.
   */
  readonly gaps: readonly { readonly from: number; readonly ms: number }[]
  /** Time without any tunnel to any member: nothing is known of it. */
  readonly unmeasuredMs: number
  /** How long the run itself stood still meanwhile, so that nobody wrote; milliseconds. */
  readonly stillMs: number
}
