// How a request to a member can end badly: refused by the server with a code, or without an answer,
// in which case a write may or may not have been made.

/** Codes of org.apache.zookeeper.KeeperException.Code, by number. */
const NAMES: Readonly<Record<number, string>> = {
  [-1]: 'SystemError',
  [-2]: 'RuntimeInconsistency',
  [-3]: 'DataInconsistency',
  [-4]: 'ConnectionLoss',
  [-5]: 'MarshallingError',
  [-6]: 'Unimplemented',
  [-7]: 'OperationTimeout',
  [-8]: 'BadArguments',
  [-13]: 'NewConfigNoQuorum',
  [-14]: 'ReconfigInProgress',
  [-100]: 'APIError',
  [-101]: 'NoNode',
  [-102]: 'NoAuth',
  [-103]: 'BadVersion',
  [-108]: 'NoChildrenForEphemerals',
  [-110]: 'NodeExists',
  [-111]: 'NotEmpty',
  [-112]: 'SessionExpired',
  [-113]: 'InvalidCallback',
  [-114]: 'InvalidACL',
  [-115]: 'AuthFailed',
  [-118]: 'SessionMoved',
  [-119]: 'NotReadOnly',
  [-120]: 'EphemeralOnLocalSession',
  [-121]: 'NoWatcher',
  [-122]: 'RequestTimeout',
  [-123]: 'ReconfigDisabled',
  [-124]: 'SessionClosedRequireAuth',
  [-125]: 'QuotaExceeded',
  [-127]: 'Throttled',
}

/** `NoNode` for -101; `error -999` for a number that ZooKeeper doesn't use. */
export function errorName(code: number): string {
  return NAMES[code] ?? `error ${code}`
}

/** The server answered that it did not do it: nothing was written. */
export class Refusal extends Error {
  readonly code: number
  /** Name of the code, such as `NoAuth`. */
  readonly reason: string
  readonly path: string

  constructor(code: number, request: string, path: string) {
    super(`${request}${path === '' ? '' : ` ${path}`}: ${errorName(code)}`)
    this.name = 'Refusal'
    this.code = code
    this.reason = errorName(code)
    this.path = path
  }
}

export type Outcome = 'not done' | 'unknown'

/**
 * No answer came. `unknown`: a write had been sent, so it may have been made or not; it is neither
 * acknowledged nor failed.
 */
export class NoAnswer extends Error {
  readonly outcome: Outcome
  /** Why, without what was asked: `the connection was closed`. */
  readonly why: string

  constructor(request: string, why: string, outcome: Outcome, cause?: unknown) {
    super(
      `${request}: ${why}${outcome === 'unknown' ? ', it is unknown whether it was done' : ''}`,
      cause === undefined ? undefined : { cause },
    )
    this.name = 'NoAnswer'
    this.outcome = outcome
    this.why = why
  }
}

/**
 * The member's port is open, but it takes no session: closed without a byte, as a member does that
 * has no quorum.
 */
export class NoSession extends Error {
  constructor(why: string) {
    super(why)
    this.name = 'NoSession'
  }
}

/**
 * A member that went away while it was asked: worth asking again, unlike an answer that is wrong.
 */
export function wentAway(error: unknown): boolean {
  return error instanceof NoAnswer || error instanceof NoSession
}

export function isRefusal(error: unknown, reason: string): error is Refusal {
  return error instanceof Refusal && error.reason === reason
}
