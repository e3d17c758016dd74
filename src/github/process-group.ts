// The group of processes that a script starts: a signal reaches all of them, and none outlives this
// process, not even when it is killed.

import { spawn } from 'node:child_process'

/**
 * Takes over when this process is gone: its end closes the pipe. `$1`: the group, `$2`: its
 * script's file, `$3`: what the environment of all that comes of it carries.
 */
const GUARD = [
  'read -r _ || true; rm -f -- "$2"',
  'strays() { grep -lsaF -- "$3" /proc/[0-9]*/environ | while IFS=/ read -r _ _ pid _; do kill "-$4" "$pid"; done; }',
  'kill -TERM -- "-$1"; strays "$@" TERM',
  'for _ in {1..20}; do kill -0 -- "-$1" || break; sleep 0.1; done',
  'kill -KILL -- "-$1"; for _ in {1..5}; do strays "$@" KILL; done',
].join('\n')

/**
 * Ends the group of `pid`, and what carries `mark`, when this process ends without having released
 * it: after a kill nobody else knows of it, and the post step would uncordon a node
 * on which the script is still at work. Gives what releases it.
 */
export function guardGroup(
  pid: number | undefined,
  file: string,
  mark: string,
  env: Readonly<Record<string, string>>,
): () => void {
  if (pid === undefined) return () => undefined
  const guard = spawn(
    'bash',
    ['--noprofile', '--norc', '-c', GUARD, 'guard', String(pid), file, mark],
    { env, stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  )
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  return () => void guard.kill('SIGKILL')
}

/** Also true for processes that have ended and that nobody has collected yet. */
export function groupLives(pid: number | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(-pid, 0)
    return true
  } catch {
    return false
  }
}

export function killGroup(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // Nobody of it is left.
  }
}
