// What a run was at when its time was over, in words.

import type { RunReport } from './run-report.ts'

/** `it was at "Verify (full)"; every member is available`. */
export function inWords(report: Pick<RunReport, 'doing' | 'standing'>): string {
  return report.doing === '' ? report.standing : `it was at "${report.doing}"; ${report.standing}`
}
