// What the controllers of the simulated cluster share: the store, a clock that can run fast,
// events, and the images that exist.

import type { Fields } from './json.ts'
import { at, compact, number, put, text } from './json.ts'
import { kindOf } from './kinds.ts'
import type { Store, Stored } from './store.ts'
import { nameOf, namespaceOf, timestamp, uidOf } from './store.ts'

/** How containers of an image behave; an image that isn't in the table can't be pulled. */
export interface ImageBehaviour {
  /** Simulated milliseconds until it is pulled, 0 when it lies on the node already. */
  readonly pullMs?: number
  /** The container ends by itself. */
  readonly exit?: {
    readonly code: number
    readonly reason?: 'Error' | 'OOMKilled'
    readonly afterMs?: number
    readonly log?: string
  }
  /** Probes never pass. */
  readonly unready?: boolean
  /** The image runs a ZooKeeper server of this version. */
  readonly zookeeper?: string
  /** What a program answers that is run inside of it; undefined for one that it doesn't know. */
  readonly exec?: (
    inside: Inside,
    command: readonly string[],
    stdin: string,
  ) => ExecAnswer | undefined
}

/** Where a program is run by exec. */
export interface Inside {
  readonly world: World
  readonly pod: Stored
}

export interface ExecAnswer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface World {
  readonly store: Store
  /** Runs `act` after simulated milliseconds, unless the cluster is stopped before. */
  after(ms: number, act: () => void): void
  /**
   * Runs `act` after real milliseconds: for what clients count themselves, such as minReadySeconds.
   */
  afterReal(ms: number, act: () => void): void
  /** Has the controllers look again, also when no object changed. */
  wake(): void
  /** Records an event about an object; the same one again raises its count. */
  event(
    about: Stored,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    source: EventSource,
  ): void
  image(name: string): ImageBehaviour | undefined
  /** Provisioners that run; a class that names another one waits for ever. */
  readonly provisioners: ReadonlySet<string>
  /** Why the pod would be refused by quota or admission; undefined when it may be created. */
  rejection(pod: Stored): string | undefined
}

export interface EventSource {
  readonly component: string
  readonly host?: string
  /** `spec.containers{name}`. */
  readonly fieldPath?: string
  /** The scheduler writes events of the newer form, without a source. */
  readonly action?: string
}

/** Writes an event, or counts an equal one up. */
export function recordEvent(
  store: Store,
  about: Stored,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  source: EventSource,
): void {
  const kind = kindOf('Event')
  const namespace = namespaceOf(about) === '' ? 'default' : namespaceOf(about)
  const involvedObject = compact({
    kind: about.kind,
    namespace: namespaceOf(about) === '' ? undefined : namespaceOf(about),
    name: nameOf(about),
    uid: uidOf(about),
    apiVersion: about.apiVersion,
    resourceVersion: text(about, 'metadata', 'resourceVersion'),
    fieldPath: source.fieldPath,
  })
  const before = store
    .list(kind, namespace)
    .find(
      (event) =>
        text(event, 'involvedObject', 'uid') === uidOf(about) &&
        text(event, 'reason') === reason &&
        text(event, 'message') === message &&
        text(event, 'type') === type,
    )
  if (before !== undefined) {
    store.edit(kind, before, (draft) => {
      put(draft, ['count'], number(draft, ['count'], 1) + 1)
      put(draft, ['lastTimestamp'], timestamp(store.now()))
    })
    return
  }
  const now = timestamp(store.now())
  const series: Fields =
    source.action === undefined
      ? {
          source: compact({ component: source.component, host: source.host }),
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
          eventTime: null,
          reportingInstance: source.host ?? '',
        }
      : {
          source: {},
          firstTimestamp: null,
          lastTimestamp: null,
          eventTime: new Date(store.now()).toISOString().replace('Z', '000Z'),
          action: source.action,
          reportingInstance: `${source.component}-1`,
        }
  store.create(kind, {
    metadata: {
      name: `${nameOf(about)}.${(store.version() + store.now() * 4096).toString(16)}`,
      namespace,
    },
    involvedObject,
    reason,
    message,
    type,
    reportingComponent: source.component,
    ...series,
  })
}

/** Node whose clock, disk and network the pod uses; '' while it isn't scheduled. */
export function nodeOf(pod: Fields): string {
  return text(at(pod, 'spec', 'nodeName'))
}
