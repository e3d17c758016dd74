// An answer of the API that isn't success, told apart by status, reason and cause; never shows a
// raw body or headers.

export interface StatusCause {
  readonly reason: string
  readonly message: string
  readonly field: string
}

/** Reason of a WebSocket that was not let through, or not opened. */
export const BLOCKED = 'WebSocketBlocked'

export const BLOCKED_FIX =
  'Have what stands before the API server let WebSockets through (Upgrade: websocket), or give a kubeconfig that goes past it.'

export class KubeFailure extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number
  /**
   * Reason of the API's Status object, or `Unreachable`, `Timeout`, `Unparsable`, `Credentials`,
   * `WebSocketBlocked`.
   */
  readonly reason: string
  readonly causes: readonly StatusCause[]
  readonly retryAfterSeconds: number | undefined
  /** What was asked, such as `get statefulsets.apps zk in namespace x`. */
  readonly request: string

  constructor(fields: {
    status: number
    reason: string
    message: string
    causes?: readonly StatusCause[]
    retryAfterSeconds?: number | undefined
    request: string
    cause?: unknown
  }) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'KubeFailure'
    this.status = fields.status
    this.reason = fields.reason
    this.causes = fields.causes ?? []
    this.retryAfterSeconds = fields.retryAfterSeconds
    this.request = fields.request
  }

  get conflictingManagers(): readonly StatusCause[] {
    return this.causes.filter((cause) => cause.reason === 'FieldManagerConflict')
  }
}
