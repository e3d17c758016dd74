// The group of processes that a script starts: a signal reaches all of them, and none outlives this process, not even when it is killed.

import { spawn } from 'node:child_process'

/** Takes over when this process is gone: its end closes the pipe. `$1`: the group, `$2`: its script's file. */
const GUARD = 'read -r _ || true; rm -f -- "$2"; kill -TERM -- "-$1" || exit 0; for _ in {1..20}; do sleep 0.1; kill -0 -- "-$1" || exit 0; done; kill -KILL -- "-$1"'

/**
 * Ends the group of `pid` when this process ends without having let go: after a kill nobody else knows of it, and the post step would give a node back on which the script is
 * still at work. Gives what lets go.
 */
export function guardGroup(pid: number | undefined, file: string, env: Readonly<Record<string, string>>): () => void {
  if (pid === undefined) return () => undefined
  const guard = spawn('bash', ['--noprofile', '--norc', '-c', GUARD, 'guard', String(pid), file], { env, stdio: ['pipe', 'ignore', 'ignore'], detached: true })
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
