// The one line for a chat: what happened to which ensemble, in words of ours alone. It travels
// further than the log, so nothing raw gets into it.

import { formatSpan } from '../clock.ts'
import type { Code } from '../errors.ts'
import { decidingFinding, placeOf } from './cause.ts'
import { plainLine } from './escape.ts'
import { failedNode, nodesDone, remaining } from './node-words.ts'
import type { RunReport } from './run-report.ts'
import { dataLine } from './verdict.ts'

/** At most this many characters: what chats show without folding. */
const LIMIT = 300

const MEANING: Record<Code, string> = {
  INPUT_INVALID: 'an input is wrong',
  MANIFEST_INVALID: 'a manifest cannot be used',
  LINT_FAILED: 'a manifest would not make a safe ensemble',
  CLUSTER_UNREACHABLE: 'the cluster does not answer',
  ACCESS_DENIED: 'a permission is missing',
  LOCKED: 'another run is at work on this ensemble',
  NOT_FOUND: 'the ensemble was not found',
  PROTECTED: 'it would delete what nobody asked to delete',
  IMMUTABLE_FIELD: 'a field would change that must not',
  MEMBERSHIP_CHANGE: 'the number of members would change',
  CONFLICT: 'another field manager owns a field',
  DATA_LOST: 'data that was acknowledged is gone',
  UNDO_FAILED: 'taking it back did not work',
  IMAGE_PULL: 'an image cannot be pulled',
  CONFIG_ERROR: 'a container refers to configuration that is not there',
  CREATE_REJECTED: 'the cluster refuses to create a pod',
  CLAIM_PENDING: 'a claim gets no volume, or is losing it',
  CRASH_LOOP: 'a container keeps ending',
  UNSCHEDULABLE: 'a pod fits on no node',
  IDENTITY_MISMATCH: 'the members disagree about who they are',
  QUORUM_LOST: 'there is no quorum',
  CHECK_FAILED: 'a check of the running ensemble failed',
  CHECK_IMPOSSIBLE: 'a check could not be made',
  NOT_READY: 'a member does not get ready',
  DRAIN_REFUSED: 'the drain would not be safe',
  DRAIN_BLOCKED: 'a budget holds the drain up',
  MAINTENANCE_FAILED: 'the maintenance command failed',
  CANCELLED: 'it was cancelled',
  TIMEOUT: 'the time ran out',
  INTERNAL: 'a fault in the action itself',
}

export function meaningOf(code: Code): string {
  return MEANING[code]
}

/** What a raw API answer looks like when somebody let it through. */
const RAW =
  /HTTP-Code|"kind"\s*:|ApiException|Unknown API Status Code|\bat .+:\d+:\d+\)|headers\s*:/i

/** One line, at most 300 characters, the same for the same report. */
export function messageFor(report: RunReport): string {
  const what = subject(report)
  switch (report.result) {
    case 'succeeded':
      if (report.nodes.length > 0)
        return line(
          `${what}: ${nodesDone(report)} in ${formatSpan(report.ended - report.started)}${[
            ...stateFacts(report),
            dataLine(report),
          ]
            .filter((fact) => fact !== '')
            .map((fact) => `; ${fact}`)
            .join('')}`,
        )
      return line(
        `${what} succeeded${state(report)}, in ${formatSpan(report.ended - report.started)}`,
      )
    case 'unchanged':
      return line(`${what}: nothing to change${state(report)}`)
    case 'planned':
      return line(
        report.operation === 'drain'
          ? `${what}: planned, ${report.standing}`
          : `${what}: planned, nothing was changed${plan(report)}`,
      )
    case 'refused':
      return line(`${what} refused before anything was changed: ${reason(report)}`)
    case 'failed':
      return line(
        `${what} failed: ${atNode(report)}${reason(report)}${report.nodes.length === 0 ? '' : `; ${nodesDone(report)}${remaining(report)}${cordons(report)}`}`,
      )
    case 'undone':
      return line(
        `${what} failed and was taken back${report.replicas === undefined ? '' : ` (${report.readyReplicas ?? 0} of ${report.replicas} members ready)`}: ${reason(report)}`,
      )
    case 'cancelled':
      return line(
        `${what} was cancelled${report.changed ? ` after something had been changed${report.standing === '' ? '' : `: ${report.standing}`}` : ' before anything was changed'}${remaining(report)}`,
      )
  }
}

function subject(report: RunReport): string {
  const operation = report.operation === '' ? 'run' : report.operation
  if (report.name === '') return operation
  return report.namespace === ''
    ? `${operation} of ${report.name}`
    : `${operation} of ${report.name} in ${report.namespace}`
}

function state(report: RunReport): string {
  const facts = stateFacts(report)
  return facts.length === 0 ? '' : `: ${facts.join(', ')}`
}

function stateFacts(report: RunReport): string[] {
  return [
    report.replicas === undefined
      ? ''
      : `${report.readyReplicas ?? 0} of ${report.replicas} members ready`,
    report.operation === 'undo' && report.revision !== ''
      ? `back at revision ${report.revision}`
      : '',
    report.leader === '' ? '' : `leader ${report.leader}`,
    report.pairs === '' ? '' : `${report.pairs} pairs read back`,
  ].filter((fact) => fact !== '')
}

function atNode(report: RunReport): string {
  const node = failedNode(report)
  return node === '' || reason(report).includes(node) ? '' : `at ${node}: `
}

/**
 * Whether our cordons were given back: the first thing that the standing says of a drain that
 * failed.
 */
function cordons({ operation, standing }: RunReport): string {
  const [first = ''] = standing.split(';')
  return operation !== 'drain' || first === '' ? '' : `; ${first}`
}

function plan(report: RunReport): string {
  const [first] = report.meaning
  if (first !== undefined) return `: ${first.replace(/\.$/, '')}`
  const count = report.changes.filter((row) => row.change !== 'unchanged').length
  return `; ${count} ${count === 1 ? 'object' : 'objects'} would change`
}

function reason(report: RunReport): string {
  if (report.code === '') return 'see the log'
  const finding = decidingFinding(report)
  // What remains must not be cut off behind it.
  const own =
    finding === undefined
      ? ''
      : plainLine(
          finding.message,
          report.result === 'failed' && report.nodes.length > 0 ? 120 : 200,
        )
  const told =
    own === '' || report.code === 'INTERNAL' || RAW.test(own) ? meaningOf(report.code) : own
  const where = [placeOf(finding), finding?.object ?? ''].find(
    (part) => part !== '' && !told.includes(part.split('/').at(-1) ?? part),
  )
  return `${where === undefined ? '' : `${where}: `}${told} (${report.code})`
}

function line(text: string): string {
  return plainLine(text, LIMIT)
}
