// One Lease per ensemble keeps two runs from changing it at once. Expiry is judged on our own
// clock, by how long we have seen it unchanged, so clock skew does not matter.

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { formatSpan, type Clock } from '../clock.ts'
import { failure, type EnsembleError } from '../errors.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import { keptUnder } from './names.ts'

/** Seconds a Lease is believed without a sign of life. */
const DURATION_SECONDS = 60
const RENEW_MS = 15_000
const RENEWAL_ANSWER_MS = 10_000
const LAST_ANSWER_MS = 5_000
/** The last try begins so long before the Lease expires. */
const LAST_TRY_MS = 2_000
const LOOK_MS = 3_000
/** How often a lock in doubt is looked at. */
const DOUBT_MS = 250
/** How long a live lock of another run is waited for. */
export const LOCK_WAIT_MS = 120_000
/** Characters of a holder that are shown. */
const LONGEST_HOLDER = 300
const URL_ANNOTATION = 'zk-ensemble-action/run-url'

export interface Holder {
  /** `owner/repository`, run id and attempt, as the runner gives them. */
  readonly repository: string
  readonly runId: string
  readonly attempt: string
  readonly runUrl: string
}

export interface Lock {
  /** Whole holder identity, with a nonce: the post step releases only what still carries it. */
  readonly identity: string
  readonly leaseName: string
  /**
   * Aborted when the Lease was taken from us (LOCKED), or could not be renewed for its whole
   * duration (CLUSTER_UNREACHABLE).
   */
  readonly lost: AbortSignal
  /**
   * Whether nobody else can hold it yet: a process that stood still finds out before its timers do.
   */
  held(): boolean
  /**
   * Resolves at once while it is held, and once a renewal says that it still is; rejects with the
   * reason of `lost`.
   */
  sure(signal: AbortSignal): Promise<void>
  /** Ends the renewals and frees the Lease; never throws. */
  release(signal: AbortSignal): Promise<void>
}

const leaseSpec = z.looseObject({
  holderIdentity: z.string().nullish(),
  renewTime: z.string().nullish(),
  leaseDurationSeconds: z.number().nullish(),
  leaseTransitions: z.number().nullish(),
})

/**
 * What a Lease says: text from the cluster. One that can't be read is held by somebody unknown,
 * until it has not changed for its duration.
 */
function specOf(lease: KubeObject | undefined): z.infer<typeof leaseSpec> {
  if (lease === undefined) return {}
  const parsed = leaseSpec.safeParse(lease['spec'] ?? {})
  return parsed.success ? parsed.data : { holderIdentity: 'a holder that can not be read' }
}

export function leaseName(ensemble: string): string {
  return keptUnder(ensemble)
}

/** `repository/run/attempt/nonce`. */
export function newIdentity(holder: Holder): string {
  return `${holder.repository}/${holder.runId}/${holder.attempt}/${randomUUID().slice(0, 8)}`
}

export interface LockRequest {
  readonly namespace: string
  readonly ensemble: string
  readonly holder: Holder
  readonly identity: string
  readonly waitMs: number
  readonly say: (line: string) => void
}

/** For a run that changes nothing: takes no lock, and says when another run holds it. */
export async function withoutLock(
  kube: Pick<Kube, 'get'>,
  request: Pick<LockRequest, 'namespace' | 'ensemble' | 'identity' | 'say'>,
  signal: AbortSignal,
): Promise<Lock> {
  const seen = await seeLock(kube, request.namespace, request.ensemble, signal)
  if (seen !== undefined)
    request.say(`Another run holds the lock now: ${seen.holder}. What it does may change this.`)
  return {
    identity: request.identity,
    leaseName: leaseName(request.ensemble),
    lost: new AbortController().signal,
    held: () => true,
    sure: () => Promise.resolve(),
    release: () => Promise.resolve(),
  }
}

/**
 * Takes the lock, or waits for it; LOCKED names the run that holds it. The identity is the
 * caller's, so that it can be saved before the Lease is written.
 */
export async function takeLock(
  kube: Kube,
  clock: Clock,
  request: LockRequest,
  signal: AbortSignal,
): Promise<Lock> {
  const ref = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    name: leaseName(request.ensemble),
    namespace: request.namespace,
  }
  const giveUpAt = clock.now() + request.waitMs
  let seen: { version: string | undefined; since: number } | undefined
  let told = false
  for (;;) {
    const found = await kube.get(ref, signal)
    const spec = specOf(found)
    const holder = spec.holderIdentity ?? ''
    const durationMs = (spec.leaseDurationSeconds ?? DURATION_SECONDS) * 1000
    if (seen?.version !== found?.metadata.resourceVersion)
      seen = { version: found?.metadata.resourceVersion, since: clock.now() }
    const expired = seen !== undefined && clock.now() - seen.since >= durationMs
    if (holder === '' || expired) {
      if (holder !== '')
        request.say(
          `The lock of ${holder} was not renewed for ${durationMs / 1000} s: taking it over.`,
        )
      const taken = await tryToTake(kube, clock, request, found, signal)
      if (taken !== undefined) return new HeldLock(kube, clock, taken, request)
    } else if (!told) {
      told = true
      request.say(
        `Waiting for the lock of another run: ${describeHolder(found, holder)}. It is waited for ${formatSpan(request.waitMs)}; the lock of a dead run is taken over after ${durationMs / 1000} s.`,
      )
    }
    if (clock.now() >= giveUpAt) throw locked(request, found, holder)
    await clock.sleep(LOOK_MS, signal)
  }
}

/**
 * The cluster for a run that holds the lock: no member is evicted, ended or changed while
 * another may hold it, however long this process stood still before. What uncordons, and what
 * writes the record, is bound by itself to the version that it changes.
 */
export function underLock(kube: Kube, lock: Pick<Lock, 'sure'>): Kube {
  return {
    ...kube,
    get requests() {
      return kube.requests
    },
    async apply(object, options, signal) {
      if (options.dryRun !== true) await lock.sure(signal)
      return kube.apply(object, options, signal)
    },
    async evict(pod, options, signal) {
      if (options.dryRun !== true) await lock.sure(signal)
      return kube.evict(pod, options, signal)
    },
    async delete(ref, preconditions, signal) {
      await lock.sure(signal)
      return kube.delete(ref, preconditions, signal)
    },
    // A leader hands over leadership, and a member leaves its ring, by what is run in it.
    async exec(pod, container, command, options, signal) {
      await lock.sure(signal)
      return kube.exec(pod, container, command, options, signal)
    },
  }
}

function locked(
  { namespace, ensemble, waitMs }: LockRequest,
  found: KubeObject | undefined,
  holder: string,
): EnsembleError {
  const object = `lease/${leaseName(ensemble)}`
  if (holder === '') {
    return failure(
      'refused',
      'LOCKED',
      `the lock of ${namespace}/${ensemble} could not be written for ${formatSpan(waitMs)}: each time the API server answered that it had just been changed, and nobody holds it`,
      {
        object,
        fix: `See what else writes it, or refuses it: kubectl -n ${namespace} get lease ${leaseName(ensemble)} -o yaml`,
      },
    )
  }
  return failure(
    'refused',
    'LOCKED',
    `${namespace}/${ensemble} is being changed by another run: ${describeHolder(found, holder)}`,
    {
      object,
      fix: 'Wait for that run or cancel it; set concurrency in the workflow so that runs queue up.',
    },
  )
}

/** Its run's URL, else its identity; anybody may have written both. */
function describeHolder(lease: KubeObject | undefined, holder: string): string {
  const url = lease?.metadata.annotations?.[URL_ANNOTATION]
  return (url === undefined || url === '' ? holder : url).slice(0, LONGEST_HOLDER)
}

function leaseObject(
  clock: Clock,
  request: LockRequest,
  found: KubeObject | undefined,
): KubeObject {
  const now = microTime(clock.now())
  const transitions = found === undefined ? 0 : (specOf(found).leaseTransitions ?? 0) + 1
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...(found?.metadata ?? { name: leaseName(request.ensemble), namespace: request.namespace }),
      annotations: { ...found?.metadata.annotations, [URL_ANNOTATION]: request.holder.runUrl },
    },
    spec: {
      holderIdentity: request.identity,
      leaseDurationSeconds: DURATION_SECONDS,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: transitions,
    },
  }
}

async function tryToTake(
  kube: Kube,
  clock: Clock,
  request: LockRequest,
  found: KubeObject | undefined,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    const wanted = leaseObject(clock, request, found)
    return found === undefined
      ? await kube.create(wanted, signal)
      : await kube.replace(wanted, signal)
  } catch (error) {
    // Another run was quicker: look again.
    if (error instanceof KubeFailure && error.status === 409) return undefined
    throw error
  }
}

/** A lock while it is held: renewed until it is released, or lost. */
class HeldLock implements Lock {
  readonly identity: string
  readonly leaseName: string
  readonly #kube: Kube
  readonly #clock: Clock
  readonly #say: (line: string) => void
  readonly #lost = new AbortController()
  readonly #stop = new AbortController()
  readonly #renewals: Promise<void>
  /** The Lease as it was last written or seen as ours. */
  #current: KubeObject
  /** Since when others may have seen it as it is. */
  #confirmed: number
  /** A renewal has failed, and was told. */
  #silent = false

  constructor(
    kube: Kube,
    clock: Clock,
    taken: KubeObject,
    { identity, say }: Pick<LockRequest, 'identity' | 'say'>,
  ) {
    this.identity = identity
    this.leaseName = taken.metadata.name
    this.#kube = kube
    this.#clock = clock
    this.#say = say
    this.#current = taken
    this.#confirmed = clock.now()
    this.#renewals = this.#keepRenewing().catch(() => undefined)
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  held(): boolean {
    return !this.lost.aborted && this.#left() > 0
  }

  async sure(signal: AbortSignal): Promise<void> {
    while (!this.held()) {
      this.lost.throwIfAborted()
      await this.#clock.sleep(DOUBT_MS, AbortSignal.any([signal, this.lost]))
    }
  }

  async release(signal: AbortSignal): Promise<void> {
    this.#stop.abort()
    await this.#renewals
    await freeLease(
      this.#kube,
      { name: this.leaseName, namespace: this.#current.metadata.namespace ?? 'default' },
      this.identity,
      signal,
    ).catch(() => undefined)
  }

  async #keepRenewing(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const untilLastTry = this.#left() - LAST_TRY_MS
      await this.#clock.sleep(Math.max(1000, Math.min(RENEW_MS, untilLastTry)), this.#stop.signal)
      await this.#renew()
    }
  }

  /**
   * `last`: the time is over, by a request that may be from before this process stood still; whose
   * the lock is, is asked once more.
   */
  async #renew(last = false): Promise<void> {
    // A renewal counts from when it was asked for: others may have seen it from then on.
    const asked = this.#clock.now()
    try {
      this.#current = await this.#kube.replace(
        { ...this.#current, spec: { ...specOf(this.#current), renewTime: microTime(asked) } },
        this.#answered(last ? LAST_ANSWER_MS : undefined),
      )
      if (this.#silent)
        this.#say(`The lock is renewed again, after ${formatSpan(asked - this.#confirmed)}.`)
      this.#silent = false
      this.#confirmed = asked
    } catch (error) {
      if (this.#stop.signal.aborted) return
      if (error instanceof KubeFailure && error.status === 409) await this.#seeWhose(asked)
      else if (this.#left() <= 0 && !last) await this.#renew(true)
      else this.#doubt(error)
    }
  }

  /** A 409 may be the echo of a renewal whose answer was lost: only another holder ends it. */
  async #seeWhose(asked: number): Promise<void> {
    const { name, namespace } = this.#current.metadata
    try {
      const found = await this.#kube.get(
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name, namespace },
        this.#answered(),
      )
      if (found === undefined || specOf(found).holderIdentity !== this.identity) {
        this.#lose(
          'LOCKED',
          'the lock was taken over by another run; nothing more is changed',
          'Wait for that run: it first finishes what this one has begun.',
        )
        return
      }
      this.#current = found
      this.#confirmed = asked
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#doubt(error)
    }
  }

  /** A renewal has failed: told, until nobody may rely on the lock any more. */
  #doubt(error: unknown): void {
    const why =
      error instanceof KubeFailure && error.status !== 0
        ? error.message
        : 'the API server does not answer'
    if (this.#left() <= 0) {
      this.#lose(
        'CLUSTER_UNREACHABLE',
        `the lock could not be renewed for ${DURATION_SECONDS} s (${why}): another run may hold it by now, so nothing more is changed`,
        'Look at the health of the API server and run again: the next run first finishes what this one has begun.',
      )
      return
    }
    this.#silent = true
    this.#say(
      `The lock could not be renewed for ${formatSpan(this.#clock.now() - this.#confirmed)}: ${why}. What this run reports about the cluster may be that old.`,
    )
  }

  #lose(code: 'LOCKED' | 'CLUSTER_UNREACHABLE', message: string, fix: string): void {
    this.#stop.abort()
    this.#lost.abort(failure('failed', code, message, { object: `lease/${this.leaseName}`, fix }))
  }

  /** Until another run may take it over; milliseconds. */
  #left(): number {
    return this.#confirmed + DURATION_SECONDS * 1000 - this.#clock.now()
  }

  /** Aborted when a renewal has had its time. */
  #answered(atLeast = 1000): AbortSignal {
    return AbortSignal.any([
      this.#stop.signal,
      AbortSignal.timeout(Math.max(atLeast, Math.min(RENEWAL_ANSWER_MS, this.#left()))),
    ])
  }
}

/**
 * Who holds the lock, to be told: the run's URL or identity, and when it showed its last sign of
 * life (milliseconds since the epoch, by its own clock). Undefined when nobody does.
 */
export async function seeLock(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  ensemble: string,
  signal: AbortSignal,
): Promise<{ readonly holder: string; readonly renewed: number | undefined } | undefined> {
  const found = await kube.get(
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: leaseName(ensemble), namespace },
    signal,
  )
  const spec = specOf(found)
  const holder = spec.holderIdentity ?? ''
  const renewed = Date.parse(spec.renewTime ?? '')
  return holder === ''
    ? undefined
    : {
        holder: describeHolder(found, holder),
        renewed: Number.isNaN(renewed) ? undefined : renewed,
      }
}

/** The identity that holds a Lease; empty when nobody does. */
export async function readHolder(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  lease: string,
  signal: AbortSignal,
): Promise<string> {
  const found = await kube.get(
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: lease, namespace },
    signal,
  )
  return specOf(found).holderIdentity ?? ''
}

/**
 * Empties the holder of the Lease when it still carries `identity`; does not touch any other. True
 * when it was freed.
 */
export async function freeLease(
  kube: Kube,
  lease: { readonly name: string; readonly namespace: string },
  identity: string,
  signal: AbortSignal,
): Promise<boolean> {
  // Read again: a renewal that was under way when we stopped may have moved the resourceVersion.
  const found = await kube.get(
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...lease },
    signal,
  )
  if (found === undefined) return false
  const spec = specOf(found)
  if (spec.holderIdentity !== identity) return false
  await kube.replace({ ...found, spec: { ...spec, holderIdentity: '' } }, signal)
  return true
}

/** The API's MicroTime: without the six digits the server refuses it. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}

/**
 * Releasing the lock, and removing what the checks wrote, must not wait for a cluster that
 * doesn't answer: a lock expires, and leftovers are swept by a later run; milliseconds.
 */
export const RELEASE_MS = 3_000
