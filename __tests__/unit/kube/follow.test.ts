// A follower must be right after whatever the API server does to its watches, and cost little.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../src/kube/failure.ts'
import { follow } from '../../../src/kube/follow.ts'
import type { Kube, KubeObject, WatchEvent } from '../../../src/kube/kube.ts'
import { caught, never, object, runningClock } from './given.ts'

const FOLLOWED = { namespace: 'zoo', set: 'zk', selector: 'app=zk' }

function set(replicas = 3): KubeObject {
  return {
    ...object(
      'StatefulSet',
      'zk',
      { spec: { replicas, serviceName: 'zk-hs', selector: { matchLabels: { app: 'zk' } } } },
      'apps/v1',
    ),
  }
}

function pod(ordinal: number, uid = `uid-${ordinal}`, resourceVersion = '1'): KubeObject {
  const base = object('Pod', `zk-${ordinal}`, {
    spec: { containers: [] },
    status: { phase: 'Running' },
  })
  return { ...base, metadata: { ...base.metadata, uid, resourceVersion } }
}

function event(kind: string, name: string): KubeObject {
  return object('Event', `${name}.1`, {
    involvedObject: { kind, name },
    reason: 'R',
    message: 'm',
    type: 'Warning',
  })
}

interface OpenWatch {
  readonly kind: string
  readonly send: (event: WatchEvent) => void
  readonly end: (error?: Error) => void
}

/** A cluster whose lists are `held` and whose watches the test holds in its hand. */
function cluster(
  refuse: (verb: 'list' | 'watch', kind: string) => KubeFailure | undefined = () => undefined,
) {
  const held: Record<string, KubeObject[]> = {
    StatefulSet: [set()],
    Pod: [pod(0)],
    PersistentVolumeClaim: [],
    Event: [],
  }
  const watches: OpenWatch[] = []
  const lists: { kind: string; options: unknown }[] = []
  const opened: (() => void)[] = []
  const kube: Pick<Kube, 'list' | 'watch'> = {
    async list(kind, options) {
      lists.push({ kind: kind.kind, options })
      const refusal = refuse('list', kind.kind)
      if (refusal !== undefined) throw refusal
      return { items: held[kind.kind] ?? [], resourceVersion: '10' }
    },
    watch(kind, _options, _version, onEvent, signal) {
      const refusal = refuse('watch', kind.kind)
      if (refusal !== undefined) return Promise.reject(refusal)
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
        watches.push({
          kind: kind.kind,
          send: onEvent,
          end: (error) => (error === undefined ? resolve() : reject(error)),
        })
        for (const tell of opened.splice(0)) tell()
      })
    },
  }
  const watching = async (kind: string, times = 1): Promise<OpenWatch> => {
    for (;;) {
      const found = watches.filter((one) => one.kind === kind)[times - 1]
      if (found !== undefined) return found
      await new Promise<void>((resolve) => opened.push(resolve))
    }
  }
  return { kube: partly(kube), held, lists, watching }
}

/** Only what a follower uses; anything else is a fault of the test. */
function partly(part: Pick<Kube, 'list' | 'watch'>): Kube {
  const no = (): never => {
    throw new Error('not used by a follower')
  }
  return {
    namespace: 'zoo',
    context: 'test',
    server: 'test',
    credentialsEnd: undefined,
    requests: { reads: 0, writes: 0, dryRuns: 0, watches: 0, streams: 0, lease: 0 },
    get: no,
    listAs: no,
    apply: no,
    create: no,
    createDry: no,
    replace: no,
    patch: no,
    patchDry: no,
    delete: no,
    evict: no,
    logs: no,
    exec: no,
    forward: no,
    tunnel: no,
    denied: no,
    kinds: no,
    time: no,
    close: no,
    ...part,
  }
}

const failed = (status: number): KubeFailure =>
  new KubeFailure({ status, reason: 'X', message: `answered ${status}`, request: 'r' })

describe('what is known', () => {
  test('starts with one list each, of this ensemble only, and costs nothing more while nothing happens', async () => {
    const { kube, lists, watching } = cluster()
    const follower = follow(kube, FOLLOWED, runningClock(), never)
    await follower.ready()
    await watching('Event')
    expect(lists).toEqual([
      { kind: 'StatefulSet', options: { namespace: 'zoo', fields: 'metadata.name=zk' } },
      { kind: 'Pod', options: { namespace: 'zoo', labels: 'app=zk' } },
      { kind: 'PersistentVolumeClaim', options: { namespace: 'zoo', labels: 'app=zk' } },
      { kind: 'Event', options: { namespace: 'zoo' } },
    ])
    expect(follower.snapshot()).toMatchObject({
      set: { name: 'zk', replicas: 3 },
      pods: [{ name: 'zk-0' }],
      claims: [],
      events: [],
    })
    await follower.changed(60_000)
    expect(lists).toHaveLength(4)
    await follower.stop()
  })

  test('follows additions, changes and ends; a pod that came back under its name is another pod', async () => {
    const { kube, watching } = cluster()
    const follower = follow(kube, FOLLOWED, runningClock(), never)
    await follower.ready()
    const pods = await watching('Pod')
    pods.send({ type: 'ADDED', object: pod(1) })
    expect(follower.snapshot().pods.map((one) => one.name)).toEqual(['zk-0', 'zk-1'])
    pods.send({ type: 'ADDED', object: pod(0, 'other') })
    pods.send({ type: 'DELETED', object: pod(0) })
    expect(follower.snapshot().pods.map((one) => one.uid)).toEqual(['other', 'uid-1'])
    const sets = await watching('StatefulSet')
    sets.send({ type: 'DELETED', object: set() })
    expect(follower.snapshot().set).toBeUndefined()
    await follower.stop()
  })

  test('only events of the set, its pods and its claims are kept, whoever else writes in the namespace', async () => {
    const { kube, held } = cluster()
    held['Event'] = [
      event('StatefulSet', 'zk'),
      event('Pod', 'zk-2'),
      event('PersistentVolumeClaim', 'data-zk-0'),
      event('Pod', 'zk-other-0'),
      event('Pod', 'my-zk-0'),
      event('StatefulSet', 'kafka'),
      event('PersistentVolumeClaim', 'data-zk'),
      object('Event', 'broken', { count: 'many' }),
    ]
    const follower = follow(kube, FOLLOWED, runningClock(), never)
    await follower.ready()
    expect(follower.snapshot().events.map((one) => one.object.name)).toEqual([
      'zk',
      'zk-2',
      'data-zk-0',
    ])
    await follower.stop()
  })
})

describe('when watches end', () => {
  test('what was missed is found by the next list, and wakes the waiter', async () => {
    const { kube, held, watching } = cluster()
    const follower = follow(kube, FOLLOWED, runningClock(), never)
    await follower.ready()
    const first = await watching('Pod')
    follower.snapshot()
    held['Pod'] = [pod(1)]
    first.end()
    await watching('Pod', 2)
    await follower.changed(1)
    expect(follower.snapshot().pods.map((one) => one.name)).toEqual(['zk-1'])
    await follower.stop()
  })

  test('a list that says what is known already wakes nobody', async () => {
    const { kube, watching } = cluster()
    const clock = runningClock()
    const follower = follow(kube, FOLLOWED, clock, never)
    await follower.ready()
    follower.snapshot()
    const first = await watching('Pod')
    first.end()
    await watching('Pod', 2)
    await follower.changed(777)
    expect(clock.slept).toContain(777)
    await follower.stop()
  })

  test('a watch that drops again and again is opened with growing pauses', async () => {
    const { kube, watching } = cluster()
    const clock = runningClock()
    const follower = follow(kube, FOLLOWED, clock, never)
    await follower.ready()
    for (let times = 1; times <= 8; times++) (await watching('Pod', times)).end()
    await watching('Pod', 9)
    expect(Math.min(...clock.slept.slice(-3))).toBeGreaterThan(
      4 * Math.max(...clock.slept.slice(0, 1)),
    )
    expect(Math.max(...clock.slept)).toBeLessThanOrEqual(6_250)
    await follower.stop()
  })

  test('a server that is away for a while changes nothing but the age of what is known, which is said', async () => {
    let away = false
    const { kube, watching } = cluster((verb, kind) =>
      away && verb === 'list' && kind === 'Pod' ? failed(503) : undefined,
    )
    const follower = follow(kube, FOLLOWED, runningClock(), never)
    await follower.ready()
    const first = await watching('Pod')
    away = true
    first.end()
    while (follower.notes().length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(follower.notes()).toEqual(['the pods could not be read again: answered 503'])
    expect(follower.snapshot().pods).toHaveLength(1)
    away = false
    await watching('Pod', 2)
    expect(follower.notes()).toEqual([])
    await follower.stop()
  })
})

describe('with fewer rights', () => {
  test('what may not be watched is read every two seconds, and said to be', async () => {
    const { kube, held, lists } = cluster((verb, kind) =>
      verb === 'watch' && kind === 'Pod' ? failed(403) : undefined,
    )
    const clock = runningClock()
    const follower = follow(kube, FOLLOWED, clock, never)
    await follower.ready()
    held['Pod'] = [pod(0, 'uid-0', '2')]
    while (lists.filter((one) => one.kind === 'Pod').length < 4)
      await new Promise((resolve) => setImmediate(resolve))
    expect(new Set(clock.slept)).toEqual(new Set([2000]))
    expect(follower.notes()).toEqual([
      "the pods can't be watched with these rights, and are read every 2 s",
    ])
    await follower.stop()
  })

  test('events that may not be read are noted; pods that may not be read end it', async () => {
    const tolerant = cluster((_verb, kind) => (kind === 'Event' ? failed(403) : undefined))
    const follower = follow(tolerant.kube, FOLLOWED, runningClock(), never)
    await follower.ready()
    expect(follower.notes()[0]).toContain("the events can't be read with these rights (403)")
    await follower.stop()
    const strict = cluster((_verb, kind) => (kind === 'Pod' ? failed(403) : undefined))
    const other = follow(strict.kube, FOLLOWED, runningClock(), never)
    expect(await caught(other.ready())).toMatchObject({ status: 403 })
    expect(() => other.snapshot()).toThrow('answered 403')
    await other.stop()
  })

  test('a pod that is not shaped as the API says is named, instead of being overlooked', async () => {
    const { kube, held } = cluster()
    held['Pod'] = [object('Pod', 'zk-0', { spec: { containers: 'none' } })]
    const follower = follow(kube, FOLLOWED, runningClock(), never)
    expect((await caught(follower.ready())).message).toMatch(
      /^Pod zoo\/zk-0 can't be read: spec\.containers/,
    )
    await follower.stop()
  })
})

test('a cancel ends the wait and all that runs', async () => {
  const stop = new AbortController()
  const { kube, watching } = cluster()
  const follower = follow(kube, FOLLOWED, runningClock(), stop.signal)
  await follower.ready()
  await watching('Event')
  follower.snapshot()
  stop.abort(new Error('cancelled by the user'))
  await expect(follower.changed(1000)).rejects.toThrow('cancelled by the user')
  await follower.stop()
})
