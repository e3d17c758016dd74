// Runs a script of the user's as the runner runs a step: its output can't command the runner, it
// sees no token of ours, and its whole process group ends with it.

import { randomUUID } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '../clock.ts'
import type { CommandOutcome, CommandRequest } from '../run.ts'
import { startChild, type Child } from './child.ts'
import type { Env } from './command.ts'
import type { Quote, Voice } from './voice.ts'

/**
 * From the first signal to the second at a time-out, and at a cancel, where the runner itself
 * leaves 7.5 s; milliseconds.
 */
const AFTER_TIMEOUT_MS = 10_000
const AFTER_CANCEL_MS = 2_000
/**
 * What a script left running in the background may hold its output open for so long; milliseconds.
 */
const AFTER_EXIT_MS = 1_000
/** The same, once its group was ended: what is still in the pipe is read. */
const AFTER_END_MS = 200
/** A line is cut here, so that one without an end fills no memory. */
const LONGEST_LINE = 16_384

export interface CommandPlace {
  readonly env: Env
  /** Where it runs. */
  readonly workspace: string
  /** For the script's file. */
  readonly temp: string
  readonly clock: Clock
  /** Passes on what it prints. */
  readonly voice: Pick<Voice, 'quote'>
}

/**
 * Variables that a script does not get: inputs and states of this step, the runner's tokens, and
 * its command files.
 */
const WITHHELD =
  /^(INPUT_|STATE_|ACTIONS_)|^(GITHUB_TOKEN|GITHUB_ENV|GITHUB_PATH|GITHUB_OUTPUT|GITHUB_STATE|GITHUB_STEP_SUMMARY|ZK_ENSEMBLE_STEP)$/i

/** What variables of these names hold does not get into reports, which nobody masks. */
const SECRET = /TOKEN|SECRET|PASS|KEY|CRED|AUTH|KUBECONFIG/i
/** Shorter values are part of ordinary words. */
const SHORTEST_SECRET = 6

export function scriptEnv(env: Env, more: Env): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || WITHHELD.test(name) ? [] : [[name, value] as const],
  )
  const added = Object.entries(more).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries([...kept, ...added])
}

/**
 * `bash --noprofile --norc -euo pipefail` on a file that only this user may read. Rejects when bash
 * can't be started; every other end is an outcome. By `child_process`:
 * @actions/exec makes no process group, and without one a script's children outlive it.
 */
export async function runScript(
  place: CommandPlace,
  { script, env, timeoutMs }: CommandRequest,
  signal: AbortSignal,
): Promise<CommandOutcome> {
  const file = join(place.temp, `zk-ensemble-maintenance-${randomUUID()}.sh`)
  const quote = place.voice.quote()
  try {
    writeFileSync(file, script.endsWith('\n') ? script : `${script}\n`, { mode: 0o600, flag: 'wx' })
    const child = startChild({
      command: 'bash',
      args: ['--noprofile', '--norc', '-euo', 'pipefail', file],
      cwd: place.workspace,
      env: scriptEnv(place.env, env),
      clock: place.clock,
      guarded: file,
    })
    const outcome = await untilEnded(child, quote, place.clock, timeoutMs, signal)
    return { ...outcome, last: withoutSecrets(outcome.last, place.env) }
  } finally {
    quote.end()
    rmSync(file, { force: true })
  }
}

function withoutSecrets(line: string, env: Env): string {
  const secrets = Object.entries(env).flatMap(([name, value]) =>
    SECRET.test(name) ? (value ?? '').split('\n').map((part) => part.trim()) : [],
  )
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length)
    .reduce((left, secret) => left.replaceAll(secret, '***'), line)
}

/** Passes on what it prints until it has ended, by itself or because its time is over. */
async function untilEnded(
  child: Child,
  quote: Quote,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CommandOutcome> {
  let last = ''
  const say = (line: string): void => {
    if (line.trim() !== '') last = line.trim()
    quote.say(line)
  }
  const outputs = [child.stdout, child.stderr].map((stream) => copyLines(stream, say))
  const done = new AbortController()
  const ending = AbortSignal.any([done.signal, signal])
  let ended: 'timed-out' | 'cancelled' | undefined
  const watching = clock
    .sleep(timeoutMs, ending)
    .then(
      () => 'timed-out' as const,
      () => (done.signal.aborted ? undefined : ('cancelled' as const)),
    )
    .then(async (why) => {
      if (why === undefined || done.signal.aborted) return
      ended = why
      // Its children have the same time to end well, also when the script itself has ended at once.
      await child.end(why === 'cancelled' ? AFTER_CANCEL_MS : AFTER_TIMEOUT_MS)
    })
  try {
    const code = await child.exited
    if (ended !== undefined) await watching
    await Promise.race([
      Promise.all(outputs.map((output) => output.ended)),
      clock
        .sleep(ended === undefined ? AFTER_EXIT_MS : AFTER_END_MS, done.signal)
        .catch(() => undefined),
    ])
    return ended === undefined ? { kind: 'exited', code, last } : { kind: ended, last }
  } finally {
    done.abort()
    await watching
    for (const output of outputs) output.stop()
    child.finish()
  }
}

/**
 * Whole lines, also across chunks and characters; a carriage return ends one too, as a terminal
 * would show it.
 */
function copyLines(
  stream: Readable,
  say: (line: string) => void,
): { readonly ended: Promise<void>; stop(): void } {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const take = (text: string): void => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) say(line)
    while (rest.length > LONGEST_LINE) {
      say(rest.slice(0, LONGEST_LINE))
      rest = rest.slice(LONGEST_LINE)
    }
  }
  const ended = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)))
    stream.once('end', resolve)
    stream.once('error', () => resolve())
  })
  return {
    ended,
    stop() {
      take(decoder.end())
      const end = rest.replace(/\r$/, '')
      if (end !== '') say(end)
      rest = ''
      stream.removeAllListeners('data')
      stream.destroy()
    },
  }
}
