// Tells one pod to go, through the eviction API, and tells the answers apart.

import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'

export interface Evictable {
  readonly name: string
  readonly namespace: string
  readonly uid: string
}

export type EvictionAnswer =
  /** It goes. */
  | { readonly kind: 'told' }
  /** It is gone, or another pod has its name. */
  | { readonly kind: 'gone' }
  /** A budget doesn't allow it now; `afterMs`: the server says when to ask again. */
  | { readonly kind: 'budget'; readonly reason: string; readonly afterMs?: number | undefined }

const TOO_BUSY = 'the API server has too much to do'
/** Of what somebody's webhook says, in characters. */
const LONGEST_WORDS = 300

export interface EvictionOptions {
  readonly gracePeriodSeconds?: number
}

/** What else the API says to an eviction, and time may change. */
export type Refusal =
  /** The server has too much to do. */
  | { readonly kind: 'throttled'; readonly reason: string; readonly afterMs: number | undefined }
  /**
   * An admission webhook says no, or can't be asked: whoever stands behind it may first have to
   * move the pod itself.
   */
  | { readonly kind: 'denied'; readonly reason: string }
  /** Its namespace ends: it goes by itself. */
  | { readonly kind: 'ending'; readonly reason: string }
  /** Whether it was told isn't known. */
  | { readonly kind: 'unanswered'; readonly reason: string }
  /** The eviction API takes no pod with several budgets, and that stays so. */
  | { readonly kind: 'budgets'; readonly reason: string }

/**
 * Asks by a dry run first: a real eviction with a UID that is no longer right would use up the
 * budget for two minutes (kept in its `disruptedPods`).
 * Throws the KubeFailure of every other answer.
 */
export async function evictPod(
  kube: Pick<Kube, 'evict'>,
  pod: Evictable,
  options: EvictionOptions,
  signal: AbortSignal,
): Promise<EvictionAnswer> {
  try {
    return await tell(kube, pod, options, signal)
  } catch (error) {
    const answer = error instanceof KubeFailure ? answerTo(error) : undefined
    if (answer?.kind === 'gone' || answer?.kind === 'budget') return answer
    // Said with a time to come back, it is waited for like a budget.
    if (answer?.kind === 'throttled' && answer.afterMs !== undefined)
      return { ...answer, kind: 'budget' }
    throw error
  }
}

/**
 * The same with every answer that time may change as a value; `dryRun` asks and does nothing.
 * Throws the KubeFailure of what stays: a missing right, a request that is wrong.
 */
export async function askEviction(
  kube: Pick<Kube, 'evict'>,
  pod: Evictable,
  options: EvictionOptions & { readonly dryRun?: boolean },
  signal: AbortSignal,
): Promise<EvictionAnswer | Refusal> {
  try {
    return await tell(kube, pod, options, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure) || signal.aborted) throw error
    const answer = answerTo(error)
    if (answer === undefined) throw error
    return answer
  }
}

async function tell(
  kube: Pick<Kube, 'evict'>,
  pod: Evictable,
  { dryRun = false, ...options }: EvictionOptions & { readonly dryRun?: boolean },
  signal: AbortSignal,
): Promise<EvictionAnswer> {
  await kube.evict(pod, { ...options, dryRun: true }, signal)
  if (!dryRun) await kube.evict(pod, options, signal)
  return { kind: 'told' }
}

/**
 * A webhook's answer comes with any status (Strimzi's drain cleaner says 500, others 404 or 409),
 * so its words are looked at first.
 */
const WEBHOOK =
  /admission webhook "([^"]{1,200})" denied the request(?::? ?)(.*)|failed calling webhook "([^"]{1,200})"(?::? ?)(.*)/s

/**
 * What an answer other than success means (the server's pkg/registry/core/pod/storage/eviction.go);
 * undefined for what stays.
 */
function answerTo(error: KubeFailure): EvictionAnswer | Refusal | undefined {
  return webhookAnswer(error) ?? refusedAnswer(error) ?? busyAnswer(error)
}

function webhookAnswer({ message }: KubeFailure): Refusal | undefined {
  const webhook = WEBHOOK.exec(message)
  if (webhook === null) return undefined
  const [, denier, denial = '', silent, fault = ''] = webhook
  return {
    kind: 'denied',
    reason:
      denier !== undefined
        ? `the admission webhook ${denier} denies its eviction: ${shortened(denial)}`
        : `the admission webhook ${silent ?? ''} can't be asked about its eviction: ${shortened(fault)}`,
  }
}

function refusedAnswer(error: KubeFailure): EvictionAnswer | Refusal | undefined {
  const { status, causes, message } = error
  if (status === 404 || status === 409) return { kind: 'gone' }
  if (causes.some((cause) => cause.reason === 'NamespaceTerminating'))
    return { kind: 'ending', reason: 'its namespace is being deleted' }
  if (/more than one PodDisruptionBudget/.test(message))
    return {
      kind: 'budgets',
      reason: 'it has more than one PodDisruptionBudget, which the eviction API does not support',
    }
  // 403 with this cause: too many evictions that the controller has not confirmed yet.
  const budget = causes.find((cause) => cause.reason === 'DisruptionBudget')
  if ((status === 429 || status === 403) && budget !== undefined)
    return { kind: 'budget', reason: budget.message, afterMs: msAfter(error) }
  return status === 429 && /disruption budget|still being processed/i.test(message)
    ? { kind: 'budget', reason: message, afterMs: msAfter(error) }
    : undefined
}

function busyAnswer(error: KubeFailure): Refusal | undefined {
  const { status, reason } = error
  if (status === 429) return { kind: 'throttled', reason: TOO_BUSY, afterMs: msAfter(error) }
  if (status >= 500) return { kind: 'unanswered', reason: `the API server answered ${status}` }
  return status === 0 && reason !== 'Credentials'
    ? { kind: 'unanswered', reason: 'the API server did not answer' }
    : undefined
}

function shortened(words: string): string {
  const line = words.replace(/\s+/g, ' ').trim()
  return line.length > LONGEST_WORDS ? `${line.slice(0, LONGEST_WORDS)}…` : line
}

function msAfter({ retryAfterSeconds }: KubeFailure): number | undefined {
  return retryAfterSeconds === undefined || retryAfterSeconds === 0
    ? undefined
    : retryAfterSeconds * 1000
}
