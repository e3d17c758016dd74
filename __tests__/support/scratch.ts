// Temporary directories that go by themselves: with the test file, in whose temporary directory
// they are, and else with the process.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Their names begin with it. */
export const SCRATCH = 'scratch-'

const made: string[] = []
process.once('exit', () => made.forEach((path) => rmSync(path, { recursive: true, force: true })))

/** A new one; `name` is in its name. */
export function scratch(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `${SCRATCH}${name}-`))
  made.push(path)
  return path
}
