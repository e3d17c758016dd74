// Evidence in words: the one line of cause, and the log lines with what the probes leave in every
// server's log taken out.

import { clip, plainLine, plainLines } from './escape.ts'
import type { Evidence } from './run-report.ts'

/**
 * What a probe by four-letter word or by TCP leaves behind in a ZooKeeper log (3.4 to 3.9), a pair
 * of lines every few seconds.
 */
const PROBE_NOISE = [
  /Processing (?:ruok|srvr|stat|mntr|conf|isro) command/,
  /Accepted socket connection from/,
  /Closed socket connection for client .*no session established/,
  /The list of (?:known|enabled) four letter word commands is/,
  /EndOfStreamException|Unable to read additional data from client/,
  /NIOServerCnxn(?:Factory)?.*caught end of stream exception/,
]

/**
 * `pod/zk-1, container zookeeper: CrashLoopBackOff, exit code 1, 4 restarts; last event: BackOff
 * (12×): Back-off restarting failed container`.
 */
export function causeLine(evidence: Evidence): string {
  const where =
    evidence.container === undefined
      ? evidence.object
      : `${evidence.object}, container ${evidence.container}`
  const facts = [
    evidence.reason,
    evidence.exitCode === undefined ? '' : `exit code ${evidence.exitCode}`,
    evidence.restarts === undefined || evidence.restarts === 0
      ? ''
      : `${evidence.restarts} ${evidence.restarts === 1 ? 'restart' : 'restarts'}`,
  ].filter((fact) => fact !== '')
  const last = tellingEvent(evidence)
  const event =
    last === undefined
      ? ''
      : `; last ${last.warning ? 'warning' : 'event'}: ${last.reason}${last.count > 1 ? ` (${last.count}×)` : ''}: ${plainLine(last.message, 300)}`
  return plainLine(`${where}: ${facts.join(', ')}${event}`)
}

/** Says only that it is tried again, or the reason once more. */
const NO_NEWS = /^(?:Back-off |Error: \w+$)/

/** Whether the line tells more than the cause, in a sentence, and the code have told. */
export function tellsMore(evidence: Evidence, cause: string, code: string): boolean {
  const { exitCode, restarts, reason } = evidence
  if (cause.includes(causeLine(evidence))) return false
  if (exitCode !== undefined || (restarts ?? 0) > 0) return true
  if (!cause.includes(reason) && reason.toLowerCase() !== code.toLowerCase()) return true
  const event = plainLine(tellingEvent(evidence)?.message ?? '')
  const [first = ''] = event.split('. ')
  return !NO_NEWS.test(event) && !cause.includes(first)
}

export interface QuietLog {
  readonly lines: readonly string[]
  /** Lines left out because a probe wrote them. */
  readonly noise: number
}

/** The lines without probe noise, each as one plain line of at most `width` characters. */
export function withoutNoise(lines: readonly string[], width = 500): QuietLog {
  const plain = lines.flatMap((line) => plainLines(line)).filter((line) => line.trim() !== '')
  const kept = plain.filter((line) => !PROBE_NOISE.some((pattern) => pattern.test(line)))
  return { lines: kept.map((line) => clip(line, width)), noise: plain.length - kept.length }
}

/** `Last 12 log lines of zookeeper before its restart (40 lines of probes left out)`. */
export function logTitle(log: Evidence['logs'][number], quiet: QuietLog): string {
  const count = quiet.lines.length === 1 ? 'Last log line' : `Last ${quiet.lines.length} log lines`
  const container = plainLine(log.container, 100)
  const life = log.previous ? `${container} before its restart` : container
  return quiet.noise === 0
    ? `${count} of ${life}`
    : `${count} of ${life} (${quiet.noise} ${quiet.noise === 1 ? 'line' : 'lines'} of probes left out)`
}

/** The last warning: that an image was pulled is no news of a container that keeps ending. */
function tellingEvent({ events }: Evidence): Evidence['events'][number] | undefined {
  const warnings = events.filter(({ warning }) => warning)
  return (warnings.length > 0 ? warnings : events).toSorted((a, b) => a.last - b.last).at(-1)
}
