// Checks the sources: format, types, lint and the limits of the house, all at once. What each says
// comes in one piece.

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { ownEnv, ROOT } from './run.ts'

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['oxfmt', '--check'],
  ['tsc', '-p', '__tests__'],
  ['oxlint', '--type-aware', '--deny-warnings'],
  ['node', 'scripts/house.ts', '--quiet'],
]

async function passes([program, ...args]: (typeof CHECKS)[number]): Promise<boolean> {
  const child = spawn(program, args, {
    cwd: ROOT,
    env: ownEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  process.stdout.write(said)
  process.stderr.write(complained)
  return (await code) === 0
}

const passed = await Promise.all(CHECKS.map(passes))
process.exitCode = passed.every(Boolean) ? 0 : 1
