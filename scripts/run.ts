// Runs a program of this project in its directory; its output is ours.

import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..')

/** Where the project's own programs are found first. */
export const ENV = {
  ...process.env,
  PATH: [join(ROOT, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter),
}

/** Its exit code. */
export function exitCodeOf(program: string, args: readonly string[]): number {
  const env = { ...process.env, PATH: ENV.PATH }
  return spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1
}

/** Ends this process when it fails. */
export function run(program: string, args: readonly string[]): void {
  const code = exitCodeOf(program, args)
  if (code !== 0) process.exit(code)
}
