// What nodetool tells, parsed: the ring as one member sees it, and which schema versions there are. Views differ, so every member is asked.

export interface RingRow {
  readonly up: 'U' | 'D' | '?'
  readonly state: 'N' | 'L' | 'J' | 'M'
  readonly address: string
  readonly hostId: string
  readonly datacenter: string
}

const ROW = /^([UD?])([NLJM])\s+(\S+)\s/
const HOST_ID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/i

/** `nodetool status`: a row is two letters, an address and somewhere a UUID; load may be two words or `?`, and columns move with the number of tokens. */
export function parseStatus(text: string): readonly RingRow[] {
  const rows: RingRow[] = []
  let datacenter = ''
  for (const line of text.split(/\r?\n/)) {
    datacenter = /^Datacenter:\s*(\S+)/.exec(line)?.[1] ?? datacenter
    const match = ROW.exec(line)
    const hostId = HOST_ID.exec(line)?.[0]
    const up = match?.[1]
    const state = match?.[2]
    const address = match?.[3]
    if (hostId === undefined || address === undefined || !isUp(up) || !isState(state)) continue
    rows.push({ up, state, address, hostId: hostId.toLowerCase(), datacenter })
  }
  return rows
}

function isUp(letter: string | undefined): letter is RingRow['up'] {
  return letter === 'U' || letter === 'D' || letter === '?'
}

function isState(letter: string | undefined): letter is RingRow['state'] {
  return letter === 'N' || letter === 'L' || letter === 'J' || letter === 'M'
}

export interface SchemaVersions {
  readonly versions: readonly string[]
  readonly unreachable: readonly string[]
}

/** `nodetool describecluster`: `<uuid>: [addresses]` a version, and `UNREACHABLE: [addresses]`. */
export function parseSchema(text: string): SchemaVersions {
  const versions: string[] = []
  const unreachable: string[] = []
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([0-9a-f-]{36}|UNREACHABLE):\s*\[([^\]]*)\]/i.exec(line)
    if (match?.[1] === undefined) continue
    if (match[1].toUpperCase() === 'UNREACHABLE') unreachable.push(...(match[2] ?? '').split(',').map((one) => one.trim()).filter((one) => one !== ''))
    else versions.push(match[1].toLowerCase())
  }
  return { versions: [...new Set(versions)], unreachable }
}

/** Whether a member talks to its peers and to clients. */
export interface Doors {
  readonly gossip: boolean | undefined
  readonly clients: boolean | undefined
}

/** `Gossip active : true` and `Native Transport active: true` of `nodetool info`. */
export function parseDoors(text: string): Doors {
  const said = (name: RegExp): boolean | undefined => {
    const value = name.exec(text)?.[1]
    return value === undefined ? undefined : value.toLowerCase() === 'true'
  }
  return { gossip: said(/^Gossip active\s*:\s*(true|false)/im), clients: said(/^Native Transport active\s*:\s*(true|false)/im) }
}

/** `ReleaseVersion: 5.0.9` of `nodetool version`. */
export function parseRelease(text: string): string | undefined {
  return /^ReleaseVersion:\s*(\S+)/m.exec(text)?.[1]
}
