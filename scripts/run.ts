// Runs a program of this project in its directory; its output is ours.

import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..')

/** The environment as it is now, in which the project's own programs are found first. */
export function ownEnv(): NodeJS.ProcessEnv {
  const PATH = [join(ROOT, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter)
  return { ...process.env, PATH }
}

/** Its exit code. */
export function exitCodeOf(program: string, args: readonly string[]): number {
  return spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env: ownEnv() }).status ?? 1
}

/** Ends this process when it fails. */
export function run(program: string, args: readonly string[]): void {
  const code = exitCodeOf(program, args)
  if (code !== 0) process.exit(code)
}
