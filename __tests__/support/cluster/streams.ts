// pods/exec and pods/portforward: WebSocket upgrades with the channel protocols, on to the program
// that runs in the container.

import type { Duplex } from 'node:stream'
import { CONNECTED, TUNNEL_MARKER } from '../../../src/ensemble/zookeeper/tunnel.ts'
import type { Fields } from './json.ts'
import { kindOf } from './kinds.ts'
import { compact, text } from './json.ts'
import type { Kubelet } from './controllers/kubelet.ts'
import { defaultContainer } from './controllers/kubelet.ts'
import { badRequest, notFound } from './status.ts'
import type { Store, Stored } from './store.ts'
import type { World } from './world.ts'
import type { ServerSocket, SocketListener } from './websocket.ts'

const POD = kindOf('Pod')

/** Opens it with the first of the protocols that the client offers too. */
export type Accept = (
  protocols: readonly string[],
  listen: (opened: ServerSocket) => SocketListener,
) => void

export interface Upgrade {
  readonly accept: Accept
  readonly query: URLSearchParams
  /** Who asks. */
  readonly by: string
}

export interface Streams {
  exec(pod: Stored, upgrade: Upgrade): void
  forward(pod: Stored, upgrade: Upgrade): void
  hangUp(): void
}

/** The pod that a stream is for; throws what the server answers when there is none. */
export function podFor(world: World, namespace: string, name: string): Stored {
  const pod = world.store.get(POD, namespace, name)
  if (pod === undefined) throw notFound(POD, name)
  if (text(pod, 'spec', 'nodeName') === '')
    throw badRequest(`pod ${name} does not have a host assigned`)
  return pod
}

export function createStreams(kubelet: Kubelet, store: Store): Streams {
  const forwards = new Set<ServerSocket>()

  function exec(pod: Stored, { accept, query, by }: Upgrade): void {
    const container = query.get('container') ?? defaultContainer(pod)
    const command = query.getAll('command')
    accept(['v5.channel.k8s.io', 'v4.channel.k8s.io'], (opened) => {
      const stdin: Buffer[] = []
      let through: Duplex | undefined
      const status = (body: Fields): void => {
        opened.send(channel(3, Buffer.from(JSON.stringify({ metadata: {}, ...body }))))
        opened.close(1000)
      }
      const run = async (): Promise<void> => {
        const program = kubelet.program(pod, container)
        if (program === undefined)
          return status({
            status: 'Failure',
            message: `container not found ("${container}")`,
            reason: 'InternalError',
            code: 500,
          })
        const answer = await store.as({ by, verb: 'exec' }, () =>
          program.exec(command, Buffer.concat(stdin).toString()),
        )
        if (answer.stdout !== '') opened.send(channel(1, Buffer.from(answer.stdout)))
        if (answer.stderr !== '') opened.send(channel(2, Buffer.from(answer.stderr)))
        if (answer.exitCode === 0) return status({ status: 'Success' })
        const causes = [{ reason: 'ExitCode', message: String(answer.exitCode) }]
        status(
          compact({
            status: 'Failure',
            message: `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${answer.exitCode}`,
            reason: 'NonZeroExitCode',
            details: { causes },
          }),
        )
      }
      const tunnel = (): void => {
        through = kubelet.program(pod, container)?.connect(Number(command[4]), true)
        if (through === undefined)
          return status({
            status: 'Failure',
            reason: 'NonZeroExitCode',
            details: { causes: [{ reason: 'ExitCode', message: '1' }] },
          })
        opened.send(channel(1, Buffer.from(`${CONNECTED} 127.0.0.1/${command[4] ?? ''}\n`)))
        through.on('data', (bytes: Buffer) => opened.send(channel(1, bytes)))
        through.on('close', () => status({ status: 'Success' }))
      }
      const start = (): void => void run().catch(() => opened.cut())
      // The server's first frame is an empty one on the lowest channel of output.
      queueMicrotask(() => opened.send(channel(1, Buffer.alloc(0))))
      const waits = query.get('stdin') === 'true'
      if (command[3] === TUNNEL_MARKER) queueMicrotask(tunnel)
      else if (!waits) queueMicrotask(start)
      return {
        message(bytes) {
          if (bytes[0] === 0 && through !== undefined) through.write(bytes.subarray(1))
          else if (bytes[0] === 0) stdin.push(bytes.subarray(1))
          else if (bytes[0] === 255 && waits) start()
        },
        closed: () => void through?.destroy(),
      }
    })
  }

  function forward(pod: Stored, { accept, query }: Upgrade): void {
    const port = Number(query.get('ports'))
    accept(['v4.channel.k8s.io'], (opened) => {
      const number = Buffer.from([port & 255, port >> 8])
      forwards.add(opened)
      let target: Duplex | undefined
      queueMicrotask(() => {
        opened.send(channel(0, number))
        opened.send(channel(1, number))
        target = connect(pod, port)
        if (target === undefined) {
          opened.send(
            channel(
              1,
              Buffer.from(
                `error forwarding port ${port} to pod simulated, uid : failed to execute portforward in network namespace: failed to connect to localhost:${port} inside namespace: connection refused`,
              ),
            ),
          )
          return opened.close(1000)
        }
        target.on('data', (bytes: Buffer) => opened.send(channel(0, bytes)))
        target.on('error', () => opened.close(1000))
        target.on('end', () => opened.close(1000))
        target.on('close', () => opened.close(1000))
      })
      return {
        message: (bytes) => void (bytes[0] === 0 && target?.write(bytes.subarray(1))),
        closed() {
          forwards.delete(opened)
          target?.destroy()
        },
      }
    })
  }

  function connect(pod: Stored, port: number): Duplex | undefined {
    for (const container of containersOf(pod)) {
      const found = kubelet.program(pod, container)?.connect(port)
      if (found !== undefined) return found
    }
    return undefined
  }

  return {
    exec,
    forward,
    hangUp: () => {
      for (const socket of forwards) socket.cut()
    },
  }
}

function containersOf(pod: Stored): string[] {
  const spec = pod['spec']
  const list =
    typeof spec === 'object' && spec !== null && !Array.isArray(spec)
      ? spec['containers']
      : undefined
  return Array.isArray(list) ? list.map((entry) => text(entry, 'name')) : []
}

function channel(id: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([id]), bytes])
}
