// A session with one member: what was refused, what was lost and what is unknown must never be
// mixed up, and nothing may wait for ever.

import { type Duplex, duplexPair } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { NoAnswer, NoSession, Refusal } from '../../../../src/ensemble/zookeeper/errors.ts'
import {
  openSession,
  type Session,
  type SessionOptions,
} from '../../../../src/ensemble/zookeeper/session.ts'
import { block, frame, frameSplitter, int, long } from '../../../../src/ensemble/zookeeper/wire.ts'
import {
  simulateEnsemble,
  type Faults,
  type SimulatedEnsemble,
} from '../../../support/cluster/zookeeper.ts'
import { connectReply, reply } from '../../../support/cluster/zookeeper-wire.ts'
import { usualMembers } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'

const never = new AbortController().signal

function ensembleOf(count: number): SimulatedEnsemble {
  const ensemble = simulateEnsemble()
  for (const spec of usualMembers(count)) ensemble.start(spec)
  return ensemble
}

function open(
  ensemble: SimulatedEnsemble,
  ordinal = 0,
  options: Partial<SessionOptions> = {},
  signal = never,
): Promise<Session> {
  const stream = ensemble.connect(ordinal)
  return stream === undefined
    ? Promise.reject(new Error('nothing runs there'))
    : openSession(stream, { clock: idleClock(), ...options }, signal)
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

/** A server that answers the handshake and then does as told with each request's xid and type. */
function scripted(onRequest: (server: Duplex, xid: number, op: number) => void): Duplex {
  const [near, far] = duplexPair()
  const split = frameSplitter()
  let greeted = false
  far.on('data', (chunk: Buffer) => {
    for (const bytes of split(chunk)) {
      if (greeted) onRequest(far, bytes.readInt32BE(0), bytes.readInt32BE(4))
      else far.write(connectReply(10_000, 5n))
      greeted = true
    }
  })
  return near
}

describe('requests', () => {
  test('what is written can be read, changed, listed and deleted', async () => {
    const session = await open(ensembleOf(3))
    await session.create('/a', 'one')
    await session.create('/a/b', 'two')
    const changed = await session.set('/a', 'three', 0)
    const { data, stat } = await session.get('/a')
    expect([data, stat.version, stat.mzxid, stat.children]).toEqual(['three', 1, changed.mzxid, 1])
    expect(await session.children('/a')).toEqual(['b'])
    await session.delete('/a/b')
    expect(await session.exists('/a/b')).toBeUndefined()
    await session.ping()
    expect(session.lastZxid()).toBeGreaterThan(stat.mzxid)
    await session.close()
    expect(session.over.aborted).toBe(true)
  })

  test('many at once come back each to its asker', async () => {
    const session = await open(ensembleOf(1))
    await session.create('/n', '')
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => session.create(`/n/${index}`, `v${index}`)),
    )
    const read = await Promise.all(
      Array.from({ length: 50 }, (_, index) => session.get(`/n/${index}`)),
    )
    expect(read.map((one) => one.data)).toEqual(
      Array.from({ length: 50 }, (_, index) => `v${index}`),
    )
  })

  test.each([
    ['NoNode', (session: Session) => session.get('/none')],
    ['NodeExists', (session: Session) => session.create('/a', '')],
    ['BadVersion', (session: Session) => session.set('/a', 'x', 9)],
    ['NotEmpty', (session: Session) => session.delete('/a')],
    [
      'NoNode',
      (session: Session) =>
        session.multi([
          { kind: 'create', path: '/new', data: '' },
          { kind: 'delete', path: '/none', version: -1 },
        ]),
    ],
  ])('a refusal says %s and leaves the session alive', async (reason, ask) => {
    const session = await open(ensembleOf(3))
    await session.create('/a', '')
    await session.create('/a/b', '')
    const error = await failureOf(ask(session))
    expect(error).toBeInstanceOf(Refusal)
    expect(error).toMatchObject({ reason })
    expect(await session.exists('/new')).toBeUndefined()
    expect(await session.exists('/a')).toBeDefined()
  })

  test('the secret of an auth is used and never shown', async () => {
    const ensemble = ensembleOf(1)
    ensemble.lock('/', 'u:s3cret')
    const plain = await failureOf((await open(ensemble)).create('/x', ''))
    expect(plain).toMatchObject({ reason: 'NoAuth' })
    await (await open(ensemble, 0, { auth: 'u:s3cret' })).create('/x', '')
    expect(ensemble.paths(0)).toEqual(['/x'])
  })

  test('a watch event between answers disturbs nothing', async () => {
    const stream = scripted((server, xid) => {
      server.write(frame(int(-1), long(-1n), int(0), int(3), int(3), block('/x')))
      server.write(reply(xid, 9n, 0, block('/x')))
    })
    const session = await openSession(stream, { clock: idleClock() }, never)
    await session.sync('/x')
    expect(session.lastZxid()).toBe(9n)
  })
})

describe('a connection that is lost', () => {
  test('after a write was sent: unknown, neither done nor failed', async () => {
    const ensemble = ensembleOf(3)
    const session = await open(ensemble)
    ensemble.fault(0, { losesAnswers: true })
    const error = await failureOf(session.create('/lost', ''))
    expect(error).toBeInstanceOf(NoAnswer)
    expect(error).toMatchObject({ outcome: 'unknown' })
    expect(ensemble.paths(1)).toEqual(['/lost'])
  })

  test('after a read was sent: not done, and it says so', async () => {
    const stream = scripted((server) => server.destroy())
    const session = await openSession(stream, { clock: idleClock() }, never)
    expect(await failureOf(session.get('/x'))).toMatchObject({
      name: 'NoAnswer',
      outcome: 'not done',
    })
  })

  test('before a write is sent: not done', async () => {
    const ensemble = ensembleOf(1)
    const session = await open(ensemble)
    ensemble.stop(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(await failureOf(session.create('/x', ''))).toMatchObject({
      name: 'NoAnswer',
      outcome: 'not done',
    })
    expect(session.over.aborted).toBe(true)
  })

  test('a member that falls silent is given up after the time for an answer; what was sent behind it is unknown too', async () => {
    const session = await openSession(
      scripted(() => undefined),
      { clock: idleClock() },
      never,
    )
    const [first, second] = await Promise.all([
      failureOf(session.sync('/x')),
      failureOf(session.set('/x', '', -1)),
    ])
    expect(first).toMatchObject({ outcome: 'not done', message: 'sync: no answer within 5.0s' })
    expect(second).toMatchObject({ outcome: 'unknown' })
  })

  test.each([
    [
      'an answer to another request',
      (server: Duplex, xid: number) => server.write(reply(xid + 1, 1n, 0)),
    ],
    [
      'an answer that ends early',
      (server: Duplex, xid: number) => server.write(reply(xid, 1n, 0, Buffer.from('00', 'hex'))),
    ],
    ['bytes of something else', (server: Duplex) => server.write('HTTP/1.1 400')],
  ])('%s ends the session: the outcome of a write is unknown', async (_, answer) => {
    const session = await openSession(
      scripted((server, xid) => void answer(server, xid)),
      { clock: idleClock() },
      never,
    )
    expect(await failureOf(session.set('/x', '', -1))).toMatchObject({
      name: 'NoAnswer',
      outcome: 'unknown',
    })
    expect(session.over.aborted).toBe(true)
  })

  test('an abort rejects what is under way with its own reason', async () => {
    const abort = new AbortController()
    const session = await openSession(
      scripted(() => undefined),
      { clock: idleClock() },
      abort.signal,
    )
    const waiting = failureOf(session.get('/x'))
    abort.abort(new Error('cancelled'))
    expect(await waiting).toMatchObject({ message: 'cancelled' })
  })

  test('closing an already lost session neither waits nor throws', async () => {
    const ensemble = ensembleOf(1)
    const session = await open(ensemble)
    ensemble.stop(0)
    await session.close()
    await session.close()
  })
})

describe('a session that is not given', () => {
  const cases: readonly (readonly [string, Faults, new (...args: never[]) => Error])[] = [
    ['a member without a quorum closes without a byte', { notServing: true }, NoSession],
    ['a member that closes at once', { silent: true }, NoSession],
    ['a member that says nothing', { mute: true }, NoAnswer],
    ['something else on the port', { garbage: 'SSH-2.0-OpenSSH_9.2\r\n' }, Error],
  ]
  test.each(cases)('%s', async (_, faults, kind) => {
    const ensemble = ensembleOf(3)
    ensemble.fault(0, faults)
    expect(await failureOf(open(ensemble))).toBeInstanceOf(kind)
  })

  test('a member that is behind what its client has seen refuses it, so that nobody reads an older state', async () => {
    expect(await failureOf(open(ensembleOf(3), 0, { lastZxidSeen: 0x7000000000n }))).toBeInstanceOf(
      NoSession,
    )
  })

  test('a run that is cancelled already opens nothing', async () => {
    expect(
      await failureOf(open(ensembleOf(1), 0, {}, AbortSignal.abort(new Error('cancelled')))),
    ).toMatchObject({ message: 'cancelled' })
  })
})

test('an ephemeral goes with its session and with nothing else', async () => {
  const ensemble = ensembleOf(3)
  const [owner, other] = [await open(ensemble, 0), await open(ensemble, 1)]
  await owner.create('/e', '', 'ephemeral')
  expect((await other.exists('/e'))?.ephemeralOwner).toBe(owner.id)
  await owner.close()
  expect(await other.exists('/e')).toBeUndefined()
})
