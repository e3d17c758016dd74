// The server's side of a WebSocket (RFC 6455), as far as channel protocols need it: binary frames,
// ping and close.

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

export interface ServerSocket {
  readonly protocol: string
  send(bytes: Uint8Array): void
  close(code: number): void
  /** Cuts the connection without a close frame. */
  cut(): void
}

export interface SocketListener {
  message(bytes: Buffer): void
  closed(): void
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * Accepts an upgrade with the first of the protocols that the client offers too; undefined (and
 * 400) when there is none.
 */
export function accept(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocols: readonly string[],
  listen: (opened: ServerSocket) => SocketListener,
): void {
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((entry) => entry.trim())
  const protocol = protocols.find((entry) => offered.includes(entry))
  const key = request.headers['sec-websocket-key']
  if (protocol === undefined || key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    return
  }
  const answer = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  )
  let open = true
  const send = (opcode: number, bytes: Uint8Array): void => {
    if (open && !socket.destroyed)
      socket.write(Buffer.concat([header(opcode, bytes.length), bytes]))
  }
  const close = (code: Uint8Array): void => {
    if (!open) return
    send(8, code)
    open = false
    socket.end()
  }
  const listener = listen({
    protocol,
    send: (bytes) => send(2, bytes),
    close: (code) => close(Buffer.from([code >> 8, code & 255])),
    cut: () => void socket.destroy(),
  })
  let pending = head
  const read = (chunk: Buffer): void => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let frame = readFrame(pending); frame !== undefined; frame = readFrame(pending)) {
      pending = pending.subarray(frame.length)
      if (frame.opcode === 8) close(frame.payload.subarray(0, 2))
      else if (frame.opcode === 9) send(10, frame.payload)
      else if (frame.opcode !== 10) listener.message(frame.payload)
    }
  }
  socket.on('data', read)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => listener.closed())
  read(Buffer.alloc(0))
}

function header(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcode, length])
  const long = length > 0xffff
  const bytes = Buffer.alloc(long ? 10 : 4)
  bytes[0] = 0x80 | opcode
  bytes[1] = long ? 127 : 126
  if (long) bytes.writeBigUInt64BE(BigInt(length), 2)
  else bytes.writeUInt16BE(length, 2)
  return bytes
}

/** One frame of a client: always masked, and never fragmented by the clients that we meet. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] ?? 0) & 127
  const start = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < start + 4) return undefined
  const size =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  const length = start + 4 + size
  if (bytes.length < length) return undefined
  const mask = bytes.subarray(start, start + 4)
  const payload = Buffer.from(bytes.subarray(start + 4, length))
  for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0)
  return { opcode: (bytes[0] ?? 0) & 15, payload, length }
}
