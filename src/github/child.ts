// A program that this process starts, with all that comes of it: it ends at its limit and at our
// end, also what it has set apart from its process group.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { groupLives, guardGroup, killGroup } from './process-group.ts'

/** How often a group that is being ended is looked at; milliseconds. */
const LOOK_MS = 50
/** A process that starts others while it is being ended is looked for so many times. */
const ROUNDS = 5
/**
 * Marks the environment of all that comes of one program: `setsid` leaves the group and keeps this.
 */
const MARK = 'ZK_ENSEMBLE_CHILD'

export interface ChildRequest {
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly clock: Clock
  /** Ended also when this process is killed outright, and this file of its removed. */
  readonly guarded?: string
}

export interface Child {
  readonly stdout: Readable
  readonly stderr: Readable
  /**
   * The exit code, 128 and the signal's number after one. Rejects as node:child_process does when
   * it can't be started.
   */
  readonly exited: Promise<number>
  /** Asks all of it to end, and kills what is left after `graceMs`. */
  end(graceMs: number): Promise<void>
  /** Kills what is left; to be called on every path. */
  finish(): void
}

/** Those that are not finished: this process leaves none of them behind. */
const unfinished = new Set<() => void>()
let listening = false

export function startChild({ command, args, env, cwd, clock, guarded }: ChildRequest): Child {
  const mark = `${MARK}=${randomUUID()}`
  const child = spawn(command, [...args], {
    cwd,
    env: { ...env, [MARK]: mark.slice(MARK.length + 1) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const letGo = guarded === undefined ? () => undefined : guardGroup(child.pid, guarded, mark, env)
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, by) =>
      resolve(code ?? 128 + (by === null ? 0 : constants.signals[by])),
    )
  })
  exited.catch(() => undefined)
  const kill = (): void => {
    killGroup(child.pid, 'SIGKILL')
    killStrays(mark, 'SIGKILL')
  }
  // Its guard gives it time to end well.
  if (guarded === undefined) atExit(kill)
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    async end(graceMs) {
      killGroup(child.pid, 'SIGTERM')
      killStrays(mark, 'SIGTERM')
      const over = new AbortController()
      const grace = clock.sleep(graceMs, over.signal).catch(() => undefined)
      // One that nobody has collected yet counts as alive: then the whole time is waited for.
      const gone = async (): Promise<void> => {
        while (!over.signal.aborted && (groupLives(child.pid) || strays(mark).length > 0))
          await clock.sleep(LOOK_MS, over.signal).catch(() => undefined)
      }
      await Promise.race([grace, gone()])
      over.abort()
      kill()
    },
    finish() {
      unfinished.delete(kill)
      kill()
      letGo()
      child.stdout.destroy()
      child.stderr.destroy()
    },
  }
}

function atExit(kill: () => void): void {
  unfinished.add(kill)
  if (listening) return
  listening = true
  process.once('exit', () => unfinished.forEach((each) => each()))
}

function killStrays(mark: string, name: 'SIGTERM' | 'SIGKILL'): void {
  for (let round = 0; round < (name === 'SIGKILL' ? ROUNDS : 1); round++) {
    const found = strays(mark)
    if (found.length === 0) return
    for (const pid of found) {
      try {
        process.kill(pid, name)
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

/**
 * Processes of ours whose environment carries the mark, where the system shows it (/proc); none
 * elsewhere. Ended ones show no environment.
 */
function strays(mark: string): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => carries(name, mark))
      .map(Number)
  } catch {
    return []
  }
}

function carries(pid: string, mark: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${mark}\0`)
  } catch {
    return false
  }
}
