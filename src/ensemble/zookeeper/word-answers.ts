// What the four-letter words answer, parsed: only `srvr` is allowed by default since 3.5.3, and it
// holds the verdict: a Mode line stands there only when the member serves.

import type { Role } from '../profile.ts'
import { parseConfig, parseProperties, type ServerConfig } from '../../manifests/zoo-config.ts'

export interface Serving {
  readonly kind: 'serving'
  readonly role: Extract<Role, 'leader' | 'follower' | 'observer' | 'standalone'>
  readonly version: string | undefined
  readonly zxid: bigint | undefined
  readonly nodes: number | undefined
}

export type Srvr =
  | Serving
  | { readonly kind: 'read-only'; readonly version: string | undefined }
  | { readonly kind: 'not serving' }
  | { readonly kind: 'not allowed' }
  /** The connection was closed without a byte, twice, or in the midst of an answer. */
  | { readonly kind: 'silent' }
  /** Something else answers on that port; its first line, cut. */
  | { readonly kind: 'garbage'; readonly text: string }

const NOT_SERVING = 'is not currently serving requests'
const NOT_ALLOWED = /^\w{4} is not executed because it is not in the whitelist\./m
const LONGEST = 80

/** `text`: the whole answer to `srvr`. */
export function parseSrvr(text: string): Srvr {
  if (text.trim() === '') return { kind: 'silent' }
  if (text.includes(NOT_SERVING)) return { kind: 'not serving' }
  if (NOT_ALLOWED.test(text)) return { kind: 'not allowed' }
  const version = parseVersion(text)
  const mode = /^Mode: *(\S.*?)\s*$/m.exec(text)?.[1]
  switch (mode) {
    case 'leader':
    case 'follower':
    case 'observer':
    case 'standalone':
      return serving(text, mode, version)
    case 'read-only':
      return { kind: 'read-only', version }
    case undefined:
      return version === undefined ? { kind: 'garbage', text: printable(text) } : { kind: 'silent' }
    default:
      return { kind: 'garbage', text: printable(text) }
  }
}

function serving(text: string, role: Serving['role'], version: string | undefined): Serving {
  const zxid = /^Zxid: *0x([0-9a-f]{1,16})\s*$/im.exec(text)?.[1]
  const nodes = /^Node count: *(\d{1,15})\s*$/m.exec(text)?.[1]
  return {
    kind: 'serving',
    role,
    version,
    zxid: zxid === undefined ? undefined : BigInt(`0x${zxid}`),
    nodes: nodes === undefined ? undefined : Number(nodes),
  }
}

/**
 * `3.4.10` of `Zookeeper version: 3.4.10-39d3a4f2…, built on 03/23/2017 10:13 GMT`; keeps `-alpha`,
 * `-beta` and `-rc1`.
 */
export function parseVersion(text: string): string | undefined {
  return /^Zookeeper version: *(\d+(?:\.\d+)+(?:-(?:alpha|beta|rc\d*)\b)?)/im.exec(text)?.[1]
}

export interface Conf {
  readonly id: number | undefined
  /** With the member list, which is told since 3.5; undefined when the answer has none. */
  readonly config: ServerConfig | undefined
}

/** The answer to `conf`; undefined when it is not allowed or the member doesn't serve. */
export function parseConf(text: string): Conf | undefined {
  const id = parseProperties(text).get('serverId')
  if (id === undefined && !/^clientPort=/m.test(text)) return undefined
  const listed = /^membership:/m.test(text)
  return {
    id: id !== undefined && /^\d{1,9}$/.test(id) ? Number(id) : undefined,
    config: listed ? parseConfig(text.replace(/^membership:.*$/m, '')) : undefined,
  }
}

function printable(text: string): string {
  const line = (text.split(/[\r\n]/).find((one) => one.trim() !== '') ?? '')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line
}
