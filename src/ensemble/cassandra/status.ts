// What nodetool tells, parsed: the ring as one member sees it, and which schema versions there are.
// Views differ, so every member is asked.

export interface RingRow {
  readonly up: 'U' | 'D' | '?'
  readonly state: 'N' | 'L' | 'J' | 'M'
  readonly address: string
  readonly hostId: string
  readonly datacenter: string
}

const ROW = /^([UD?])([NLJM])\s+(\S+)\s/
const HOST_ID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/i

/**
 * `nodetool status`: a row is two letters, an address and somewhere a UUID; load may be two words
 * or `?`, and columns move with the number of tokens.
 */
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

/** What one member says of all: `nodetool describecluster` asks every live one for its schema. */
export interface ClusterSaid {
  readonly versions: readonly string[]
  readonly unreachable: readonly string[]
  /** Release by address; empty before Cassandra 4. */
  readonly releases: ReadonlyMap<string, string>
  /** Empty before Cassandra 4. */
  readonly keyspaces: readonly Replication[]
}

/** How many copies a keyspace has: by data centre, or wherever they come to lie. */
export interface Replication {
  readonly keyspace: string
  readonly copies: ReadonlyMap<string, number> | number
}

/**
 * `<uuid>: [addresses]` a schema version and `UNREACHABLE: [addresses]`; `5.0.9: [address:port]` a
 * release; `name -> Replication class: SimpleStrategy {replication_factor=3}` a keyspace.
 */
export function parseCluster(text: string): ClusterSaid {
  const versions: string[] = []
  const unreachable: string[] = []
  const releases = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([0-9a-f-]{36}|UNREACHABLE|\d+\.\d+\S*):\s*\[(.*)\]\s*$/i.exec(line)
    if (match?.[1] === undefined) continue
    const addresses = (match[2] ?? '')
      .split(',')
      .map(addressOf)
      .filter((one) => one !== '')
    if (match[1].toUpperCase() === 'UNREACHABLE') unreachable.push(...addresses)
    else if (match[1].includes('.'))
      for (const address of addresses) releases.set(address, match[1])
    else versions.push(match[1].toLowerCase())
  }
  return {
    versions: [...new Set(versions)],
    unreachable,
    releases,
    keyspaces: text.split(/\r?\n/).flatMap(replicationIn),
  }
}

/** `/10.0.0.1:7000`, `10.0.0.1`, `[fd00::7]:7000`, `fd00::7`. */
function addressOf(text: string): string {
  const plain = text.trim().replace(/^\//, '')
  return (
    /^\[([^\]]+)\]/.exec(plain)?.[1] ??
    (/^[^:]+:\d+$/.test(plain) ? plain.replace(/:\d+$/, '') : plain)
  )
}

function replicationIn(line: string): readonly Replication[] {
  const match = /^\s*(\S+) -> Replication class:\s*(\w+)\s*\{(.*)\}/.exec(line)
  const [, keyspace, strategy, options = ''] = match ?? []
  if (keyspace === undefined || strategy === undefined) return []
  const values = options
    .split(',')
    .map((one) => one.trim().split('='))
    .flatMap(([name = '', value = '']): readonly (readonly [string, number])[] =>
      /^\d+/.test(value) ? [[name, Number.parseInt(value, 10)]] : [],
    )
  if (strategy === 'NetworkTopologyStrategy') return [{ keyspace, copies: new Map(values) }]
  const [, factor] = values.find(([name]) => name === 'replication_factor') ?? []
  return factor === undefined ? [] : [{ keyspace, copies: factor }]
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
  return {
    gossip: said(/^Gossip active\s*:\s*(true|false)/im),
    clients: said(/^Native Transport active\s*:\s*(true|false)/im),
  }
}

/** `ID : <uuid>` of `nodetool info`. */
export function parseHostId(text: string): string | undefined {
  return /^ID\s*:\s*([0-9a-f-]{36})/im.exec(text)?.[1]?.toLowerCase()
}

/** `ReleaseVersion: 5.0.9` of `nodetool version`. */
export function parseRelease(text: string): string | undefined {
  return /^ReleaseVersion:\s*(\S+)/m.exec(text)?.[1]
}
