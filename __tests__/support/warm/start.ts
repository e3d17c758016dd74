// Starts a run of the bundle: in a process of its own, or in one that has run others before and
// whose start costs nothing any more.

import { spawn } from 'node:child_process'
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readCode, type Start } from './message.ts'

export type Step = Omit<Start, 'mark'>

export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

const PROCESS = fileURLToPath(new URL('process.ts', import.meta.url))

/** Each leaves its modules behind. */
const RUNS_OF_A_PROCESS = 20
/** Kept for the next run. */
const MOST_IDLE = 4

export function startOwn(step: Step, onLine: (line: string) => void): Started {
  const child = spawn(process.execPath, [step.entry], {
    cwd: step.directory,
    env: { ...step.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, ended: ended(child, onLine) }
}

async function ended(
  child: ChildProcessByStdio<null, Readable, Readable>,
  onLine: (line: string) => void,
): Promise<Ended> {
  let stderr = ''
  createInterface({ input: child.stdout }).on('line', onLine)
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, stderr }))
  })
}

/** What runs in it now hears of its lines and of its end. */
interface Hearer {
  line(text: string): void
  stderr(text: string): void
  code(code: number): void
  closed(exitCode: number | null, signal: NodeJS.Signals | null): void
  failed(error: Error): void
}

interface Warm {
  readonly child: ChildProcess
  runs: number
  hearer: Hearer | undefined
}

/** Processes that are kept for the next run. */
export class WarmProcesses {
  readonly #idle: Warm[] = []

  start(step: Step, onLine: (line: string) => void): Started {
    let warm = this.#idle.pop()
    // One that ended while it was idle is not asked.
    while (warm !== undefined && !warm.child.connected) warm = this.#idle.pop()
    warm ??= this.#startProcess()
    return this.#run(warm, step, onLine)
  }

  #run(warm: Warm, step: Step, onLine: (line: string) => void): Started {
    const mark = randomUUID()
    warm.runs += 1
    mayBeLeft(warm.child, false)
    const ended = new Promise<Ended>((resolve, reject) => {
      let stderr = ''
      let exitCode: number | undefined
      let outputEnded = false
      const look = (): void => {
        if (exitCode === undefined || !outputEnded || !stderr.endsWith(`${mark}\n`)) return
        this.#putBack(warm)
        resolve({ exitCode, signal: null, stderr: stderr.slice(0, -mark.length - 1) })
      }
      warm.hearer = {
        line(text) {
          outputEnded = text.endsWith(mark)
          const said = outputEnded ? text.slice(0, -mark.length) : text
          if (!outputEnded || said !== '') onLine(said)
          look()
        },
        stderr(text) {
          stderr += text
          look()
        },
        code(code) {
          exitCode = code
          look()
        },
        closed: (code, signal) => resolve({ exitCode: code, signal, stderr }),
        failed: reject,
      }
    })
    warm.child.send({ ...step, mark } satisfies Start)
    return { child: warm.child, ended }
  }

  #startProcess(): Warm {
    const { PATH = '', NODE_COMPILE_CACHE } = process.env
    const child = spawn(process.execPath, [PROCESS], {
      cwd: '/',
      env: { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const warm: Warm = { child, runs: 0, hearer: undefined }
    if (child.stdout === null || child.stderr === null) throw new Error('a process without output')
    createInterface({ input: child.stdout }).on('line', (text) => warm.hearer?.line(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => warm.hearer?.stderr(text))
    child.on('message', (message) => warm.hearer?.code(readCode(message)))
    child.on('error', (error) => warm.hearer?.failed(error))
    child.on('close', (code, signal) => {
      if (this.#idle.includes(warm)) this.#idle.splice(this.#idle.indexOf(warm), 1)
      warm.hearer?.closed(code, signal)
    })
    return warm
  }

  #putBack(warm: Warm): void {
    warm.hearer = undefined
    if (warm.runs >= RUNS_OF_A_PROCESS || this.#idle.length >= MOST_IDLE) warm.child.disconnect()
    else this.#idle.push(warm)
    mayBeLeft(warm.child, true)
  }
}

/** Those of all test files of a worker. */
export const warmProcesses = new WarmProcesses()

/** While nothing runs in it nobody waits for it: it ends with its parent. */
function mayBeLeft(child: ChildProcess, isIdle: boolean): void {
  const streams = [child.stdout, child.stderr].filter((stream) => stream instanceof Socket)
  for (const part of [child, child.channel, ...streams]) {
    if (isIdle) part?.unref()
    else part?.ref()
  }
}
