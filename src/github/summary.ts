// Appends to the job summary of this step, which may hold something already; without a file (old
// servers, local runs) there is none.

import { appendFileSync, statSync } from 'node:fs'
import { SUMMARY_LIMIT } from '../report/summary.ts'
import type { Env } from './command.ts'

/**
 * Renders for the bytes that are left and appends; false when there is no file or no room. Never
 * throws.
 */
export function writeSummary(env: Env, render: (limit: number) => string): boolean {
  const path = env['GITHUB_STEP_SUMMARY']
  if (path === undefined || path === '') return false
  try {
    const room = SUMMARY_LIMIT - (statSync(path, { throwIfNoEntry: false })?.size ?? 0)
    if (room < 10_000) return false
    appendFileSync(path, render(room), 'utf8')
    return true
  } catch {
    return false
  }
}
