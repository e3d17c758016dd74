// The whole report as JSON for programs: all that the other renderings shorten, with ISO times, and
// null where a thing isn't known.

import type { Finding } from '../errors.ts'
import type { CheckResult } from '../ensemble/profile.ts'
import { plainLines } from './escape.ts'
import { helpUrl } from './help.ts'
import { nextLines } from './next.ts'
import { secondsByPhase } from './node-phases.ts'
import { clientsOf, nowLine } from './now.ts'
import type { JsonReport } from './report-schema.ts'
import type {
  ChangeRow,
  DiffRow,
  Evidence,
  MemberRow,
  NodeRow,
  RevisionRow,
  RunReport,
  TimelineEntry,
  UnfitRow,
} from './run-report.ts'

/** One row of a list of the report. */
type Json<Key extends ListKey> = JsonReport[Key][number]

type ListKey =
  | 'changes'
  | 'checks'
  | 'diffs'
  | 'evidence'
  | 'findings'
  | 'members'
  | 'nodes'
  | 'revisions'
  | 'timeline'
  | 'unfit'

/**
 * The JSON text of the report file, with a final newline. Valid against docs/report.schema.json.
 */
export function jsonReportText(report: RunReport): string {
  return `${JSON.stringify(toJsonReport(report), null, 2)}\n`
}

export function toJsonReport(report: RunReport): JsonReport {
  return {
    schemaVersion: 1,
    operation: report.operation,
    result: report.result,
    code: report.code === '' ? null : report.code,
    message: report.message,
    now: nowLine(report),
    clients: clientsJson(report),
    advice: report.code === '' ? null : nextLines(report).join('\n'),
    help: helpUrl(report) === '' ? null : helpUrl(report),
    changed: report.changed,
    doing: report.doing,
    standing: report.standing,
    name: report.name,
    namespace: report.namespace,
    context: report.context,
    profile: report.profile,
    version: report.version,
    connectionString: report.connectionString,
    revision: report.revision,
    previousRevision: report.previousRevision,
    replicas: report.replicas ?? null,
    readyReplicas: report.readyReplicas ?? null,
    leader: report.leader,
    verifyLevel: report.verifyLevel,
    pairs: report.pairs,
    members: report.members.map(memberJson),
    changes: report.changes.map(changeJson),
    impact: report.impact === '' ? null : report.impact,
    meaning: [...report.meaning],
    diffs: report.diffs.map(diffJson),
    checks: report.checks.map(checkJson),
    matrix: matrixJson(report.matrix),
    phases: report.phases.map((row) => ({ title: row.title, ms: row.ms, outcome: row.outcome })),
    timeline: report.timeline.map(timelineJson),
    evidence: report.evidence.map(evidenceJson),
    memberLogs: report.memberLogs.map((log) => ({ ...log, lines: [...log.lines] })),
    findings: report.findings.map(findingJson),
    notes: [...report.notes],
    byHand: [...report.byHand],
    drainedNodes: [...report.drainedNodes],
    remainingNodes: [...report.remainingNodes],
    nodes: report.nodes.map(nodeJson),
    unfit: report.unfit.map(unfitJson),
    namespaces: report.namespaces.map((row) => ({ ...row })),
    revisions: report.revisions.map(revisionJson),
    longestWriteGapMs: report.longestWriteGapMs ?? null,
    acknowledgedWritesLost: report.acknowledgedWritesLost ?? null,
    writeGaps: report.writeGaps.map(({ from, ms }) => ({ from: iso(from), ms })),
    others: report.others.map((one) => ({ ...one })),
    undoTo: undoToJson(report.undoTo),
    requests: { ...report.requests },
    started: iso(report.started),
    ended: iso(report.ended),
    runUrl: report.runUrl,
    helpUrl: report.helpUrl,
  }
}

/** A member in what the report and the outputs have in common. */
export function memberFacts(row: MemberRow) {
  return {
    pod: row.pod,
    ordinal: row.ordinal,
    id: row.id ?? null,
    role: row.role ?? null,
    node: row.node ?? null,
    claim: row.claim ?? null,
    version: row.version ?? null,
    zxid: row.zxid ?? null,
  }
}

function memberJson(row: MemberRow): Json<'members'> {
  return {
    ...memberFacts(row),
    revision: row.revision ?? null,
    restarts: row.restarts,
    ready: row.ready,
    readySince: row.readySince === undefined ? null : iso(row.readySince),
    trouble: row.fault ?? row.trouble ?? null,
    identity: identityJson(row.identity),
  }
}

function identityJson(identity: MemberRow['identity']): Json<'members'>['identity'] {
  return identity === undefined
    ? null
    : {
        name: identity.name ?? null,
        listed: identity.listed ?? null,
        user: identity.user === undefined ? null : { ...identity.user },
        data: identity.data ?? null,
      }
}

function changeJson({ object, change, note }: ChangeRow): Json<'changes'> {
  return { object, change, note: note ?? null }
}

function diffJson({ object, change, lines, lost }: DiffRow): Json<'diffs'> {
  return { object, change, lines: lines.flatMap((line) => plainLines(line)), lost: [...lost] }
}

function matrixJson(matrix: RunReport['matrix']): JsonReport['matrix'] {
  return matrix === undefined
    ? null
    : {
        members: [...matrix.members],
        cells: matrix.cells.map((row) => row.map((one) => ({ ...one }))),
      }
}

function timelineJson({ at, what, member, node, event }: TimelineEntry): Json<'timeline'> {
  return {
    at: iso(at),
    what,
    member: member ?? null,
    node: node ?? null,
    event: event?.kind ?? null,
  }
}

function evidenceJson(one: Evidence): Json<'evidence'> {
  return {
    object: one.object,
    container: one.container ?? null,
    reason: one.reason,
    message: one.message,
    exitCode: one.exitCode ?? null,
    restarts: one.restarts ?? null,
    events: one.events.map(({ reason, message, count, last }) => ({
      reason,
      message,
      count,
      last: iso(last),
    })),
    logs: one.logs.map(({ container, previous, lines }) => ({
      container,
      previous,
      lines: lines.flatMap((line) => plainLines(line)),
    })),
  }
}

function nodeJson(row: NodeRow): Json<'nodes'> {
  return {
    node: row.node,
    outcome: row.outcome,
    placement: row.placement === '' ? null : row.placement,
    members: [...row.members],
    cordon: row.cordon,
    phases: row.phases.map(({ phase, at, ms }) => ({ phase, at: iso(at), ms: ms ?? null })),
    seconds: { ...secondsByPhase(row) },
    pods: row.pods.map(({ pod, outcome, note }) => ({ pod, outcome, note })),
    note: row.note,
  }
}

function unfitJson(row: UnfitRow): Json<'unfit'> {
  return { ...row, reasons: row.reasons.map((one) => ({ ...one, names: [...one.names] })) }
}

function revisionJson(row: RevisionRow): Json<'revisions'> {
  return {
    revision: row.revision ?? null,
    name: row.name,
    image: row.image,
    changeCause: row.changeCause,
    created: row.created === undefined ? null : iso(row.created),
    current: row.current,
    members: row.members,
    verified: row.verified ?? null,
  }
}

function undoToJson(undoTo: RunReport['undoTo']): JsonReport['undoTo'] {
  return undoTo === undefined ? null : { revision: undoTo.revision ?? null, name: undoTo.name }
}

function clientsJson(report: RunReport): JsonReport['clients'] {
  const clients = clientsOf(report)
  return clients === undefined
    ? null
    : {
        read: clients.read ?? null,
        write: clients.write ?? null,
        serving: clients.serving,
        members: clients.members,
        needed: clients.needed ?? null,
        mayGo: clients.mayGo ?? null,
        unasked: [...clients.unasked],
        asked: clients.askedAt === undefined ? null : iso(clients.askedAt),
      }
}

function checkJson(check: CheckResult): Json<'checks'> {
  return {
    name: check.name,
    outcome: check.outcome,
    detail: check.detail,
    ms: check.ms,
    findings: check.findings.map(findingJson),
  }
}

function findingJson(finding: Finding): Json<'findings'> {
  const { place } = finding
  return {
    code: finding.code,
    severity: finding.severity,
    message: finding.message,
    fix: finding.fix ?? null,
    place:
      place === undefined
        ? null
        : { file: place.file, line: place.line ?? null, column: place.column ?? null },
    input: finding.input ?? null,
    object: finding.object ?? null,
    ordinal: finding.ordinal ?? null,
  }
}

/**
 * A time that isn't one (NaN from a cluster's odd clock) must not end the report: it becomes the
 * epoch.
 */
function iso(ms: number): string {
  return new Date(Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? ms : 0).toISOString()
}
