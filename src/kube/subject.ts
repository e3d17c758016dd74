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

/** Between two lists where watching isn't allowed. */
const POLL_MS = 2_000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
/** A watch that lived so long was healthy: the pause starts small again. */
const HEALTHY_MS = 20_000

/** What a list brought: `later`, nothing now; `never`, it may not be read, or nobody waits. */
type Listed = { readonly resourceVersion: string } | 'later' | 'never'

export class Subject<View> {
  /** Resolves after the first list, successful or not. */
  readonly listed: Promise<void>
  /** Resolves when nothing runs any more. */
  readonly ended: Promise<void>
  readonly #subject: SubjectOptions<View>
  /** By UID: a pod that came back under its name is another pod. */
  #kept = new Map<string, { readonly version: string | undefined; readonly view: View }>()
  #fatal: Error | undefined
  #note: string | undefined
  #watchable = true

  /** Starts at once, and ends with the signal. */
  constructor(subject: SubjectOptions<View>) {
    this.#subject = subject
    const first = Promise.withResolvers<void>()
    this.listed = first.promise
    this.ended = this.#run(first.resolve)
      .catch((error: unknown) => {
        if (subject.signal.aborted) return
        this.#fatal = error instanceof Error ? error : new Error('following failed')
        subject.onChange()
      })
      .finally(() => first.resolve())
  }

  views(): readonly View[] {
    return [...this.#kept.values()].map((entry) => entry.view)
  }

  /** Why it can't be followed. */
  fatal(): Error | undefined {
    return this.#fatal
  }

  note(): string | undefined {
    return this.#note
  }

  async #run(listed: () => void): Promise<void> {
    const { clock, signal } = this.#subject
    for (let round = 0; !signal.aborted;) {
      const read = await this.#read()
      if (read === 'never') return
      if (read === 'later') {
        await clock.sleep(pause(++round), signal)
        continue
      }
      listed()
      if (!this.#watchable) {
        await clock.sleep(POLL_MS, signal)
        continue
      }
      const lived = await this.#watch(read.resourceVersion)
      if (lived === undefined) continue
      round = lived >= HEALTHY_MS ? 0 : round + 1
      await clock.sleep(pause(round), signal)
    }
  }

  /** Lists, and notes why it can't. Rejects with what can't be waited out. */
  async #read(): Promise<Listed> {
    const { signal, title, optional } = this.#subject
    try {
      const resourceVersion = await this.#list()
      this.#note = this.#watchable
        ? undefined
        : `${title} can't be watched with these rights, and are read every ${POLL_MS / 1000} s`
      return { resourceVersion }
    } catch (error) {
      if (signal.aborted) return 'never'
      if (!(error instanceof KubeFailure)) throw error
      const denied = [401, 403, 404, 405].includes(error.status)
      if (denied && optional) {
        this.#note = `${title} can't be read with these rights (${error.status}): reasons that only they tell are missing`
        return 'never'
      }
      if (denied || error.reason === 'Credentials' || error.reason === 'Unparsable') throw error
      // The server is away or busy: what is known stays, and is said to be old.
      this.#note = `${title} could not be read again: ${error.message}`
      return 'later'
    }
  }

  /** Takes over what is listed; gives the version to watch from. */
  async #list(): Promise<string> {
    const { kube, kind, options, signal, view: viewOf, onChange } = this.#subject
    const { items, resourceVersion } = await kube.list(kind, options, signal)
    const before = this.#kept
    this.#kept = new Map()
    let changed = false
    for (const object of items) {
      const key = keyOf(object)
      const old = before.get(key)
      const version = object.metadata.resourceVersion
      const view =
        old !== undefined && version !== undefined && old.version === version
          ? old.view
          : viewOf(object)
      if (view === undefined) continue
      this.#kept.set(key, { version, view })
      changed ||= view !== old?.view
    }
    if (changed || this.#kept.size !== before.size) onChange()
    return resourceVersion
  }

  /** How long the watch lived, in milliseconds; undefined where watching isn't allowed. */
  async #watch(resourceVersion: string): Promise<number | undefined> {
    const { kube, clock, kind, options, signal } = this.#subject
    const began = clock.now()
    try {
      await kube.watch(kind, options, resourceVersion, (event) => this.#take(event), signal)
      return clock.now() - began
    } catch (error) {
      if (signal.aborted) return undefined
      if (!(error instanceof KubeFailure)) throw error
      this.#watchable = false
      return undefined
    }
  }

  #take(event: WatchEvent): void {
    const key = keyOf(event.object)
    const view = event.type === 'DELETED' ? undefined : this.#subject.view(event.object)
    if (view === undefined) {
      if (this.#kept.delete(key)) this.#subject.onChange()
      return
    }
    this.#kept.set(key, { version: event.object.metadata.resourceVersion, view })
    this.#subject.onChange()
  }
}

function keyOf(object: KubeObject): string {
  return object.metadata.uid ?? `${object.metadata.namespace ?? ''}/${object.metadata.name}`
}

/**
 * Milliseconds grow with each round that brought nothing, with jitter, so that many followers don't
 * knock together.
 */
function pause(round: number): number {
  return (
    Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(round, 10)) *
    (0.75 + Math.random() / 2)
  )
}
