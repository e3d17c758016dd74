// The HTTP side of the simulated API server.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Api, Door, Reply } from './server.ts'
import { accept } from './websocket.ts'

export function serveHttp(api: Api): Server {
  const server = createServer((request, response) => {
    // A watch's lines must not wait for each other.
    request.socket.setNoDelay(true)
    void api.serve(request, () => bodyOf(request), replyOver(response))
  })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    void api.upgrade(request, doorOf(request, socket, head))
  })
  server.keepAliveTimeout = 60_000
  return server
}

function replyOver(response: ServerResponse): Reply {
  return {
    get isOver() {
      return response.headersSent || response.destroyed
    },
    head(status, headers) {
      response.writeHead(status, headers)
      if (headers['Transfer-Encoding'] !== undefined) response.flushHeaders()
    },
    write: (text) => void response.write(text),
    end: (text) => void response.end(text),
    destroy: () => void response.destroy(),
    onClose: (listener) => void response.on('close', listener),
  }
}

function doorOf(request: IncomingMessage, socket: Duplex, head: Buffer): Door {
  return {
    accept: (protocols, listen) => accept(request, socket, head, protocols, listen),
    refuse(code, payload) {
      const type = payload.startsWith('{') ? 'application/json' : 'text/plain'
      socket.end(
        `HTTP/1.1 ${code} Refused\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(payload)}\r\nConnection: close\r\n\r\n${payload}`,
      )
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  request.setEncoding('utf8')
  for await (const chunk of request) text += String(chunk)
  return text
}
