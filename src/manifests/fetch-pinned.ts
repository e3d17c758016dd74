// Manifests from the network are taken only by their digest: what is applied to a cluster must not
// depend on who serves the address today.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { collected } from '../collected.ts'
import type { Finding } from '../errors.ts'
import { sourceFault } from './findings.ts'
import type { ManifestIo } from './io.ts'
import type { SourceText } from './parse.ts'
import { tlsFault } from '../tls-fault.ts'

const MAX_BYTES = 1024 * 1024
const MAX_REDIRECTS = 5
const LONGEST_FETCH_MS = 30_000

/**
 * Reads `https://…#sha256=<hex>`; the finding says what is wrong with the address or with what it
 * gave.
 */
export async function fetchPinned(
  source: string,
  io: ManifestIo,
  signal: AbortSignal,
): Promise<{ readonly key: string; readonly text: SourceText } | Finding> {
  const url = URL.parse(source.replace(/^(https?):\/*/i, '$1://'))
  if (url === null) return sourceFault('an address', 'is not a URL', 'write https://…#sha256=<hex>')
  const shown = shownAs(url)
  if (url.protocol !== 'https:')
    return sourceFault(
      shown,
      `is not fetched over ${url.protocol.slice(0, -1)}`,
      'use https://…#sha256=<hex>, or a file',
    )
  const wanted = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1]?.toLowerCase()
  if (wanted === undefined)
    return sourceFault(
      shown,
      'is not pinned',
      'append #sha256= and the 64 hex digits that `curl -fsSL ADDRESS | sha256sum` prints for the version that you have read',
    )
  const timeout = AbortSignal.timeout(LONGEST_FETCH_MS)
  try {
    const body = await fetchBounded(url, io, AbortSignal.any([signal, timeout]))
    if (typeof body === 'string')
      return sourceFault(shown, body, 'check the address, or keep a copy in the repository')
    const digest = createHash('sha256').update(body).digest('hex')
    if (digest !== wanted)
      return sourceFault(
        shown,
        `has changed: its sha256 is ${digest}`,
        'read what is there now; if it is what you want, pin that digest',
      )
    return {
      key: `url ${digest}`,
      text: { file: shown, text: new TextDecoder().decode(body), lines: true },
    }
  } catch (error) {
    signal.throwIfAborted()
    if (timeout.aborted)
      return sourceFault(
        shown,
        'did not answer within 30 s',
        'check the address, or keep a copy in the repository',
      )
    return sourceFault(
      shown,
      `cannot be fetched: ${reason(error)}`,
      proxyFault(error) === undefined
        ? 'check the address and that this runner may reach it'
        : "check the proxy's address (HTTPS_PROXY), and that it allows this runner to that host",
    )
  }
}

/**
 * The body, or in words why there is none. User and password go along in a header, and to no other
 * host.
 */
async function fetchBounded(
  url: URL,
  io: ManifestIo,
  signal: AbortSignal,
): Promise<Uint8Array | string> {
  let at = bare(url)
  const sign = signOf(url, io)
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const headers: Record<string, string> =
      sign === undefined || at.origin !== url.origin ? {} : { authorization: sign }
    const response = await io.fetch(at.href, { signal, redirect: 'manual', headers })
    const location = response.headers.get('location')
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel()
      const next = URL.parse(location, at.href)
      if (next === null) return 'redirects to something that is not a URL'
      at = bare(next)
      if (at.protocol !== 'https:') return `redirects to ${at.protocol}//, which is not followed`
      continue
    }
    if (response.status !== 200) {
      await response.body?.cancel()
      return `answered ${response.status}`
    }
    return readBounded(response)
  }
  return `redirects more than ${MAX_REDIRECTS} times`
}

async function readBounded(response: Response): Promise<Uint8Array | string> {
  const file = collected(MAX_BYTES)
  const body: ReadableStream<Uint8Array> | null = response.body
  if (body === null) return new Uint8Array()
  for await (const part of body) {
    // Leaving the loop cancels the stream.
    if (!file.add(part)) return 'is larger than 1 MiB'
  }
  return file.bytes()
}

/** User, password and query may hold a token: messages never show them. */
function shownAs(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`
}

function bare(url: URL): URL {
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  plain.hash = ''
  return plain
}

function signOf({ username, password }: URL, io: ManifestIo): string | undefined {
  if (username === '' && password === '') return undefined
  const plain = [username, password].map(decoded)
  const basic = Buffer.from(plain.join(':')).toString('base64')
  io.hide([password, plain[1] ?? '', ...(password === '' ? [username, plain[0] ?? ''] : []), basic])
  return `Basic ${basic}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * By its code alone: the runtime's own words may hold the whole address. undici says `fetch failed`
 * and keeps what happened in the cause.
 */
function reason(error: unknown): string {
  const proxy = proxyFault(error)
  if (proxy !== undefined) return proxy
  const cause = codeOf(error) === undefined && error instanceof Error ? error.cause : error
  const code = codeOf(cause)
  const fault = tlsFault(code ?? '', cause instanceof Error ? cause.message : '')
  if (fault !== undefined) return `its host ${fault.what} (${code ?? ''})`
  switch (code) {
    case 'ENOTFOUND':
      return 'its host is not known here (ENOTFOUND)'
    case 'ECONNREFUSED':
      return 'nothing listens there (ECONNREFUSED)'
    case undefined:
      return 'the connection failed'
    default:
      return `the connection failed (${code})`
  }
}

/** Of the proxy of the step, as src/github/fetch.ts tells it; undefined for any other fault. */
function proxyFault(error: unknown): string | undefined {
  const what = /^PROXY_(\w+)$/.exec(codeOf(error) ?? '')?.[1]
  if (what === undefined) return undefined
  if (what === 'scheme') return 'its proxy is none of http:// or https://'
  if (/^\d+$/.test(what)) return `the proxy answered ${what}`
  const fault = tlsFault(what, '')
  return fault === undefined
    ? `the proxy is not reached (${what})`
    : `the proxy ${fault.what} (${what})`
}

function codeOf(error: unknown): string | undefined {
  const parsed = z.looseObject({ code: z.string().regex(/^\w+$/) }).safeParse(error)
  return parsed.success ? parsed.data.code : undefined
}
