// The way to a member where port-forward is not allowed: a word by bash or nc, data by its own zkCli.sh fed through stdin, both inside the container.

import type { Clock } from '../../clock.ts'
import type { ExecResult } from '../../kube/kube.ts'
import type { Member, Reach } from '../profile.ts'
import { NoAnswer, Refusal } from './errors.ts'
import { FIRST_VALUE, parentsOf, type Answer, type Found, type Version, type Voice, type Wanted } from './voice.ts'
import type { Word } from './words.ts'

export const WORD_MARKER = 'zk-ensemble-action-word'
export const CLI_MARKER = 'zk-ensemble-action-cli'

const WORD_MS = 8_000
/** A JVM that starts in half a core. */
const CLI_MS = 60_000
const NO_TOOL = 127
const NO_AUTH = -102
const NO_NODE = -101

// nc's input stays open until the server has closed: an early end of it can lose the answer.
const WORD_SCRIPT = `if command -v bash >/dev/null 2>&1; then
  exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$2" && printf %s "$1" >&3 && cat <&3' bash "$1" "$2"
fi
if command -v nc >/dev/null 2>&1; then
  { printf %s "$1"; sleep 2; } | nc -w 5 127.0.0.1 "$2"
  exit 0
fi
echo 'neither bash nor nc' >&2
exit 127
`

const CLI_SCRIPT = `cli=$(command -v zkCli.sh) || for one in bin /opt/zookeeper/bin /opt/*/zookeeper/bin /*zookeeper*/bin /usr/share/zookeeper/bin /usr/local/zookeeper/bin; do
  if [ -x "$one/zkCli.sh" ]; then cli=$one/zkCli.sh; break; fi
done
if [ -z "$cli" ]; then echo 'no zkCli.sh' >&2; exit 127; fi
exec "$cli" -server "127.0.0.1:$1"
`

export function wordCommand(word: Word, port: number): readonly [string, ...string[]] {
  return ['sh', '-c', WORD_SCRIPT, WORD_MARKER, word, String(port)]
}

export function cliCommand(port: number): readonly [string, ...string[]] {
  return ['sh', '-c', CLI_SCRIPT, CLI_MARKER, String(port)]
}

/** Rejects with NoAnswer when nothing listens there, and when the container has neither bash nor nc. */
export async function askByExec(member: Member, word: Word, reach: Reach, signal: AbortSignal): Promise<string> {
  const result = await reach.exec(member, wordCommand(word, member.clientPort), { timeoutMs: WORD_MS }, signal)
  if (result.exitCode === NO_TOOL) throw new NoAnswer(word, 'neither bash nor nc is in the container', 'not done')
  if (result.exitCode !== 0 && result.stdout === '') throw new NoAnswer(word, `nothing answers on port ${member.clientPort} inside the pod`, 'not done')
  return result.stdout
}

/** Each call is one run of zkCli.sh with a session of its own; its exit code says nothing, only a line that equals the value does. */
export function execVoice(member: Member, reach: Reach, auth: string | undefined, clock: Clock, signal: AbortSignal): Voice {
  const run = async (commands: readonly string[]): Promise<ExecResult> => {
    const login = auth === undefined ? [] : [`addauth digest ${auth}`]
    const result = await reach.exec(member, cliCommand(member.clientPort), { stdin: [...login, ...commands, 'quit', ''].join('\n'), timeoutMs: CLI_MS }, signal)
    if (result.exitCode === NO_TOOL && result.stderr.includes('no zkCli.sh')) throw new NoAnswer('zkCli.sh', 'there is no zkCli.sh in the container', 'not done')
    return result
  }
  return {
    member,
    // Dear to run and cheap to repeat: each write makes its own parents.
    make: () => Promise.resolve(),
    write: async (path, value): Promise<Version> => {
      const parents = parentsOf(path)
      const result = await run([...parents.map((parent) => `create ${parent} ${FIRST_VALUE}`), `create ${path} ${FIRST_VALUE}`, `set ${path} ${value}`, ...readCommands(path)])
      const found = readCli(result, [{ path, value }])[0]
      if (found !== undefined) return found
      throw [path, ...parents].map((one) => refusalIn(result, one)).find((one) => one?.reason === 'NoAuth') ?? refusalIn(result, path) ?? new NoAnswer('create', 'zkCli.sh did not print the value that it wrote', 'unknown')
    },
    read: async (wanted): Promise<readonly Answer[]> => {
      const began = clock.now()
      const result = await run(wanted.flatMap(({ path }) => [`sync ${path}`, ...readCommands(path)]))
      const ms = clock.now() - began
      const found = readCli(result, wanted)
      return wanted.map(({ path }, index) => ({ ms, found: found[index] ?? refusalIn(result, path) ?? new NoAnswer('get', 'zkCli.sh did not print the value', 'not done') }))
    },
    remove: async (paths) => {
      const result = await run(paths.map((path) => `delete ${path}`))
      const refusal = paths.map((path) => refusalIn(result, path)).find((one) => one?.reason === 'NoAuth')
      if (refusal !== undefined) throw refusal
    },
    close: () => Promise.resolve(),
  }
}

/** The last one fails on purpose: its error is where a node's answers end on stderr. */
function readCommands(path: string): readonly string[] {
  return [`get ${path}`, `stat ${path}`, `stat ${path}${END}`]
}

const END = '/-end'

/**
 * A node was read when a line of stdout equals its value; else undefined. Its stat stands after that line, or, in 3.4, on stderr before the error of the command that
 * ends its answers. One stream for both would mix them within a line.
 */
export function readCli(result: Pick<ExecResult, 'stdout' | 'stderr'>, wanted: readonly Wanted[]): readonly (Found | undefined)[] {
  const out = linesOf(result.stdout)
  const errors = linesOf(result.stderr)
  const values = new Set(wanted.map(({ value }) => value))
  return wanted.map(({ path, value }) => {
    const at = out.indexOf(value)
    if (at < 0) return undefined
    const next = out.findIndex((line, index) => index > at && values.has(line))
    const end = errors.findIndex((line) => line.endsWith(path + END))
    const before = errors.slice(0, Math.max(0, end)).findLastIndex((line) => line.endsWith(END))
    const stat = statIn(out.slice(at + 1, next < 0 ? undefined : next)) ?? statIn(errors.slice(before + 1, Math.max(0, end)).toReversed())
    return stat === undefined ? undefined : { value, ...stat }
  })
}

function linesOf(text: string): readonly string[] {
  return text.split(/\r?\n/).map((line) => line.trim())
}

function statIn(lines: readonly string[]): Version | undefined {
  const mzxid = firstMatch(lines, /^mZxid = 0x([0-9a-f]{1,16})$/i)
  const version = firstMatch(lines, /^dataVersion = (-?\d{1,10})$/)
  return mzxid === undefined || version === undefined ? undefined : { version: Number(version), mzxid: BigInt(`0x${mzxid}`) }
}

function firstMatch(lines: readonly string[], pattern: RegExp): string | undefined {
  for (const line of lines) {
    const found = pattern.exec(line)?.[1]
    if (found !== undefined) return found
  }
  return undefined
}

/** Refusals are told on stderr, each with its path; `Authentication is not valid` is 3.4's and 3.5's word for NoAuth. */
function refusalIn(result: ExecResult, path: string): Refusal | undefined {
  const about = `${result.stderr}\n${result.stdout}`.split(/\r?\n/).filter((line) => line.trim().endsWith(path) || line.includes(`${path} `))
  if (about.some((line) => /Insufficient permission|Authentication is not valid|NoAuth/.test(line))) return new Refusal(NO_AUTH, 'zkCli.sh', path)
  if (about.some((line) => /Node does not exist|NoNode/.test(line))) return new Refusal(NO_NODE, 'zkCli.sh', path)
  return undefined
}
