// Faults on order: what the server answers or does instead of its own answer, and to whom it says
// no.

import type { Fields } from './json.ts'

export interface RequestMark {
  /**
   * `get`, `list`, `watch`, `create`, `update`, `patch`, `apply`, `delete`, `exec`, `portforward`,
   * `eviction`.
   */
  readonly verb: string
  /** `StatefulSet`; '' for what is no object. */
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly path: string
  readonly dryRun: boolean
  /** Who asks: the name that its kubeconfig was made for. */
  readonly by: string
}

export interface Fault {
  readonly verb?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly by?: string
  readonly dryRun?: boolean
  /** Answered instead; without a body the Status that the server writes for this code. */
  readonly status?: number
  readonly body?: Fields | string
  readonly retryAfterSeconds?: number
  /** Real milliseconds before anything else happens. */
  readonly delayMs?: number
  /** Cuts the connection without an answer. */
  readonly drop?: boolean
  /**
   * Serves the request and cuts the connection before the answer: a write whose outcome stays
   * unknown.
   */
  readonly dropAnswer?: boolean
  /** How many requests; default 1. */
  readonly times?: number
}

export interface Rule {
  readonly verbs: readonly string[]
  readonly groups: readonly string[]
  /** Plural, with subresource: `pods`, `pods/exec`. */
  readonly resources: readonly string[]
}

export interface Faults {
  /** The next request that fits meets it. */
  next(fault: Fault): void
  /** Every request that fits meets it, until `clear`. */
  always(fault: Fault): void
  clear(): void
  /** 403 for these, in reviews too. Resources by plural, with subresource; `*` for all. */
  forbid(verb: string, resource: string): void
  /** Only what these rules allow, as with a Role; undefined allows everything again. */
  allowOnly(rules: readonly Rule[] | undefined): void
  /** 401 from the n-th request on, until `renewToken`. */
  expireToken(afterRequests?: number): void
  renewToken(): void
  dropWatches(): void
  /** Forgets all changes, so that open and older watches are answered 410. */
  forgetChanges(): void
  /** Connections are accepted and nothing is answered until `resume`. */
  pause(): void
  resume(): void
  hangUpForwards(): void
  /**
   * The disruption controller looks no more at budgets until it is called with false: a changed one
   * is `still being processed`.
   */
  holdBudgets(held: boolean): void
  /**
   * As if its runner had died: the n-th request from now is served, its answer and everything after
   * it never arrives, its watches and streams end.
   */
  cutOff(by: string, atRequest?: number): void
}

export interface FaultState extends Faults {
  take(mark: RequestMark): Fault | undefined
  isAllowed(verb: string, group: string, resource: string): boolean
  /** Counts a request; true when its token has expired. */
  expired(): boolean
  /** Counts a request of somebody: `last` is served and not answered, `gone` isn't served. */
  cut(by: string): 'no' | 'last' | 'gone'
  /** Resolves at once, or when the server continues. */
  running(): Promise<void>
  readonly budgetsHeld: boolean
  readonly rules: readonly Rule[] | undefined
  readonly forbidden: readonly { readonly verb: string; readonly resource: string }[]
}

const holds = (list: readonly string[], value: string): boolean =>
  list.includes('*') || list.includes(value)

/** Whether rules allow a verb on a resource, by RBAC's matching. */
export function allows(
  rules: readonly Rule[],
  verb: string,
  group: string,
  resource: string,
): boolean {
  return rules.some(
    (rule) =>
      holds(rule.verbs, verb) && holds(rule.groups, group) && holds(rule.resources, resource),
  )
}

/**
 * The denial of an eviction by an admission webhook, dry runs included; `status` is the webhook's
 * own choice.
 */
export function deniedBy(webhook: string, words: string, status = 500): Fault {
  return {
    verb: 'eviction',
    status,
    body: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `admission webhook "${webhook}" denied the request: ${words}`,
      ...(status === 403 ? { reason: 'Forbidden' } : {}),
      code: status,
    },
  }
}

/** A server with too much to do: 429 as the budgets answer it, but without a cause. */
export function throttled(seconds: number): Fault {
  return {
    verb: 'eviction',
    status: 429,
    retryAfterSeconds: seconds,
    body: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'the server has received too many requests and has asked us to try again later',
      reason: 'TooManyRequests',
      details: { retryAfterSeconds: seconds },
      code: 429,
    },
  }
}

export function createFaults(
  effects: Pick<Faults, 'dropWatches' | 'forgetChanges' | 'hangUpForwards'> & {
    readonly wake: () => void
  },
  hangUp: (by: string) => void,
): FaultState {
  let ordered: { fault: Fault; left: number }[] = []
  let forbidden: { verb: string; resource: string }[] = []
  let rules: readonly Rule[] | undefined
  let tokenLasts = Infinity
  let budgetsHeld = false
  let paused: Promise<void> = Promise.resolve()
  let release = (): void => undefined
  const ends = new Map<string, number>()

  function fits(fault: Fault, mark: RequestMark): boolean {
    return (['verb', 'kind', 'namespace', 'name', 'by', 'dryRun'] as const).every(
      (field) => fault[field] === undefined || fault[field] === mark[field],
    )
  }
  return {
    ...effects,
    next: (fault) => void ordered.push({ fault, left: fault.times ?? 1 }),
    always: (fault) => void ordered.push({ fault, left: Infinity }),
    clear() {
      ordered = []
      forbidden = []
      rules = undefined
      tokenLasts = Infinity
    },
    forbid: (verb, resource) => void forbidden.push({ verb, resource }),
    allowOnly: (given) => void (rules = given),
    expireToken: (afterRequests = 0) => void (tokenLasts = afterRequests),
    renewToken: () => void (tokenLasts = Infinity),
    pause: () => void (paused = new Promise((resolve) => (release = resolve))),
    resume: () => release(),
    take(mark) {
      const found = ordered.find(({ fault, left }) => left > 0 && fits(fault, mark))
      if (found !== undefined) found.left -= 1
      return found?.fault
    },
    isAllowed(verb, group, resource) {
      const refused = forbidden.some(
        (entry) =>
          (entry.verb === '*' || entry.verb === verb) &&
          (entry.resource === '*' || entry.resource === resource),
      )
      return !refused && (rules === undefined || allows(rules, verb, group, resource))
    },
    expired() {
      tokenLasts -= 1
      return tokenLasts < 0
    },
    cutOff(by, atRequest = 0) {
      ends.set(by, atRequest)
      if (atRequest === 0) hangUp(by)
    },
    cut(by) {
      const left = ends.get(by)
      if (left === undefined) return 'no'
      ends.set(by, Math.max(0, left - 1))
      return left === 0 ? 'gone' : left === 1 ? 'last' : 'no'
    },
    running: () => paused,
    holdBudgets(held) {
      budgetsHeld = held
      if (!held) effects.wake()
    },
    get budgetsHeld() {
      return budgetsHeld
    },
    get rules() {
      return rules
    },
    get forbidden() {
      return forbidden
    },
  }
}
