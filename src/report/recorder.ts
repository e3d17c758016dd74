// The only writer of the record of a run: a verb for each thing that happens, which keeps rows,
// timeline, notes and the log in step. Everybody else reads.

import { faultOf, type MemberStanding } from '../decide/members/members.ts'
import type { Finding } from '../errors.ts'
import type { CheckResult, MemberState, Verification } from '../ensemble/profile.ts'
import type { EnsembleView } from '../view/surroundings.ts'
import { beginPhase, endPhase } from './node-phases.ts'
import {
  newReport,
  type MemberEvent,
  type MemberRow,
  type NodePhase,
  type RunReport,
} from './run-report.ts'

/** As everybody but its writer sees it. */
export type Seen<T> = T extends readonly (infer Item)[]
  ? readonly Seen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Seen<T[Key]> }
    : T

type Row<
  Key extends 'changes' | 'diffs' | 'evidence' | 'namespaces' | 'nodes' | 'timeline' | 'unfit',
> = RunReport[Key][number]

/** One node of a drain or an uncordon, as it stands in the report. */
export type SeenNode = Seen<Row<'nodes'>>

/** What a run is about, and what it found. */
type Facts = Pick<
  RunReport,
  | 'acknowledgedWritesLost'
  | 'connectionString'
  | 'context'
  | 'helpUrl'
  | 'impact'
  | 'longestWriteGapMs'
  | 'name'
  | 'namespace'
  | 'previousRevision'
  | 'profile'
  | 'replicas'
  | 'revision'
  | 'runUrl'
  | 'undoTo'
  | 'waysOn'
> &
  Seen<Pick<RunReport, 'meaning' | 'requests' | 'revisions'>>

/** Something that was done to the cluster. */
export interface Deed {
  /** The row of what it was done to. */
  readonly row?: Row<'changes'>
  /** For the timeline. */
  readonly what?: string
  readonly member?: string
  readonly node?: string
  /** What it means for the member. */
  readonly event?: MemberEvent
  /** For the log. */
  readonly line?: string
}

export interface RecorderPlace {
  readonly now: () => number
  /** A line of the log. */
  readonly say: (line: string) => void
}

export class Recorder implements Seen<Omit<RunReport, 'phases' | 'message'>> {
  readonly #report: RunReport
  readonly #place: RecorderPlace

  constructor(operation: string, place: RecorderPlace, report?: RunReport) {
    this.#report = report ?? newReport(operation, place.now())
    this.#place = place
  }

  /** For who renders it once the run is over. */
  get shown(): RunReport {
    return this.#report
  }

  get operation(): string {
    return this.#report.operation
  }
  get result(): RunReport['result'] {
    return this.#report.result
  }
  get code(): RunReport['code'] {
    return this.#report.code
  }
  get changed(): boolean {
    return this.#report.changed
  }
  get name(): string {
    return this.#report.name
  }
  get namespace(): string {
    return this.#report.namespace
  }
  get context(): string {
    return this.#report.context
  }
  get profile(): string {
    return this.#report.profile
  }
  get version(): string {
    return this.#report.version
  }
  get connectionString(): string {
    return this.#report.connectionString
  }
  get revision(): string {
    return this.#report.revision
  }
  get previousRevision(): string {
    return this.#report.previousRevision
  }
  get replicas(): number | undefined {
    return this.#report.replicas
  }
  get readyReplicas(): number | undefined {
    return this.#report.readyReplicas
  }
  get leader(): string {
    return this.#report.leader
  }
  get members(): Seen<RunReport['members']> {
    return this.#report.members
  }
  get others(): Seen<RunReport['others']> {
    return this.#report.others
  }
  get changes(): Seen<RunReport['changes']> {
    return this.#report.changes
  }
  get impact(): RunReport['impact'] {
    return this.#report.impact
  }
  get meaning(): readonly string[] {
    return this.#report.meaning
  }
  get diffs(): Seen<RunReport['diffs']> {
    return this.#report.diffs
  }
  get checks(): Seen<RunReport['checks']> {
    return this.#report.checks
  }
  get matrix(): Seen<RunReport['matrix']> {
    return this.#report.matrix
  }
  get pairs(): string {
    return this.#report.pairs
  }
  get timeline(): Seen<RunReport['timeline']> {
    return this.#report.timeline
  }
  get evidence(): readonly Row<'evidence'>[] {
    return this.#report.evidence
  }
  get memberLogs(): RunReport['memberLogs'] {
    return this.#report.memberLogs
  }
  get findings(): Seen<RunReport['findings']> {
    return this.#report.findings
  }
  get notes(): readonly string[] {
    return this.#report.notes
  }
  get byHand(): readonly string[] {
    return this.#report.byHand
  }
  get verifyLevel(): string {
    return this.#report.verifyLevel
  }
  get doing(): string {
    return this.#report.doing
  }
  get standing(): string {
    return this.#report.standing
  }
  get standingFirst(): string {
    return this.#report.standingFirst
  }
  get longestWriteGapMs(): number | undefined {
    return this.#report.longestWriteGapMs
  }
  get acknowledgedWritesLost(): number | undefined {
    return this.#report.acknowledgedWritesLost
  }
  get drainedNodes(): readonly string[] {
    return this.#report.drainedNodes
  }
  get remainingNodes(): readonly string[] {
    return this.#report.remainingNodes
  }
  get nodes(): readonly SeenNode[] {
    return this.#report.nodes
  }
  get unfit(): Seen<RunReport['unfit']> {
    return this.#report.unfit
  }
  get namespaces(): Seen<RunReport['namespaces']> {
    return this.#report.namespaces
  }
  get revisions(): Seen<RunReport['revisions']> {
    return this.#report.revisions
  }
  get requests(): Seen<RunReport['requests']> {
    return this.#report.requests
  }
  get started(): number {
    return this.#report.started
  }
  get ended(): number {
    return this.#report.ended
  }
  get runUrl(): string {
    return this.#report.runUrl
  }
  get helpUrl(): string {
    return this.#report.helpUrl
  }
  get undoTo(): RunReport['undoTo'] {
    return this.#report.undoTo
  }
  get waysOn(): readonly string[] {
    return this.#report.waysOn
  }
  get writeGaps(): Seen<RunReport['writeGaps']> {
    return this.#report.writeGaps
  }

  /** What the run is about, and what it found, as soon as it is known. */
  about({ meaning, requests, revisions, ...facts }: Partial<Facts>): void {
    Object.assign(this.#report, facts)
    if (meaning !== undefined) this.#report.meaning = [...meaning]
    if (requests !== undefined) this.#report.requests = { ...requests }
    if (revisions !== undefined) this.#report.revisions = [...revisions]
  }

  /** A phase of this title begins. */
  begins(title: string): void {
    this.#report.doing = title
  }

  /** How the ensemble is left if the run ends now; `first` can be told alone. */
  stands(first: string, more?: string): void {
    this.#report.standing = more === undefined ? first : `${first}; ${more}`
    this.#report.standingFirst = first
  }

  /** How the run comes out, if nothing comes between. */
  ends(result: RunReport['result']): void {
    this.#report.result = result
  }

  note(...lines: readonly string[]): void {
    this.#report.notes.push(...lines)
  }

  noteOnce(line: string): void {
    if (!this.#report.notes.includes(line)) this.note(line)
  }

  /** Notes that were made from the n-th on are said elsewhere. */
  forgetNotes(from: number): void {
    this.#report.notes.splice(from)
  }

  /** kubectl commands that finish or undo by hand what was begun. */
  offer(...commands: readonly string[]): void {
    this.#report.byHand.push(...commands)
  }

  found(...findings: readonly Finding[]): void {
    this.#report.findings.push(...findings)
  }

  /** The run is over; `message` is its one line. */
  closes(message: (report: RunReport) => string): void {
    this.#report.ended = this.#place.now()
    this.#report.message = message(this.#report)
  }

  /** What the verdict is about, before what was found on the way. */
  failed(result: RunReport['result'], code: RunReport['code'], findings: readonly Finding[]): void {
    this.#report.result = result
    this.#report.code = code
    this.#report.findings.unshift(...findings)
  }

  prove(...evidence: readonly Row<'evidence'>[]): void {
    this.#report.evidence.push(...evidence)
  }

  /** The last log lines of the members, of which the latest are kept. */
  readLogs(logs: RunReport['memberLogs']): void {
    this.#report.memberLogs = logs
  }

  /** `at`: now, where it is left out. */
  happened({ at, ...entry }: Omit<Row<'timeline'>, 'at'> & { readonly at?: number }): void {
    this.#report.timeline.push({ at: at ?? this.#place.now(), ...entry })
  }

  /** A member stands in another way than before. */
  stood(member: MemberStanding, at: number): void {
    this.happened({ at, what: member.text, member: member.pod, event: eventOf(member) })
  }

  /** From here on the run has changed something. */
  did({ row, what, line, ...where }: Deed = {}): void {
    this.#report.changed = true
    if (what !== undefined) this.happened({ what, ...where })
    if (row !== undefined) this.#report.changes.push(row)
    if (line !== undefined) this.#place.say(line)
  }

  /** What `work` changes is another run's change, and none of this one. */
  async asAnothers<Result>(work: () => Promise<Result>): Promise<Result> {
    const { changed } = this.#report
    const result = await work()
    this.#report.changed = changed
    return result
  }

  /** Rows of objects that were not changed, or would be. */
  row(...rows: readonly Row<'changes'>[]): void {
    this.#report.changes.push(...rows)
  }

  /** As `did`, where the object may have a row already: that one gets the note as well. */
  didAgain({ row, ...deed }: Deed & { readonly row: Row<'changes'> }): void {
    const known = this.#report.changes.find(({ object }) => object === row.object)
    this.did(known === undefined ? { row, ...deed } : deed)
    if (known === undefined || row.note === undefined) return
    known.note = known.note === undefined ? row.note : `${known.note}; ${row.note}`
  }

  differs(row: Row<'diffs'>): void {
    this.#report.diffs.push(row)
  }

  /** The members as the cluster shows them; what they said of themselves before stays. */
  sawMembers({ set, pods }: EnsembleView): void {
    if (set === undefined) return
    const report = this.#report
    report.replicas = set.replicas
    report.readyReplicas = pods.filter(
      (pod) => pod.ready && pod.deleting === undefined && pod.owner?.uid === set.uid,
    ).length
    if (set.status.updateRevision !== '') report.revision = set.status.updateRevision
    report.members = pods
      .filter((pod) => pod.owner?.uid === set.uid && pod.ordinal !== undefined)
      .toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0))
      .map((pod): MemberRow => {
        const known = report.members.find((row) => row.pod === pod.name)
        const said = known?.uid === pod.uid ? known : undefined
        return {
          pod: pod.name,
          ordinal: pod.ordinal ?? 0,
          uid: pod.uid,
          id: known?.id,
          role: said?.role,
          version: known?.version,
          zxid: known?.zxid,
          trouble: said?.trouble,
          askedAt: said?.askedAt,
          identity: said?.identity,
          voters: said?.voters,
          fault: faultOf(pod),
          alive:
            pod.deleting === undefined &&
            pod.containers.some((container) => container.state.kind === 'running'),
          node: pod.node,
          claim: pod.claims[0],
          revision: pod.revision,
          restarts: pod.containers.reduce((sum, container) => sum + container.restarts, 0),
          ready: pod.ready && pod.deleting === undefined,
          readySince: pod.ready ? pod.readySince : undefined,
        }
      })
  }

  /** The members as they say of themselves. */
  heardMembers(states: readonly MemberState[]): void {
    const report = this.#report
    for (const state of states) {
      const row = report.members.find((candidate) => candidate.pod === state.pod)
      if (row === undefined) continue
      row.id = state.id ?? row.id
      row.role = state.role
      row.version = state.version ?? row.version
      row.zxid = state.zxid ?? row.zxid
      row.trouble = state.trouble
      row.identity = state.identity ?? row.identity
      row.voters = state.voters ?? row.voters
      row.askedAt = state.unasked === true ? undefined : this.#place.now()
    }
    report.leader =
      states.find(
        (state) => state.role === 'leader' || (states.length === 1 && state.role === 'standalone'),
      )?.pod ?? ''
    report.version = states.find((state) => state.version !== undefined)?.version ?? report.version
  }

  /** Times without a write that the writer measured. */
  couldNotWrite(...gaps: Seen<RunReport['writeGaps']>): void {
    this.#report.writeGaps.push(...gaps.map((gap) => ({ ...gap })))
  }

  /** All checks of a verification, and what the members said of themselves meanwhile. */
  checked(
    level: string,
    checks: readonly CheckResult[],
    { members, matrix, pairs }: Pick<Verification, 'members' | 'matrix' | 'pairs'>,
  ): void {
    this.heardMembers(members)
    this.#report.checks = [...checks]
    this.#report.matrix = matrix
    this.#report.pairs = pairs ?? ''
    this.#report.verifyLevel = level
  }

  /** A check that was made once more: what it said the first time no longer holds. */
  checkedAgain(check: CheckResult): void {
    const before = this.#report.checks.find(({ name }) => name === check.name)
    this.#report.checks = this.#report.checks.map((one) => (one === before ? check : one))
    this.#report.findings = this.#report.findings.filter(
      (finding) => before?.findings.includes(finding) !== true,
    )
    this.found(...check.findings.filter(({ severity }) => severity === 'warning'))
  }

  /** One look at the members, which is no verification. */
  looked(check: CheckResult): void {
    this.#report.checks = [check]
  }

  /** A namespace of a sweep. */
  namespaceRow(row: Row<'namespaces'>): void {
    this.#report.namespaces.push(row)
  }

  namespaceIs(
    namespace: string,
    change: Partial<Pick<Row<'namespaces'>, 'verdict' | 'note'>>,
  ): void {
    const row = this.#report.namespaces.find((one) => one.namespace === namespace)
    if (row !== undefined) Object.assign(row, change)
  }

  /** The nodes that are meant, in the order in which they are told. */
  listNodes(rows: readonly SeenNode[]): void {
    const before = [...this.#report.nodes]
    const listed = rows.map(
      (row) =>
        before.find((one) => one === row) ?? {
          ...row,
          members: [...row.members],
          phases: row.phases.map((phase) => ({ ...phase })),
          pods: row.pods.map((pod) => ({ ...pod })),
        },
    )
    this.#report.nodes.splice(0, before.length, ...listed)
  }

  nodeIs(
    { node }: Pick<SeenNode, 'node'>,
    {
      members,
      ...change
    }: Partial<
      Pick<Row<'nodes'>, 'outcome' | 'placement' | 'cordon' | 'note'> & {
        readonly members: readonly string[]
      }
    >,
  ): void {
    const row = this.#report.nodes.find((one) => one.node === node)
    if (row === undefined) return
    Object.assign(row, change)
    if (members !== undefined) row.members = [...members]
  }

  /** A pod that was on a node, and what became of it. */
  podOf({ node }: Pick<SeenNode, 'node'>, pod: Row<'nodes'>['pods'][number]): void {
    this.#report.nodes.find((one) => one.node === node)?.pods.push(pod)
  }

  /** Of a pod that was on a node: where it serves now. */
  podServes({ node }: Pick<SeenNode, 'node'>, pod: string, note: string): void {
    const row = this.#report.nodes.find((one) => one.node === node)
    const known = row?.pods.find((one) => one.pod === pod)
    if (known !== undefined) known.note = note
  }

  /** Pods of a node that have no other place, the ensemble's own members first. */
  unfitOn(node: string, rows: readonly Row<'unfit'>[]): void {
    this.#report.unfit = [
      ...this.#report.unfit.filter((one) => one.node !== node),
      ...rows,
    ].toSorted((a, b) => Number(b.member) - Number(a.member))
  }

  /** A phase of a node: ended at once, or while it continues (`endPhaseOf`). */
  phaseOf(
    { node }: Pick<SeenNode, 'node'>,
    phase: NodePhase,
    { at = this.#place.now(), ms }: { readonly at?: number; readonly ms?: number } = {},
  ): void {
    const row = this.#report.nodes.find((one) => one.node === node)
    if (row === undefined) return
    beginPhase(row, phase, at)
    if (ms !== undefined) endPhase(row, at + ms)
  }

  /** Ends the phase that was begun last and still runs. */
  endPhaseOf({ node }: Pick<SeenNode, 'node'>): void {
    const row = this.#report.nodes.find((one) => one.node === node)
    if (row !== undefined) endPhase(row, this.#place.now())
  }

  /** Which nodes are drained, and which are still to be. */
  nodesLeft(remaining: readonly string[], drained?: readonly string[]): void {
    this.#report.remainingNodes = [...remaining]
    if (drained !== undefined) this.#report.drainedNodes = [...drained]
  }

  /** It is done with, and no longer to be drained. */
  nodeDone(node: string): void {
    this.#report.drainedNodes.push(node)
    this.nodesLeft(this.#report.remainingNodes.filter((name) => name !== node))
  }

  /**
   * For what is done for another ensemble meanwhile: it is told under that one's name. What it
   * notes, proves and does to nodes stands in this report; its members do not.
   */
  aside(name: string): Recorder {
    const report = newReport(this.#report.operation, this.#report.started)
    const { notes, evidence, nodes, others } = this.#report
    const { now, say } = this.#place
    return new Recorder(
      report.operation,
      { now, say: (line) => say(`${name}: ${line}`) },
      { ...report, notes, evidence, nodes, others },
    )
  }

  /** Of another ensemble, `namespace/name`: whether all its members were seen to serve last. */
  otherStands(name: string, serves: boolean): void {
    const known = this.#report.others.find((one) => one.name === name)
    if (known === undefined) this.#report.others.push({ name, serves })
    else known.serves = serves
  }

  /** What was done aside is over: whether it changed something, and its times, are this run's. */
  rejoin({ changed, timeline }: Recorder, nameOf: (member: string) => string): void {
    if (changed) this.did()
    this.#report.timeline.push(
      ...timeline.map((entry) =>
        entry.member === undefined ? entry : { ...entry, member: nameOf(entry.member) },
      ),
    )
    this.#report.timeline.sort((a, b) => a.at - b.at)
  }
}

function eventOf({ state, node, fault }: MemberStanding): MemberEvent {
  switch (state) {
    case 'available':
    case 'old-revision':
    case 'ready-not-yet-available':
      return { kind: 'ready', node }
    case 'pending':
      return { kind: 'pending' }
    case 'failed':
    case 'creating':
    case 'running-not-ready':
      return fault === undefined ? { kind: 'away' } : { kind: 'fault', reason: fault }
    case 'missing':
    case 'terminating':
    case 'extra':
      return { kind: 'away' }
  }
}
