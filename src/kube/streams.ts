// Exec and port-forward: the channel protocols of Kubernetes (`v5.channel.k8s.io`, and `v4` where
// the server is older) as a result and as a byte stream.

import { Duplex } from 'node:stream'
import { z } from 'zod'
import { abortReason } from '../clock.ts'
import { collected } from '../collected.ts'
import { KubeFailure } from './failure.ts'
import { streamFault } from './stream-words.ts'
import type { ExecOptions, ExecResult, Kube, Tunnelled } from './kube.ts'
import type { Requests } from './requests.ts'
import { hangUp, notOpened } from './websocket.ts'
import type { Dial, Dialler, Socket } from './websocket.ts'

const EXEC_MS = 30_000
/** Most that is kept of each output, in bytes. */
const OUTPUT_BYTES = 1024 * 1024
const STDIN_CHUNK = 32 * 1024

const CLOSE_CHANNEL = 255

type Streams = Pick<Kube, 'exec' | 'forward' | 'tunnel'>
type Pod = Parameters<Kube['exec']>[0]
type Command = Parameters<Kube['exec']>[2]

export class PodStreams implements Streams {
  readonly #dialler: Dialler
  readonly #requests: Requests
  readonly #closing: AbortSignal
  readonly #answerMs: number

  constructor(dialler: Dialler, requests: Requests, closing: AbortSignal, answerMs: number) {
    this.#dialler = dialler
    this.#requests = requests
    this.#closing = closing
    this.#answerMs = answerMs
  }

  async exec(
    pod: Pod,
    container: string,
    command: Command,
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    const { stdin, timeoutMs = EXEC_MS } = options
    const request = execRequest(pod, command)
    const path = execPath(pod, container, command, stdin !== undefined)
    const late = new AbortController()
    let begun = false
    const timer = setTimeout(
      () =>
        late.abort(
          begun
            ? new KubeFailure({
                status: 0,
                reason: 'Timeout',
                message: `${command[0]} in pod ${pod.name} did not end within ${timeoutMs / 1000} s`,
                request,
              })
            : notOpened(`no WebSocket was open within ${timeoutMs / 1000} s`, request),
        ),
      timeoutMs,
    )
    const until = AbortSignal.any([signal, this.#closing, late.signal])
    try {
      return await this.#requests.renewed(async () => {
        const session = execSession(request)
        const socket = await this.#dial(path, request, session, until)
        begun = true
        if (stdin !== undefined) sendStdin(socket, stdin)
        return session.result(socket, until)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  async tunnel(
    pod: Pod,
    container: string,
    command: Command,
    signal: AbortSignal,
  ): Promise<Tunnelled> {
    const request = execRequest(pod, command)
    const path = execPath(pod, container, command, true)
    const until = AbortSignal.any([signal, this.#closing])
    return this.#requests.renewed(async () => {
      const through = createCommandStream(request)
      through.attach(await this.#dial(path, request, through, until), until)
      return through.begun
    })
  }

  async forward(pod: Pod, port: number, signal: AbortSignal): Promise<Duplex> {
    const request = `forward port ${port} of pod ${pod.name} in namespace ${pod.namespace}`
    const path = `${podPath(pod)}/portforward?ports=${port}`
    const until = AbortSignal.any([signal, this.#closing])
    return this.#requests.renewed(async () => {
      const tunnel = createTunnel(request)
      tunnel.attach(await this.#dial(path, request, tunnel, until), until)
      // Refused in the same breath as opened: nobody could have listened to the stream yet.
      if (tunnel.stream.errored !== null) throw tunnel.stream.errored
      return tunnel.stream
    })
  }

  #dial(path: string, request: string, heard: Heard, until: AbortSignal): Promise<Socket> {
    this.#requests.count('streams')
    const { onFrame, onClose } = heard
    const wanted = { path, request, timeoutMs: this.#answerMs, onFrame, onClose }
    return this.#dialler(wanted, until)
  }
}

function execRequest(pod: Pod, command: Command): string {
  return `exec ${command[0]} in pod ${pod.name} in namespace ${pod.namespace}`
}

function execPath(pod: Pod, container: string, command: Command, stdin: boolean): string {
  const query = new URLSearchParams({
    container,
    stdout: 'true',
    stderr: 'true',
    ...(stdin ? { stdin: 'true' } : {}),
  })
  for (const word of command) query.append('command', word)
  return `${podPath(pod)}/exec?${query.toString()}`
}

function podPath(pod: Pod): string {
  return `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}`
}

/**
 * Channel 0 is stdin; its end can be told by v5 only (an older server leaves the command waiting,
 * until the time limit).
 */
function sendStdin(socket: Socket, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += STDIN_CHUNK)
    socket.send(frame(0, bytes.subarray(at, at + STDIN_CHUNK)), () => undefined)
  if (socket.protocol === 'v5.channel.k8s.io')
    socket.send(frame(CLOSE_CHANNEL, Buffer.from([0])), () => undefined)
}

function frame(channel: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([channel]), bytes])
}

/** Who hears what comes over a socket. */
type Heard = Pick<Dial, 'onFrame' | 'onClose'>

interface ExecSession extends Heard {
  result(socket: Socket, signal: AbortSignal): Promise<ExecResult>
}

/** Channels: 1 stdout, 2 stderr, 3 the status at the end. */
function execSession(request: string): ExecSession {
  const stdout = boundedText()
  const stderr = boundedText()
  let settle: (exitCode: number) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const ended = new Promise<number>((resolve, reject) => {
    settle = resolve
    fail = reject
  })
  ended.catch(() => undefined)
  return {
    onFrame(channel, bytes) {
      if (channel === 1) stdout.add(bytes)
      else if (channel === 2) stderr.add(bytes)
      else if (channel === 3 && bytes.length > 0) {
        const status = exitStatus(bytes.toString('utf8'), request)
        if (typeof status === 'number') settle(status)
        else fail(status)
      }
    },
    // A status that is missing is no success: the command may have been cut off anywhere.
    onClose: (code) =>
      fail(
        new KubeFailure({
          status: 0,
          reason: 'Unreachable',
          message: `the connection closed (${code}) before the command's exit code came`,
          request,
        }),
      ),
    async result(socket, signal) {
      const stop = (): void => fail(abortReason(signal))
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
      try {
        const exitCode = await ended
        return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
      } finally {
        signal.removeEventListener('abort', stop)
        hangUp(socket)
      }
    },
  }
}

const exitSchema = z.object({
  status: z.string(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  details: z
    .object({
      causes: z
        .array(z.object({ reason: z.string().nullish(), message: z.string().nullish() }))
        .nullish(),
    })
    .nullish(),
})

/**
 * Of a status frame: the exit code, or why there is none. Source: k8s.io/apimachinery
 * pkg/util/remotecommand.
 */
export function exitStatus(text: string, request: string): number | KubeFailure {
  const fault = (message: string): KubeFailure =>
    new KubeFailure({ status: 0, reason: 'InternalError', message, request })
  const told = (said: string): KubeFailure => {
    const { reason, words } = streamFault(said)
    return new KubeFailure({ status: 0, reason, message: words, request })
  }
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch {
    return told(text)
  }
  const parsed = exitSchema.safeParse(raw)
  if (!parsed.success) return fault('the status of the command is not readable')
  const { status, reason, message, details } = parsed.data
  if (status === 'Success') return 0
  const code = details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message ?? ''
  if (reason === 'NonZeroExitCode' && /^\d+$/.test(code)) return Number(code)
  return told(message ?? '')
}

function boundedText(): { add(bytes: Buffer): void; text(): string } {
  const kept = collected(OUTPUT_BYTES)
  return { add: (bytes) => void kept.add(bytes), text: () => kept.bytes().toString('utf8') }
}

interface Wire extends Heard {
  readonly attach: (socket: Socket, signal: AbortSignal) => void
}

interface Pipe extends Omit<Wire, 'onFrame'> {
  readonly stream: Duplex
  /** Bytes of the far side; a reader that is full pauses the socket. */
  readonly push: (bytes: Buffer) => void
  readonly broken: (how: string) => KubeFailure
}

/**
 * A byte stream over a socket: what is written goes out on channel 0, and an end of either side
 * ends both.
 */
function createPipe(what: 'port-forward' | 'exec', request: string): Pipe {
  let socket: Socket | undefined
  let detach = (): void => undefined
  const broken = (how: string): KubeFailure =>
    new KubeFailure({ status: 0, reason: 'Unreachable', message: `the ${what} ${how}`, request })
  const stream = new Duplex({
    // After the far end has closed nothing can be sent any more.
    allowHalfOpen: false,
    read() {
      socket?.resume()
    },
    write(chunk: unknown, _encoding, done) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
      // `done` waits until the socket has taken it: that is the back-pressure.
      if (socket === undefined) done(broken('is not open'))
      else
        socket.send(frame(0, bytes), (error) =>
          done(error === undefined || error === null ? null : broken('broke while writing')),
        )
    },
    destroy(error, done) {
      detach()
      // For a command this is the end of its stdin, which ends it.
      if (socket !== undefined) hangUp(socket)
      done(error)
    },
  })
  // It may break before its taker listens; who reads or writes hears of it all the same.
  stream.on('error', () => undefined)
  return {
    stream,
    broken,
    push(bytes) {
      if (bytes.length > 0 && !stream.destroyed && !stream.push(bytes)) socket?.pause()
    },
    onClose(code) {
      if (stream.destroyed) return
      // 1000 and 1005 (closed without a code): the pod's side ended it, as a server does after a
      // four-letter word.
      if (code === 1000 || code === 1005) stream.push(null)
      else stream.destroy(broken(`broke (${code})`))
    },
    attach(opened, signal) {
      socket = opened
      if (stream.destroyed) return hangUp(opened)
      const stop = (): void => void stream.destroy(abortReason(signal))
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
      detach = () => signal.removeEventListener('abort', stop)
    },
  }
}

interface Tunnel extends Wire {
  readonly stream: Duplex
}

/**
 * Channel 0 carries the bytes, channel 1 an error's text; the first frame of each is the port. The
 * end of one direction can't be told, so `end()` sends nothing.
 */
function createTunnel(request: string): Tunnel {
  const { stream, push, onClose, attach } = createPipe('port-forward', request)
  const begun = new Set<number>()
  const refused = (said: string): KubeFailure => {
    const { reason, words } = streamFault(said)
    return new KubeFailure({
      status: 0,
      reason,
      message: `the port-forward failed: ${words}`,
      request,
    })
  }
  return {
    stream,
    onClose,
    attach,
    onFrame(channel, bytes) {
      if (channel > 1) return
      const first = !begun.has(channel)
      begun.add(channel)
      const payload = first ? bytes.subarray(2) : bytes
      if (channel === 0) push(payload)
      else if (payload.length > 0) stream.destroy(refused(payload.toString('utf8')))
    },
  }
}

interface CommandStream extends Wire {
  /**
   * The first line of what the command says, then its stdin and stdout; or how it ended before it
   * said one.
   */
  readonly begun: Promise<Tunnelled>
}

/**
 * A command as a byte stream: channel 0 is its stdin, 1 its stdout, 2 its stderr, 3 how it ended.
 */
function createCommandStream(request: string): CommandStream {
  const { stream, push, broken, onClose, attach } = createPipe('exec', request)
  let line: Buffer | undefined = Buffer.alloc(0)
  const stderr = boundedText()
  const begun = Promise.withResolvers<Tunnelled>()
  begun.promise.catch(() => undefined)
  stream.once('error', begun.reject)
  const onStdout = (bytes: Buffer): void => {
    if (line === undefined) return push(bytes)
    line = Buffer.concat([line, bytes])
    const end = line.indexOf(10)
    if (end < 0) return
    const rest = line.subarray(end + 1)
    begun.resolve({ kind: 'open', line: line.subarray(0, end).toString('utf8'), stream })
    line = undefined
    push(rest)
  }
  return {
    begun: begun.promise,
    attach,
    onFrame(channel, bytes) {
      if (channel === 1) onStdout(bytes)
      else if (channel === 2) stderr.add(bytes)
      else if (channel === 3 && bytes.length > 0) {
        const status = exitStatus(bytes.toString('utf8'), request)
        if (typeof status !== 'number') return void stream.destroy(status)
        begun.resolve({ kind: 'ended', exitCode: status, stderr: stderr.text() })
        if (!stream.destroyed) stream.push(null)
      }
    },
    onClose(code) {
      begun.reject(broken(`broke (${code}) before the command said anything`))
      onClose(code)
    },
  }
}
