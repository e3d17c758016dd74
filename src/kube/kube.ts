// What the rest of the action asks of a cluster: a small interface, so that only this folder knows
// the client library.

import type { Duplex } from 'node:stream'

/** Who we are in managedFields. */
export const FIELD_MANAGER = 'zk-ensemble-action'

/** Any object of the API: what is common is parsed, the rest stays as it came. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly generation?: number | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly ownerReferences?:
    | readonly {
        readonly kind: string
        readonly name: string
        readonly uid: string
        readonly controller?: boolean | undefined
      }[]
    | undefined
  readonly managedFields?: readonly ManagedFields[] | undefined
  readonly deletionTimestamp?: string | undefined
  readonly finalizers?: readonly string[] | undefined
  readonly creationTimestamp?: string | undefined
  readonly [field: string]: unknown
}

export interface ManagedFields {
  readonly manager: string
  readonly operation: string
  readonly apiVersion?: string | undefined
  readonly subresource?: string | undefined
  readonly fieldsV1?: unknown
  readonly [field: string]: unknown
}

export interface KindRef {
  readonly apiVersion: string
  readonly kind: string
}

export interface ListedKind extends KindRef {
  /** '' for the core group. */
  readonly group: string
  readonly plural: string
}

export interface ObjectRef extends KindRef {
  readonly name: string
  readonly namespace?: string | undefined
}

export function refOf(object: KubeObject): ObjectRef {
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace,
  }
}

/** As it is named in words: `statefulset/zk`. */
export function objectName({ kind, metadata: { name } }: KubeObject): string {
  return `${kind.toLowerCase()}/${name}`
}

export interface ListOptions {
  readonly namespace?: string | undefined
  /** Label selector as the API writes it. */
  readonly labels?: string
  /** Field selector as the API writes it. */
  readonly fields?: string
}

export interface ListResult {
  readonly items: readonly KubeObject[]
  readonly resourceVersion: string
}

export type WatchEvent = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubeObject
}

export interface ApplyOptions {
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly fieldManager?: string
  /** Of the object that is meant: another of its name is refused with a 409, and none is made. */
  readonly uid?: string | undefined
}

export interface ApplyResult {
  readonly object: KubeObject
  readonly created: boolean
  /** What the server warns of. */
  readonly warnings: readonly string[]
}

/** One right, as an access review asks for it. */
export interface Access {
  readonly verb: string
  /** API group, '' for the core. */
  readonly group: string
  /** Plural, with subresource: `pods`, `pods/exec`. */
  readonly resource: string
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  /** A rule that names some objects is enough: the request to another one will tell. */
  readonly some?: true
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface ExecOptions {
  readonly stdin?: string
  /** Ends the call with a KubeFailure of reason Timeout. Default 30 s. */
  readonly timeoutMs?: number
}

/** `line`: the first that it said; the stream begins after it. */
export type Tunnelled =
  | { readonly kind: 'open'; readonly line: string; readonly stream: Duplex }
  | { readonly kind: 'ended'; readonly exitCode: number; readonly stderr: string }

/**
 * How many requests went out, by verb; port-forwards, exec sessions, watches and lease renewals
 * apart.
 */
export interface RequestCount {
  readonly reads: number
  readonly writes: number
  readonly dryRuns: number
  readonly watches: number
  readonly streams: number
  readonly lease: number
}

/**
 * Every call takes the run's signal and throws a KubeFailure (see failure.ts) for an answer that
 * isn't success, never a raw exception.
 * Answers 429 (without a DisruptionBudget cause), 5xx and broken connections are tried again for
 * reads and for applies, with growing pauses, until 30 s have passed.
 */
export interface Kube {
  /** Namespace of the context, `default` when it names none. */
  readonly namespace: string
  readonly context: string
  /** Host of the API server, for messages. */
  readonly server: string
  /** Undefined when the object isn't there. */
  get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined>
  list(kind: KindRef, options: ListOptions, signal: AbortSignal): Promise<ListResult>
  /**
   * The same for long lists: each page is turned into views before the next is asked for, so that
   * what the API sent is never held whole. Rejects too with what `view` throws.
   */
  listAs<View>(
    kind: KindRef,
    options: ListOptions,
    view: (object: KubeObject) => View,
    signal: AbortSignal,
  ): Promise<readonly View[]>
  /**
   * Delivers events from `resourceVersion` on; resolves when the stream ends for whatever reason
   * (also 410). Rejects when aborted, and with a KubeFailure of status 401, 403, 404 or 405 where
   * watching isn't possible at all.
   */
  watch(
    kind: KindRef,
    options: ListOptions,
    resourceVersion: string,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Server-side apply as field manager `zk-ensemble-action`, field validation Strict for our own
   * kinds.
   */
  apply(object: KubeObject, options: ApplyOptions, signal: AbortSignal): Promise<ApplyResult>
  create(object: KubeObject, signal: AbortSignal): Promise<KubeObject>
  /** A dry run of a create: throws what the server would refuse it with. */
  createDry(
    object: KubeObject,
    signal: AbortSignal,
  ): Promise<{ readonly warnings: readonly string[] }>
  /** PUT: needs metadata.resourceVersion; a 409 is thrown as it is. */
  replace(object: KubeObject, signal: AbortSignal): Promise<KubeObject>
  /** JSON patch (RFC 6902). */
  patch(
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    signal: AbortSignal,
  ): Promise<KubeObject>
  /** A dry run of a patch: the object as it would be. */
  patchDry(
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    signal: AbortSignal,
  ): Promise<KubeObject>
  /** False when it was gone already. */
  delete(
    ref: ObjectRef,
    preconditions: {
      readonly uid?: string
      readonly resourceVersion?: string
      readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
    },
    signal: AbortSignal,
  ): Promise<boolean>
  /** POST of an Eviction with the UID as precondition. */
  evict(
    pod: { readonly name: string; readonly namespace: string; readonly uid: string },
    options: { readonly dryRun?: boolean; readonly gracePeriodSeconds?: number },
    signal: AbortSignal,
  ): Promise<void>
  logs(
    pod: { readonly name: string; readonly namespace: string },
    container: string,
    options: { readonly lines: number; readonly previous?: boolean },
    signal: AbortSignal,
  ): Promise<string>
  exec(
    pod: { readonly name: string; readonly namespace: string },
    container: string,
    command: readonly [string, ...string[]],
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ExecResult>
  /**
   * A command as a byte stream, once it has said its first line; its stdin ends with the stream.
   */
  tunnel(
    pod: { readonly name: string; readonly namespace: string },
    container: string,
    command: readonly [string, ...string[]],
    signal: AbortSignal,
  ): Promise<Tunnelled>
  /** A byte stream to a port of the pod; destroyed with an error when the tunnel breaks. */
  forward(
    pod: { readonly name: string; readonly namespace: string },
    port: number,
    signal: AbortSignal,
  ): Promise<Duplex>
  /**
   * Those of `wanted` that are not allowed, with few requests (rules review first, single reviews
   * for what it doesn't show).
   */
  denied(wanted: readonly Access[], signal: AbortSignal): Promise<readonly Access[]>
  /**
   * Every kind that lives in namespaces and can be listed and deleted, by discovery. `unknown`:
   * groups that gave no answer, in words.
   */
  kinds(
    signal: AbortSignal,
  ): Promise<{ readonly kinds: readonly ListedKind[]; readonly unknown: readonly string[] }>
  /**
   * The API server's clock, in whole seconds (milliseconds since the epoch); undefined where no
   * answer says it.
   */
  time(signal: AbortSignal): Promise<number | undefined>
  /**
   * When the credentials are known to end (a token's exp claim, a certificate's notAfter);
   * milliseconds since the epoch.
   */
  readonly credentialsEnd: number | undefined
  readonly requests: RequestCount
  close(): void
}

export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
