// Which annotations a run leaves: the runner shows ten of a kind per step and drops the rest
// without a word, so what gets a slot is decided here.

import type { Finding, Place } from '../errors.ts'
import { causeOf, decidingFinding, furtherErrors, proofOf } from './cause.ts'
import { clip, plainLine } from './escape.ts'
import { helpUrl } from './help.ts'
import { nextLines } from './next.ts'
import { nowLine } from './now.ts'
import type { RunReport } from './run-report.ts'
import { fixLines, headline, isSuccess } from './verdict.ts'

/** Warnings (and errors, counted apart) that the runner shows per step. */
export const ANNOTATIONS_PER_STEP = 10
/** The runner cuts a message here. */
export const ANNOTATION_LIMIT = 4096

export interface Annotation {
  readonly title: string
  /** At most 4096 characters; may have several lines. */
  readonly text: string
  readonly place: Place | undefined
}

/** The one error of a run that failed; undefined when the step is green. */
export function verdictAnnotation(report: RunReport): Annotation | undefined {
  if (isSuccess(report.result)) return undefined
  const deciding = decidingFinding(report)
  const further = furtherErrors(report).length
  const now = nowLine(report)
  const help = helpUrl(report)
  const lines = [
    causeOf(report),
    proofOf(report),
    ...fixLines('Fix', nextLines(report)),
    now === '' ? '' : `Now: ${now}`,
    help === '' ? '' : `More on ${report.code}: ${help}`,
    further === 0
      ? ''
      : `${further} more ${further === 1 ? 'error is' : 'errors are'} in the log and in the job summary.`,
  ].filter((line) => line.trim() !== '')
  return {
    title: plainLine(headline(report), 200),
    text: clip(lines.join('\n'), ANNOTATION_LIMIT),
    place: deciding?.place,
  }
}

/** What the last slot says when there are more warnings than slots. */
export function moreAnnotation(more: number): Annotation {
  return {
    title: 'zk-ensemble-action',
    text: `${more} more ${more === 1 ? 'warning is' : 'warnings are'} in the log and in the job summary.`,
    place: undefined,
  }
}

/** `message. Fix: …`, the words of a warning wherever it is told. */
export function warningText(finding: Pick<Finding, 'message' | 'fix'>): string {
  return finding.fix === undefined ? finding.message : `${finding.message}. Fix: ${finding.fix}`
}
