// A server's configuration as it lies in the member: zoo.cfg and the dynamic file beside it, in the
// syntax of java.util.Properties.

export interface ServerLine {
  readonly id: number
  /** More than one since 3.6 (`a:2888:3888|b:2888:3888`). */
  readonly addresses: readonly {
    readonly host: string
    readonly peerPort: number
    readonly electionPort: number
  }[]
  readonly role: 'participant' | 'observer'
  /** The part behind the semicolon, since 3.5. */
  readonly clientPort: number | undefined
}

export interface ServerConfig {
  readonly dataDir: string | undefined
  readonly clientPort: number | undefined
  readonly secureClientPort: number | undefined
  /** By id; empty for a server that stands alone. */
  readonly servers: readonly ServerLine[]
  /** Whether one server may stand alone, outside of a quorum. */
  readonly standaloneEnabled: boolean
  /** Lines that begin as a server line but can't be read. */
  readonly faults: readonly string[]
}

/**
 * Keys and values, later lines winning; comments, continued lines, `:` and blanks as separators,
 * and escapes as Java reads them.
 */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const match = /^((?:\\.|[^\\=:\s])+)\s*[=:]?\s*(.*)$/s.exec(line)
    const key = match?.[1]
    if (key !== undefined) found.set(unescaped(key), unescaped(match?.[2] ?? '').trim())
  }
  return found
}

function logicalLines(text: string): readonly string[] {
  const lines: string[] = []
  let open: string | undefined
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.trimStart()
    if (open === undefined && (line === '' || line.startsWith('#') || line.startsWith('!')))
      continue
    const joined: string = (open ?? '') + line
    const continued = /(?:^|[^\\])(?:\\\\)*\\$/.test(joined)
    open = continued ? joined.slice(0, -1) : undefined
    if (!continued) lines.push(joined)
  }
  if (open !== undefined) lines.push(open)
  return lines
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, '$1')
}

/**
 * `server.2` = `zk-1.zk-hs:2888:3888:participant;0.0.0.0:2181`; undefined for another key, and for
 * a value that can't be read.
 */
export function parseServerLine(key: string, value: string): ServerLine | undefined {
  const id = /^server\.(\d{1,15})$/.exec(key)?.[1]
  if (id === undefined) return undefined
  const [peers = '', client] = value.split(';')
  const addresses: { host: string; peerPort: number; electionPort: number }[] = []
  let role: ServerLine['role'] = 'participant'
  for (const one of peers.split('|')) {
    const match =
      /^\s*(\[[0-9a-f:.]+\]|[^\s:[\]]+):(\d{1,5}):(\d{1,5})(?::(participant|observer))?\s*$/i.exec(
        one,
      )
    if (match === null) return undefined
    addresses.push({
      host: (match[1] ?? '').toLowerCase(),
      peerPort: Number(match[2]),
      electionPort: Number(match[3]),
    })
    if (match[4]?.toLowerCase() === 'observer') role = 'observer'
  }
  const clientPort = client === undefined ? undefined : /(?:^|:)\s*(\d{1,5})\s*$/.exec(client)?.[1]
  return {
    id: Number(id),
    addresses,
    role,
    clientPort: clientPort === undefined ? undefined : Number(clientPort),
  }
}

/** `dynamic`: text of the dynamic configuration file, whose server lines win. */
export function parseConfig(text: string, dynamic?: string): ServerConfig {
  const fixed = parseProperties(text)
  const listed =
    dynamic === undefined
      ? fixed
      : new Map([
          ...[...fixed].filter(([key]) => !/^(server|group|weight)\./.test(key)),
          ...parseProperties(dynamic),
        ])
  const servers: ServerLine[] = []
  const faults: string[] = []
  for (const [key, value] of listed) {
    const line = parseServerLine(key, value)
    if (line !== undefined) servers.push(line)
    else if (key.startsWith('server.')) faults.push(`${key}=${value}`)
  }
  return {
    dataDir: fixed.get('dataDir'),
    clientPort: port(fixed.get('clientPort')),
    secureClientPort: port(fixed.get('secureClientPort')),
    servers: servers.toSorted((a, b) => a.id - b.id),
    standaloneEnabled: fixed.get('standaloneEnabled')?.toLowerCase() !== 'false',
    faults,
  }
}

function port(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,5}$/.test(value) && Number(value) > 0
    ? Number(value)
    : undefined
}

/** Whether clients can only come by TLS. */
export function isTlsOnly(config: ServerConfig): boolean {
  return (
    config.secureClientPort !== undefined &&
    config.clientPort === undefined &&
    config.servers.every((line) => line.clientPort === undefined)
  )
}

export function voters(servers: readonly ServerLine[]): readonly ServerLine[] {
  return servers.filter((line) => line.role === 'participant')
}
