// Runs a program for what it prints: bounded in time and in output, with an environment of its own,
// and ended with all that it has started.

import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { abortReason, type Clock } from '../clock.ts'
import { collected } from '../collected.ts'
import type { ProgramOutcome, ProgramRequest, RunProgram } from '../program.ts'
import { startChild, type Child } from './child.ts'
import { programEnv } from './child-env.ts'
import type { Env } from './command.ts'

/** From the first signal to the second; milliseconds. */
const GRACE_MS = 500
/** What it leaves running may hold its output open for so long; milliseconds. */
const AFTER_EXIT_MS = 1_000
/** After so long what it has said is told, and again when it says more; milliseconds. */
const WAITS_AFTER_MS = 3_000
/** Of stderr the end is kept; characters. */
const STDERR_KEPT = 16_384

export interface ProgramPlace {
  readonly env: Env
  /** Where it runs. */
  readonly directory: string
  readonly clock: Clock
}

export function programs(place: ProgramPlace): RunProgram {
  return async (request, signal) => {
    signal.throwIfAborted()
    const { command, args } = request
    const child = startChild({
      command,
      args,
      env: programEnv(place.env, request),
      cwd: place.directory,
      clock: place.clock,
    })
    const done = new AbortController()
    try {
      return await outcomeOf(
        child,
        request,
        place.clock,
        AbortSignal.any([done.signal, signal]),
        signal,
      )
    } finally {
      done.abort()
      child.finish()
    }
  }
}

async function outcomeOf(
  child: Child,
  request: ProgramRequest,
  clock: Clock,
  over: AbortSignal,
  cancel: AbortSignal,
): Promise<ProgramOutcome> {
  const errors = tail(child.stderr)
  const output = collect(child.stdout, request.longest)
  const late = clock.sleep(request.timeoutMs, over).then(
    () => 'timed-out' as const,
    () => 'cancelled' as const,
  )
  if (request.onWait !== undefined) void tellWaits(errors, request.onWait, clock, over)
  const first = await Promise.race([child.exited, output.tooLong, late])
  if (typeof first === 'number') {
    await Promise.race([
      Promise.all([output.ended, errors.ended]),
      clock.sleep(AFTER_EXIT_MS, over).catch(() => undefined),
    ])
    return { kind: 'exited', code: first, stdout: output.text(), stderr: errors.text() }
  }
  await child.end(GRACE_MS)
  if (first === 'cancelled') throw abortReason(cancel)
  return { kind: first, stderr: errors.text() }
}

async function tellWaits(
  errors: { text(): string },
  tell: (stderr: string) => void,
  clock: Clock,
  over: AbortSignal,
): Promise<void> {
  let told = ''
  for (;;) {
    try {
      await clock.sleep(WAITS_AFTER_MS, over)
    } catch {
      return
    }
    const said = errors.text()
    if (said !== told) tell(said)
    told = said
  }
}

function collect(
  stream: Readable,
  longest: number,
): { readonly ended: Promise<void>; readonly tooLong: Promise<'too-long'>; text(): string } {
  const output = collected(longest)
  let over: (why: 'too-long') => void = () => undefined
  const tooLong = new Promise<'too-long'>((resolve) => (over = resolve))
  const ended = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      if (!output.add(chunk)) over('too-long')
    })
    stream.once('close', resolve)
    stream.once('error', () => resolve())
  })
  return { ended, tooLong, text: () => output.bytes().toString('utf8') }
}

function tail(stream: Readable): { readonly ended: Promise<void>; text(): string } {
  const decoder = new StringDecoder('utf8')
  let text = ''
  const ended = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => (text = (text + decoder.write(chunk)).slice(-STDERR_KEPT)))
    stream.once('close', resolve)
    stream.once('error', () => resolve())
  })
  return { ended, text: () => text }
}
