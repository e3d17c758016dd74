// Which finding and which evidence stand for the whole run: the verdict's line everywhere is made
// from these two.

import { codeRow } from '../codes.ts'
import { decide } from '../errors.ts'
import type { Finding } from '../errors.ts'
import { causeLine, tellsMore } from './evidence.ts'
import { plainLine, plainLines, someOf } from './escape.ts'
import type { Evidence, RunReport } from './run-report.ts'

/** Objects in one line. */
const NAMED = 10

/** The error that names the run's code; undefined after a success. */
export function decidingFinding(report: RunReport): Finding | undefined {
  const own = report.findings.filter(
    (finding) => finding.severity === 'error' && finding.code === report.code,
  )
  const [first, ...rest] = own
  return first === undefined ? undefined : decide([first, ...rest])
}

/**
 * The evidence of the deciding finding's object, else the first that was gathered; what one pod has
 * died of proves nothing of another.
 */
export function decidingEvidence(report: RunReport): Evidence | undefined {
  const object = decidingFinding(report)?.object
  const [first] = report.evidence
  return (
    report.evidence.find((one) => one.object === object) ??
    (object?.startsWith('pod/') === true && first?.object.startsWith('pod/') === true
      ? undefined
      : first)
  )
}

/** `examples/zk.yaml:12`, or nothing. */
export function placeOf(finding: Finding | undefined): string {
  if (finding?.place === undefined) return ''
  const { file, line } = finding.place
  return line === undefined ? file : `${file}:${line}`
}

/**
 * What was wrong, in one line, with the object or the place: for the log, the annotation and the
 * summary.
 */
export function causeOf(report: RunReport): string {
  const finding = decidingFinding(report)
  if (finding === undefined) return plainLine(report.message)
  const lead = [placeOf(finding), namesItself(finding) ? '' : (finding.object ?? '')].filter(
    (part) => part !== '',
  )
  return plainLine([...lead, finding.message].join(': '))
}

/**
 * What to do about it, in lines: the finding's own words, or else what holds for its code; never
 * both, for the general may contradict the particular.
 */
export function fixOf(report: RunReport): readonly string[] {
  if (report.code === '') return []
  const own = ownFix(report)
  return own.length > 0 ? own : [codeRow(report.code).advice]
}

/** The fix says already that the same is to be run again. */
export function saysAgain(report: RunReport): boolean {
  return report.code !== '' && codeRow(report.code).again === true && ownFix(report).length === 0
}

function ownFix(report: RunReport): readonly string[] {
  return plainLines(decidingFinding(report)?.fix ?? '').filter((line) => line.trim() !== '')
}

/** The line of evidence behind the cause, when it says more than the cause does. */
export function proofOf(report: RunReport): string {
  const evidence = decidingEvidence(report)
  return evidence === undefined || !tellsMore(evidence, causeOf(report), report.code)
    ? ''
    : causeLine(evidence)
}

/**
 * Other errors than the deciding one, in the order of their finding. What is found of several
 * members alike is said once.
 */
export function furtherErrors(report: RunReport): Finding[] {
  const deciding = decidingFinding(report)
  const further = report.findings.filter(
    (finding) => finding.severity === 'error' && finding !== deciding,
  )
  return [...Map.groupBy(further, sameBut).values()].flatMap(([first, ...more]) =>
    first === undefined ? [] : [more.length === 0 ? first : ofAll(first, more)],
  )
}

/** What it says of its object, whichever that is. */
function sameBut({ code, message, fix, place, object, ordinal }: Finding): string {
  const what =
    object === undefined
      ? message
      : message.replaceAll(nameIn(object), '').replace(` (ordinal ${ordinal ?? ''})`, '')
  const kind = object?.split('/')[0]
  return JSON.stringify([code, what, fix, place, kind])
}

function ofAll(first: Finding, more: readonly Finding[]): Finding {
  const objects = [...new Set(more.flatMap(({ object }) => object ?? []))].filter(
    (object) => object !== first.object,
  )
  if (first.object === undefined || objects.length === 0) return first
  return {
    ...first,
    object: someOf([first.object, ...objects], NAMED),
    message: `${first.message}; the same is true of ${someOf(objects.map(nameIn), NAMED)}`,
  }
}

function nameIn(object: string): string {
  return object.split('/').at(-1) ?? object
}

/** The message already has its object's name in it. */
function namesItself(finding: Finding): boolean {
  return finding.object !== undefined && finding.message.includes(nameIn(finding.object))
}
