// Answers that aren't success become a KubeFailure here and nowhere else; a raw body or header
// never gets further than this file.

import { z } from 'zod'
import { KubeFailure } from './failure.ts'

const statusSchema = z.object({
  kind: z.literal('Status'),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  details: z
    .object({
      name: z.string().nullish(),
      retryAfterSeconds: z.number().nullish(),
      causes: z
        .array(
          z.object({
            reason: z.string().nullish(),
            message: z.string().nullish(),
            field: z.string().nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
})

export type ApiStatus = z.infer<typeof statusSchema>

/**
 * A refused value of an environment variable, which is where passwords stand that should be in a
 * Secret.
 */
const ENV_VALUE = /(\benv\[\d+\]\.value: Invalid value): (?:"(?:[^"\\]|\\.)*"|[^:]*)/g

/** Said of an answer that something else than the API server may have given. */
export const NO_STATUS = 'and no Kubernetes status with it'

/** Longest message that is kept, in characters. */
const LONGEST = 2000

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

export interface FailedAnswer {
  readonly status: number
  readonly body: string
  /** The `Retry-After` header as it came. */
  readonly retryAfter?: string | undefined
}

/** Undefined when `body` isn't a Status object of the API. */
function parseStatus(body: string): ApiStatus | undefined {
  try {
    const parsed = statusSchema.safeParse(JSON.parse(body))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/**
 * `request` is what was asked, in words. An answer without a Status (of a proxy or a load balancer)
 * keeps its HTTP status only.
 */
export function failureOf(answer: FailedAnswer, request: string): KubeFailure {
  const status = parseStatus(answer.body)
  const seconds = status?.details?.retryAfterSeconds ?? headerSeconds(answer.retryAfter)
  const retryAfterSeconds = seconds !== undefined && seconds > 0 ? seconds : undefined
  return status === undefined
    ? withoutStatus(answer.status, retryAfterSeconds, request)
    : byStatus(answer.status, status, retryAfterSeconds, request)
}

function reasonOf(httpStatus: number): string {
  return REASONS[httpStatus] ?? 'Unknown'
}

function withoutStatus(
  httpStatus: number,
  retryAfterSeconds: number | undefined,
  request: string,
): KubeFailure {
  const unknownKind = httpStatus === 404
  return new KubeFailure({
    status: httpStatus,
    reason: unknownKind ? 'UnknownKind' : reasonOf(httpStatus),
    message: unknownKind
      ? 'the server does not serve this kind of object'
      : `the server answered ${httpStatus} (${reasonOf(httpStatus)}) ${NO_STATUS}`,
    retryAfterSeconds,
    request,
  })
}

function byStatus(
  httpStatus: number,
  status: ApiStatus,
  retryAfterSeconds: number | undefined,
  request: string,
): KubeFailure {
  const aboutSecret = ABOUT_SECRET.test(request)
  const said = clean(status.message ?? '')
  const message =
    (aboutSecret ? withoutQuotes(said, httpStatus) : said) ||
    `the server answered ${httpStatus} (${reasonOf(httpStatus)})`
  // For a kind that its group doesn't have, the API server says NotFound too, but names no object.
  const unknownKind =
    httpStatus === 404 && message.includes('could not find the requested resource')
  return new KubeFailure({
    status: httpStatus,
    reason: unknownKind ? 'UnknownKind' : (status.reason ?? '') || reasonOf(httpStatus),
    message,
    causes: (status.details?.causes ?? []).map((cause) => ({
      reason: cause.reason ?? '',
      message:
        aboutSecret && cause.reason !== 'FieldManagerConflict'
          ? withoutValue(cause.message ?? '')
          : clean(cause.message ?? ''),
      field: cause.field ?? '',
    })),
    retryAfterSeconds,
    request,
  })
}

/** What is asked, where it is about a Secret: the answer may quote a value of it. */
const ABOUT_SECRET = /^\w+ secrets(?: |$)/
/** Of such an answer only what is known to name no value; a webhook's own words are not. */
const NO_VALUE =
  /^.*(?:cannot \S+ resource "|not found$|already exists$|is being terminated|(?:exceeded|failed) quota: |the object has been modified|field is immutable when `immutable` is set$|illegal base64 data at input byte \d+$).*$|admission webhook "[^"]*" denied the request|failed calling webhook "[^"]*"/

function withoutQuotes(message: string, status: number): string {
  return (
    NO_VALUE.exec(message)?.[0] ??
    `the server refused it with ${status}; its words are not shown, since they may quote a value of the Secret`
  )
}

/** Of a cause that may quote a value of a Secret. */
function withoutValue(message: string): string {
  return /field is immutable/.test(message) ? 'field is immutable' : 'is refused'
}

/**
 * Of claims, volumes and pods the server shows a difference of texts, with values: what is kept is
 * the names of the fields that changed, as in ` (changed: accessModes)`.
 */
function withoutDifference(message: string): string {
  const [said = '', ...difference] = message.split(/\n(?=@@ )/)
  const changed = new Set<string>()
  let around = ''
  for (const line of difference.join('\n').split('\n')) {
    const key = /^[-+ ]\s*"(\w+)":/.exec(line)?.[1]
    if (/^[-+]/.test(line)) changed.add(key ?? around)
    else if (key !== undefined) around = key
  }
  const names = [...changed]
    .filter((name) => name !== '')
    .map((name) => `${name.charAt(0).toLowerCase()}${name.slice(1)}`)
  return names.length === 0 ? said : `${said} (changed: ${names.join(', ')})`
}

/**
 * One line, bounded. A whole map or list that a field has is left out: it holds whatever the
 * manifest holds, and what is wrong with it stands behind it. Cut off is what quotes a value: the
 * decoder's bytes around a fault (`error found in #10 byte of ...`), and what a field got instead
 * of its type
 * (`expected string, got &value.valueUnstructured{...}`).
 */
function clean(message: string): string {
  const line = withoutDifference(message)
    .replaceAll(/\s+/g, ' ')
    .replace(/(\bInvalid value): (?:\{.*\}|\[.*\]): /, '$1: ')
    .replace(/,? ?error found in #\d+ byte of .*$/, '')
    .replace(/(\bexpected [^,;]{1,60}), got .*$/, '$1')
    .replace(ENV_VALUE, '$1')
    .trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line
}

function headerSeconds(header: string | undefined): number | undefined {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) : undefined
}
