// One followed list: listed once, watched from there, listed again whenever the watch ends, polled
// where watching is forbidden.

import type { Clock } from '../clock.ts'
import { KubeFailure } from './failure.ts'
import type { KindRef, Kube, KubeObject, ListOptions, WatchEvent } from './kube.ts'

export interface SubjectOptions<View> {
  readonly kube: Kube
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly kind: KindRef
  readonly options: ListOptions
  /** `the pods`, for notes. */
  readonly title: string
  /** Not being allowed to list is noted, not fatal. */
  readonly optional: boolean
  /** Undefined for an object that doesn't belong. */
  readonly view: (object: KubeObject) => View | undefined
  readonly onChange: () => void
}

export interface Subject<View> {
  /** Resolves after the first list, successful or not. */
  readonly listed: Promise<void>
  /** Resolves when nothing runs any more. */
  readonly ended: Promise<void>
  views(): readonly View[]
  /** Why it can't be followed. */
  fatal(): Error | undefined
  note(): string | undefined
}

/** Between two lists where watching isn't allowed. */
const POLL_MS = 2_000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
/** A watch that lived so long was healthy: the pause starts small again. */
const HEALTHY_MS = 20_000

export function createSubject<View>(subject: SubjectOptions<View>): Subject<View> {
  const { kube, clock, signal, kind, options } = subject
  const kept = new Map<string, { readonly version: string | undefined; readonly view: View }>()
  let fatal: Error | undefined
  let note: string | undefined
  let watchable = true
  let listed: () => void = () => undefined
  const firstList = new Promise<void>((resolve) => (listed = resolve))

  /** By UID: a pod that came back under its name is another pod. */
  const keyOf = (object: KubeObject): string =>
    object.metadata.uid ?? `${object.metadata.namespace ?? ''}/${object.metadata.name}`

  function take(event: WatchEvent): void {
    const key = keyOf(event.object)
    const view = event.type === 'DELETED' ? undefined : subject.view(event.object)
    if (view === undefined) {
      if (kept.delete(key)) subject.onChange()
      return
    }
    kept.set(key, { version: event.object.metadata.resourceVersion, view })
    subject.onChange()
  }

  async function list(): Promise<string> {
    const { items, resourceVersion } = await kube.list(kind, options, signal)
    const before = new Map(kept)
    kept.clear()
    let changed = false
    for (const object of items) {
      const key = keyOf(object)
      const old = before.get(key)
      const version = object.metadata.resourceVersion
      const view =
        old !== undefined && version !== undefined && old.version === version
          ? old.view
          : subject.view(object)
      if (view === undefined) continue
      kept.set(key, { version, view })
      changed ||= view !== old?.view
    }
    if (changed || kept.size !== before.size) subject.onChange()
    return resourceVersion
  }

  /**
   * Seconds grow with each round that brought nothing, with jitter, so that many followers don't
   * knock together.
   */
  const pause = (round: number): number =>
    Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(round, 10)) *
    (0.75 + Math.random() / 2)

  async function run(): Promise<void> {
    for (let round = 0; !signal.aborted;) {
      let resourceVersion: string
      try {
        resourceVersion = await list()
        note = watchable
          ? undefined
          : `${subject.title} can't be watched with these rights, and are read every ${POLL_MS / 1000} s`
        listed()
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof KubeFailure)) throw error
        const denied = [401, 403, 404, 405].includes(error.status)
        if (denied && subject.optional) {
          note = `${subject.title} can't be read with these rights (${error.status}): reasons that only they tell are missing`
          return
        }
        if (denied || error.reason === 'Credentials' || error.reason === 'Unparsable') throw error
        // The server is away or busy: what is known stays, and is said to be old.
        note = `${subject.title} could not be read again: ${error.message}`
        await clock.sleep(pause(++round), signal)
        continue
      }
      if (!watchable) {
        await clock.sleep(POLL_MS, signal)
        continue
      }
      const began = clock.now()
      try {
        await kube.watch(kind, options, resourceVersion, take, signal)
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof KubeFailure)) throw error
        watchable = false
        continue
      }
      round = clock.now() - began >= HEALTHY_MS ? 0 : round + 1
      await clock.sleep(pause(round), signal)
    }
  }

  const ended = run()
    .catch((error: unknown) => {
      if (signal.aborted) return
      fatal = error instanceof Error ? error : new Error('following failed')
      subject.onChange()
    })
    .finally(() => listed())

  return {
    listed: firstList,
    ended,
    views: () => [...kept.values()].map((entry) => entry.view),
    fatal: () => fatal,
    note: () => note,
  }
}
