// The Status bodies that the real server (Kubernetes 1.36) answers, with its own words: texts and
// causes were compared with a real one.

import type { Fields, Json } from './json.ts'
import { compact } from './json.ts'
import type { Kind } from './kinds.ts'

/** An answer other than success, thrown by whatever serves a request. */
export class ApiError extends Error {
  readonly code: number
  readonly body: Fields
  readonly retryAfterSeconds: number

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: Fields,
    retryAfterSeconds = 0,
  ) {
    super(message)
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
    this.body = compact({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: reason === '' ? undefined : reason,
      details,
      code,
    })
  }
}

export interface Cause {
  readonly reason: string
  readonly message: string
  readonly field?: string
}

function details(kind: Kind, name: string, word: string): Fields {
  return compact({ name, group: kind.group === '' ? undefined : kind.group, kind: word })
}

function qualified(kind: Kind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}

export function success(kind: Kind, name: string, uid: string): Fields {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...details(kind, name, kind.plural), uid },
  }
}

export function notFound(kind: Kind, name: string): ApiError {
  return new ApiError(
    404,
    'NotFound',
    `${qualified(kind)} "${name}" not found`,
    details(kind, name, kind.plural),
  )
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  return new ApiError(
    409,
    'AlreadyExists',
    `${qualified(kind)} "${name}" already exists`,
    details(kind, name, kind.plural),
  )
}

export function modified(kind: Kind, name: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": the object has been modified; please apply your changes to the latest version and try again`
  return new ApiError(409, 'Conflict', message, details(kind, name, kind.plural))
}

export function uidMismatch(kind: Kind, name: string, wanted: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": uid mismatch: the provided object specified uid ${wanted}, and no existing object was found`
  return new ApiError(409, 'Conflict', message, details(kind, name, kind.plural))
}

/** An update with the UID of an object that was deleted. */
export function goneMeanwhile(kind: Kind, namespace: string, name: string, uid: string): ApiError {
  const storage = `StorageError: invalid object, Code: 4, Key: /registry/${kind.plural}/${namespace}/${name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: `
  return new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${storage}`,
    details(kind, name, kind.plural),
  )
}

/** A precondition of a deletion or an eviction that doesn't hold. */
export function precondition(
  kind: Kind,
  name: string,
  what: 'UID' | 'ResourceVersion',
  wanted: string,
  found: string,
): ApiError {
  const tail =
    what === 'UID'
      ? 'The object might have been deleted and then recreated'
      : 'The object might have been modified'
  const message = `Operation cannot be fulfilled on ${kind.kind} "${name}": the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). ${tail}`
  return new ApiError(409, 'Conflict', message, { name, kind: kind.kind })
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message)
}

export function internal(message: string): ApiError {
  return new ApiError(500, '', message)
}

export function invalid(
  kind: Pick<Kind, 'kind' | 'group'>,
  name: string,
  causes: readonly Cause[],
): ApiError {
  const texts = causes.map((cause) => `${cause.field ?? ''}: ${cause.message}`)
  const what = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const message = `${what} "${name}" is invalid: ${texts.length === 1 ? texts.join('') : `[${texts.join(', ')}]`}`
  const list: Json[] = causes.map((cause) => ({
    reason: cause.reason,
    message: cause.message,
    field: cause.field ?? '',
  }))
  return new ApiError(
    422,
    'Invalid',
    message,
    compact({
      name: name === '' ? undefined : name,
      group: kind.group === '' ? undefined : kind.group,
      kind: kind.kind,
      causes: list,
    }),
  )
}

export function forbidden(
  kind: Kind,
  resource: string,
  name: string,
  verb: string,
  namespace: string,
  user: string,
): ApiError {
  const where = namespace === '' ? ' at the cluster scope' : ` in the namespace "${namespace}"`
  const group = kind.group === '' ? 'API group ""' : `API group "${kind.group}"`
  const subject = name === '' ? `${qualified(kind)} is` : `${qualified(kind)} "${name}" is`
  return new ApiError(
    403,
    'Forbidden',
    `${subject} forbidden: User "${user}" cannot ${verb} resource "${resource}" in ${group}${where}`,
    compact({ name: name === '' ? undefined : name, ...details(kind, name, kind.plural) }),
  )
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized')
}

export function tooManyRequests(
  message: string,
  causes: readonly Cause[],
  retryAfterSeconds = 0,
): ApiError {
  const list: Json[] = causes.map((cause) => ({ reason: cause.reason, message: cause.message }))
  return new ApiError(
    429,
    'TooManyRequests',
    message,
    compact({
      causes: list,
      retryAfterSeconds: retryAfterSeconds === 0 ? undefined : retryAfterSeconds,
    }),
    retryAfterSeconds,
  )
}

export function expired(
  message = 'The resourceVersion for the provided watch is too old.',
): ApiError {
  return new ApiError(410, 'Expired', message)
}
