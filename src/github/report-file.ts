// Puts the JSON report where later steps of the job can read it and nobody else on the machine can:
// log lines of servers may hold anything.

import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A path in the runner's temporary directory, new for each run of the action in a job. */
export function reportFilePath(temp: string): string {
  return join(temp, `zk-ensemble-report-${randomUUID().slice(0, 8)}.json`)
}

/**
 * Writes with mode 0600, never through a file or a link that is already there; false when it can't.
 * Never throws.
 */
export function writeReportFile(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' })
    return true
  } catch {
    return false
  }
}
