// The heading of the troubleshooting page for a code, at the version of the action that runs.

import type { RunReport } from './run-report.ts'

/** Empty after a success, and where it is not known which version runs. */
export function helpUrl({ code, helpUrl }: Pick<RunReport, 'code' | 'helpUrl'>): string {
  return code === '' || helpUrl === '' ? '' : `${helpUrl}#${code.toLowerCase()}`
}
