// The requests that leave this machine, and what becomes of each answer.

import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeFailure } from '../../../src/kube/failure.ts'
import { pauseBefore } from '../../../src/kube/retry.ts'
import type { Kube, WatchEvent } from '../../../src/kube/kube.ts'
import {
  CONFIG_MAP,
  caught,
  connectTo,
  json,
  never,
  object,
  runningClock,
  serve,
  status,
} from './given.ts'
import type { Respond, TestServer } from './given.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function cluster(
  respond: Respond,
  options: Parameters<typeof connectTo>[1] = {},
): Promise<{ server: TestServer; kube: Kube }> {
  const server = await serve(respond)
  const kube = await connectTo(server, options)
  closers.push(
    () => kube.close(),
    () => server.close(),
  )
  return { server, kube }
}

describe('reading', () => {
  test('an object that is there comes with all its fields, one that is not is undefined', async () => {
    const { server, kube } = await cluster((asked, response) =>
      asked.url.pathname.endsWith('/a')
        ? json(response, 200, object('ConfigMap', 'a', { data: { x: '1' } }))
        : json(response, 404, status(404, 'NotFound', 'configmaps "b" not found', { name: 'b' })),
    )
    expect(await kube.get(CONFIG_MAP, never)).toMatchObject({ kind: 'ConfigMap', data: { x: '1' } })
    expect(await kube.get({ ...CONFIG_MAP, name: 'b' }, never)).toBeUndefined()
    expect(server.asked[0]?.url.pathname).toBe('/api/v1/namespaces/zoo/configmaps/a')
    expect(server.asked[0]?.headers).toMatchObject({
      authorization: 'Bearer a-test-token',
      'user-agent': 'zk-ensemble-action/1',
    })
  })

  test('a kind that the cluster does not serve is not mistaken for an object that is missing', async () => {
    const { kube } = await cluster(
      (_asked, response) => void response.writeHead(404).end('404 page not found'),
    )
    await expect(kube.get(CONFIG_MAP, never)).rejects.toMatchObject({
      reason: 'UnknownKind',
      status: 404,
    })
  })

  test('a server without a Kubernetes behind it is told as such, without its page', async () => {
    const { kube } = await cluster(
      (_asked, response) => void response.end('<html>Please log in: hunter2</html>'),
    )
    const error = await caught(kube.get(CONFIG_MAP, never))
    expect(error).toMatchObject({ reason: 'Unparsable' })
    expect(error.message).not.toContain('hunter2')
  })

  test('a long list is read page by page, without managedFields, each item with its kind', async () => {
    const { server, kube } = await cluster((asked, response) => {
      const second = asked.url.searchParams.get('continue') === 'more'
      const item = {
        metadata: {
          name: second ? 'b' : 'a',
          managedFields: [{ manager: 'x', operation: 'Update' }],
        },
        spec: {},
      }
      json(response, 200, {
        kind: 'PodList',
        metadata: { resourceVersion: '9', ...(second ? {} : { continue: 'more' }) },
        items: [item],
      })
    })
    const list = await kube.list(
      { apiVersion: 'v1', kind: 'Pod' },
      { namespace: 'zoo', labels: 'app=zk' },
      never,
    )
    expect(list.resourceVersion).toBe('9')
    expect(
      list.items.map((item) => [item.kind, item.metadata.name, item.metadata.managedFields]),
    ).toEqual([
      ['Pod', 'a', undefined],
      ['Pod', 'b', undefined],
    ])
    expect(server.asked.map((asked) => asked.url.searchParams.get('labelSelector'))).toEqual([
      'app=zk',
      'app=zk',
    ])
  })

  test('a list whose pages expire while it is read is begun again', async () => {
    let expired = false
    const { kube } = await cluster((asked, response) => {
      const second = asked.url.searchParams.has('continue')
      if (second && !expired) {
        expired = true
        json(response, 410, status(410, 'Expired', 'The provided continue parameter is too old'))
        return
      }
      json(response, 200, {
        metadata: { resourceVersion: '9', ...(second ? {} : { continue: 'more' }) },
        items: [{ metadata: { name: second ? 'b' : 'a' } }],
      })
    })
    const list = await kube.list({ apiVersion: 'v1', kind: 'Pod' }, {}, never)
    expect(list.items.map((item) => item.metadata.name)).toEqual(['a', 'b'])
  })

  test('of a list that is long each page becomes views before the next is asked for, and what expired is not counted twice', async () => {
    let expired = false
    const order: string[] = []
    const { kube } = await cluster((asked, response) => {
      const from = asked.url.searchParams.get('continue')
      order.push(`page ${from ?? 'first'}`)
      if (from !== null && !expired) {
        expired = true
        json(response, 410, status(410, 'Expired', 'The provided continue parameter is too old'))
        return
      }
      json(response, 200, {
        metadata: { resourceVersion: '9', ...(from === null ? { continue: 'more' } : {}) },
        items: [{ metadata: { name: from === null ? 'a' : 'b' } }],
      })
    })
    const names = await kube.listAs(
      { apiVersion: 'v1', kind: 'Pod' },
      {},
      ({ kind, metadata }) => {
        order.push(metadata.name)
        return `${kind} ${metadata.name}`
      },
      never,
    )
    expect(names).toEqual(['Pod a', 'Pod b'])
    expect(order).toEqual(['page first', 'a', 'page more', 'page first', 'a', 'page more', 'b'])
  })

  test('kinds that are not known by heart are looked up once, and an unknown one is named', async () => {
    const { server, kube } = await cluster((asked, response) => {
      if (asked.url.pathname === '/apis/example.com/v1')
        json(response, 200, {
          resources: [
            { name: 'moose', kind: 'Moose', namespaced: true },
            { name: 'moose/status', kind: 'Moose', namespaced: true },
          ],
        })
      else json(response, 200, object('Moose', 'm', {}, 'example.com/v1'))
    })
    const moose = { apiVersion: 'example.com/v1', kind: 'Moose', name: 'm' }
    await kube.get(moose, never)
    await kube.get(moose, never)
    expect(server.asked.map((asked) => asked.url.pathname)).toEqual([
      '/apis/example.com/v1',
      '/apis/example.com/v1/namespaces/zoo/moose/m',
      '/apis/example.com/v1/namespaces/zoo/moose/m',
    ])
    await expect(
      kube.get({ apiVersion: 'example.com/v1', kind: 'Elk', name: 'e' }, never),
    ).rejects.toMatchObject({
      reason: 'UnknownKind',
      message: 'the cluster does not know the kind Elk of example.com/v1',
    })
  })
})

describe('what is sent again, and what never is', () => {
  const flaky = (failures: number, code: number, headers: Record<string, string> = {}): Respond => {
    let left = failures
    return (_asked, response) => {
      if (left-- > 0) json(response, code, status(code, 'Whatever', 'try later'), headers)
      else json(response, 200, object('ConfigMap', 'a'))
    }
  }

  test.each([429, 500, 503, 504])('a read and an apply outlast answers of %i', async (code) => {
    const { server, kube } = await cluster(flaky(2, code))
    await kube.get(CONFIG_MAP, never)
    expect(server.asked).toHaveLength(3)
    const again = await cluster(flaky(2, code))
    await again.kube.apply(object('ConfigMap', 'a'), {}, never)
    expect(again.server.asked).toHaveLength(3)
  })

  test('Retry-After is waited for', async () => {
    const clock = runningClock()
    const { kube } = await cluster(flaky(1, 429, { 'Retry-After': '7' }), { clock })
    await kube.get(CONFIG_MAP, never)
    expect(clock.slept).toEqual([7000])
  })

  test('tries end after 30 s with the last answer', async () => {
    const clock = runningClock()
    const { kube } = await cluster(flaky(1000, 503), { clock })
    await expect(kube.get(CONFIG_MAP, never)).rejects.toMatchObject({ status: 503 })
    expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(30_000)
    expect(clock.slept.length).toBeGreaterThan(4)
  })

  test('a write that may have been done is not sent twice', async () => {
    for (const write of [
      (kube: Kube) => kube.create(object('ConfigMap', 'a'), never),
      (kube: Kube) => kube.replace(object('ConfigMap', 'a'), never),
      (kube: Kube) => kube.patch(CONFIG_MAP, [{ op: 'remove', path: '/data' }], never),
      (kube: Kube) => kube.delete(CONFIG_MAP, {}, never),
      (kube: Kube) => kube.evict({ name: 'zk-0', namespace: 'zoo', uid: 'u' }, {}, never),
    ]) {
      const { server, kube } = await cluster(flaky(1, 503))
      await expect(write(kube)).rejects.toMatchObject({ status: 503 })
      expect(server.asked).toHaveLength(1)
    }
  })

  test('a connection that breaks after the request changes nothing for a read, and is told for a create', async () => {
    let broken = false
    const breaking: Respond = (_asked, response) => {
      if (broken) json(response, 200, object('ConfigMap', 'a'))
      else response.socket?.destroy()
      broken = true
    }
    const first = await cluster(breaking)
    expect(await first.kube.get(CONFIG_MAP, never)).toMatchObject({ kind: 'ConfigMap' })
    broken = false
    const second = await cluster(breaking)
    await expect(second.kube.create(object('ConfigMap', 'a'), never)).rejects.toMatchObject({
      status: 0,
      reason: 'Unreachable',
    })
    expect(second.server.asked).toHaveLength(1)
  })

  test('a refusal by a budget is returned at once, real or dry', async () => {
    const { server, kube } = await cluster((_asked, response) =>
      json(
        response,
        429,
        status(429, 'TooManyRequests', 'Cannot evict pod', {
          causes: [{ reason: 'DisruptionBudget', message: 'needs 2 healthy pods and has 2' }],
        }),
      ),
    )
    for (const dryRun of [true, false]) {
      await expect(
        kube.evict({ name: 'zk-0', namespace: 'zoo', uid: 'u-1' }, { dryRun }, never),
      ).rejects.toMatchObject({ status: 429, causes: [{ reason: 'DisruptionBudget' }] })
    }
    expect(server.asked.map((asked) => asked.url.search)).toEqual(['?dryRun=All', ''])
    expect(JSON.parse(server.asked[1]?.body ?? '')).toMatchObject({
      kind: 'Eviction',
      deleteOptions: { preconditions: { uid: 'u-1' } },
    })
  })

  test('a server that is not there is told soon, with its address', async () => {
    const gone = await serve(() => undefined)
    await gone.close()
    const clock = runningClock()
    const kube = await connectTo(gone, { clock })
    closers.push(() => kube.close())
    const error = await caught(kube.get(CONFIG_MAP, never))
    expect(error.message).toBe(`nothing listens at ${new URL(gone.address).host}`)
    expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(5_000)
  })

  test('a server that never answers ends in a failure of its own kind, and a cancelled call with the reason of the cancel', async () => {
    const { kube } = await cluster(() => undefined, { answerMs: 30 })
    await expect(kube.create(object('ConfigMap', 'a'), never)).rejects.toMatchObject({
      status: 0,
      reason: 'Timeout',
    })
    const { kube: other } = await cluster(() => stop.abort(new Error('cancelled by the user')))
    const stop = new AbortController()
    await expect(other.get(CONFIG_MAP, stop.signal)).rejects.toThrow('cancelled by the user')
  })

  test('credentials that have ended are read again once, for writes too', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kube-'))
    closers.push(() => rmSync(directory, { recursive: true }))
    const tokenFile = join(directory, 'token')
    writeFileSync(tokenFile, 'token-old\n')
    const secrets: string[] = []
    const { server, kube } = await cluster(
      (asked, response) => {
        writeFileSync(tokenFile, 'token-new\n')
        if (asked.headers.authorization === 'Bearer token-new')
          json(response, 201, object('ConfigMap', 'a'))
        else json(response, 401, status(401, 'Unauthorized', 'Unauthorized'))
      },
      { user: { tokenFile }, onSecret: (secret) => secrets.push(secret) },
    )
    await kube.create(object('ConfigMap', 'a'), never)
    expect(server.asked.map((asked) => asked.headers.authorization)).toEqual([
      'Bearer token-old',
      'Bearer token-new',
    ])
    expect(secrets).toEqual(['token-old', 'token-new'])
  })

  test('a token that cannot be renewed is refused once, not in a loop', async () => {
    const { server, kube } = await cluster((_asked, response) =>
      json(response, 401, status(401, 'Unauthorized', 'Unauthorized')),
    )
    await expect(kube.get(CONFIG_MAP, never)).rejects.toMatchObject({ status: 401 })
    expect(server.asked).toHaveLength(1)
  })
})

describe('writing', () => {
  test('an apply is server-side, by our name, strict, without managedFields, and tells made from changed', async () => {
    let code = 201
    const { server, kube } = await cluster((_asked, response) =>
      json(response, code, object('ConfigMap', 'a')),
    )
    const wanted = {
      ...object('ConfigMap', 'a'),
      metadata: { name: 'a', namespace: 'zoo', managedFields: [] },
    }
    expect((await kube.apply(wanted, {}, never)).created).toBe(true)
    code = 200
    expect((await kube.apply(wanted, { dryRun: true, force: true }, never)).created).toBe(false)
    const [first, second] = server.asked
    expect(first?.headers['content-type']).toBe('application/apply-patch+yaml')
    expect(Object.fromEntries(first?.url.searchParams ?? [])).toEqual({
      fieldManager: 'zk-ensemble-action',
      fieldValidation: 'Strict',
    })
    expect(Object.fromEntries(second?.url.searchParams ?? [])).toMatchObject({
      dryRun: 'All',
      force: 'true',
    })
    expect(JSON.parse(first?.body ?? '')).toEqual({
      ...object('ConfigMap', 'a'),
      metadata: { name: 'a', namespace: 'zoo' },
    })
  })

  test('a delete carries its preconditions, and says whether there was anything', async () => {
    let code = 200
    const { server, kube } = await cluster((_asked, response) =>
      json(
        response,
        code,
        code === 200
          ? object('ConfigMap', 'a')
          : status(404, 'NotFound', 'configmaps "a" not found'),
      ),
    )
    expect(await kube.delete(CONFIG_MAP, { uid: 'u-1', propagation: 'Orphan' }, never)).toBe(true)
    code = 404
    expect(await kube.delete(CONFIG_MAP, {}, never)).toBe(false)
    expect(JSON.parse(server.asked[0]?.body ?? '')).toMatchObject({
      preconditions: { uid: 'u-1' },
      propagationPolicy: 'Orphan',
    })
  })

  test('requests are counted by what they do, the lock apart', async () => {
    const { kube } = await cluster((asked, response) =>
      json(
        response,
        200,
        asked.url.pathname.includes('leases')
          ? object('Lease', 'l', {}, 'coordination.k8s.io/v1')
          : object('ConfigMap', 'a'),
      ),
    )
    await kube.get(CONFIG_MAP, never)
    await kube.apply(object('ConfigMap', 'a'), {}, never)
    await kube.apply(object('ConfigMap', 'a'), { dryRun: true }, never)
    await kube.replace(object('Lease', 'l', {}, 'coordination.k8s.io/v1'), never)
    expect(kube.requests).toEqual({
      reads: 1,
      writes: 1,
      dryRuns: 1,
      watches: 0,
      streams: 0,
      lease: 1,
    })
  })
})

describe('watching', () => {
  const line = (type: string, value: unknown): string =>
    `${JSON.stringify({ type, object: value })}\n`
  async function watched(respond: Respond): Promise<{
    events: WatchEvent[]
    kube: Kube
    server: TestServer
    done: Promise<void>
    stop: AbortController
  }> {
    const { kube, server } = await cluster(respond)
    const events: WatchEvent[] = []
    const stop = new AbortController()
    return {
      kube,
      server,
      events,
      stop,
      done: kube.watch(
        { apiVersion: 'v1', kind: 'Pod' },
        { namespace: 'zoo' },
        '5',
        (event) => events.push(event),
        stop.signal,
      ),
    }
  }

  test('events come through whole, even where the network cuts a character in two; bookmarks do not wake', async () => {
    const bytes = Buffer.from(
      line('ADDED', object('Pod', 'zk-0', { note: 'größer' })) +
        line('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '8' } }) +
        line('DELETED', object('Pod', 'zk-0')),
    )
    const cut = bytes.indexOf(0xc3) + 1
    const { events, done, server } = await watched((_asked, response) => {
      response.write(bytes.subarray(0, cut), () => response.end(bytes.subarray(cut)))
    })
    await done
    expect(events.map((event) => [event.type, event.object['note']])).toEqual([
      ['ADDED', 'größer'],
      ['DELETED', undefined],
    ])
    expect(Object.fromEntries(server.asked[0]?.url.searchParams ?? [])).toMatchObject({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: '5',
    })
  })

  test.each<[string, Respond]>([
    [
      'an answer of 410',
      (_asked, response) => json(response, 410, status(410, 'Expired', 'too old')),
    ],
    [
      'an ERROR event',
      (_asked, response) => void response.end(line('ERROR', status(410, 'Expired', 'too old'))),
    ],
    [
      'a broken connection',
      (_asked, response) =>
        void response.write(line('ADDED', object('Pod', 'zk-0')), () => response.socket?.destroy()),
    ],
    ['half a line', (_asked, response) => void response.end('{"type":"ADD')],
    [
      'a busy server',
      (_asked, response) => json(response, 503, status(503, 'ServiceUnavailable', 'later')),
    ],
  ])('%s ends the watch quietly: the reader lists again', async (_name, respond) => {
    const { done } = await watched(respond)
    await expect(done).resolves.toBeUndefined()
  })

  test('a watch that is not allowed says so, because its reader must poll', async () => {
    const { done } = await watched((_asked, response) =>
      json(response, 403, status(403, 'Forbidden', 'pods is forbidden')),
    )
    await expect(done).rejects.toBeInstanceOf(KubeFailure)
  })

  test('a cancel ends a silent watch with its reason', async () => {
    const { done, stop } = await watched((_asked, response) => {
      response.write('\n')
      stop.abort(new Error('cancelled by the user'))
    })
    await expect(done).rejects.toThrow('cancelled by the user')
  })

  test('a watch without a sign of life is taken for broken', async () => {
    const { kube } = await cluster((_asked, response) => void response.write('\n'), {
      watchSilentMs: 20,
    })
    await expect(
      kube.watch({ apiVersion: 'v1', kind: 'Pod' }, {}, '5', () => undefined, never),
    ).resolves.toBeUndefined()
  })
})

describe('an answer that is larger than any API server gives', () => {
  const piece = Buffer.alloc(1024 * 1024, ' ')

  test('is left off in the midst, whether it comes so or is packed so', async () => {
    let sent = 0
    const endless = await cluster((_asked, response) => {
      const more = (): void => {
        while (!response.destroyed) {
          sent += piece.length
          if (!response.write(piece)) return void response.once('drain', more)
        }
      }
      more()
    })
    expect(await caught(endless.kube.get(CONFIG_MAP, never))).toMatchObject({
      reason: 'Unparsable',
      message: expect.stringContaining('more than 8 MiB'),
    })
    expect(sent).toBeLessThan(200 * 1024 * 1024)
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024))
    const packed = await cluster(
      (_asked, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(bomb),
    )
    expect(await caught(packed.kube.get(CONFIG_MAP, never))).toMatchObject({
      reason: 'Unparsable',
      message: expect.stringContaining('more than 8 MiB'),
    })
  })

  test('a page of objects that are too large together is asked for in smaller ones', async () => {
    const large = 'x'.repeat(1_400_000)
    const limits: (string | null)[] = []
    const { kube } = await cluster((asked, response) => {
      const limit = asked.url.searchParams.get('limit')
      limits.push(limit)
      const items = Array.from({ length: Math.min(Number(limit), 30) }, (_, index) => ({
        metadata: { name: `c${index}`, annotations: { large } },
      }))
      response.end(JSON.stringify({ metadata: { resourceVersion: '1' }, items }))
    })
    const { items } = await kube.list(CONFIG_MAP, { namespace: 'default' }, never)
    expect(items).toHaveLength(10)
    expect(limits.map(Number)).toEqual([500, 10])
  })

  test('no pause that a server asks for is so short that it makes a loop', async () => {
    expect(
      pauseBefore(
        1,
        new KubeFailure({
          status: 429,
          reason: 'TooManyRequests',
          message: '',
          request: '',
          retryAfterSeconds: 0.0001,
        }),
        0,
      ),
    ).toBeGreaterThanOrEqual(250)
  })
})
