// What a simulated member answers to four-letter words, in the words of 3.4 or of 3.9.

export interface Speaking {
  readonly version: string
  readonly id: number | undefined
  /** Undefined: not serving. */
  readonly mode: 'leader' | 'follower' | 'observer' | 'standalone' | 'read-only' | undefined
  readonly zxid: bigint
  readonly nodes: number
  readonly config: string
  readonly clientPort: number
}

const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests\n'
const ALL_BY_DEFAULT = ['ruok', 'srvr', 'stat', 'mntr', 'conf', 'isro']

export function answerWord(word: string, member: Speaking): string {
  const old = member.version.startsWith('3.4.')
  const listed = /^4lw\.commands\.whitelist=(.*)$/m.exec(member.config)?.[1]?.split(/[\s,]+/)
  const allowed =
    listed?.includes('*') === true ? ALL_BY_DEFAULT : (listed ?? (old ? ALL_BY_DEFAULT : ['srvr']))
  if (!allowed.includes(word))
    return `${word} is not executed because it is not in the whitelist.\n`
  if (word === 'ruok') return 'imok'
  if (member.mode === undefined) return NOT_SERVING
  switch (word) {
    case 'srvr':
      return srvr(member, old)
    case 'conf':
      return conf(member, old)
    case 'mntr':
      return [
        `zk_version\t${built(member, old)}`,
        `zk_server_state\t${member.mode}`,
        ...(member.mode === 'leader' ? ['zk_synced_followers\t2'] : []),
        '',
      ].join('\n')
    default:
      return ''
  }
}

function built({ version }: Speaking, old: boolean): string {
  return old
    ? `${version}-39d3a4f269333c922ed3db283be479f9deacaa0f, built on 03/23/2017 10:13 GMT`
    : `${version}-1b2a3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d, built on 2026-01-15 08:12 UTC`
}

function srvr(member: Speaking, old: boolean): string {
  const { mode } = member
  return [
    ...(mode === 'read-only' ? ['READ-ONLY mode; serving only read-only clients'] : []),
    `Zookeeper version: ${built(member, old)}`,
    old ? 'Latency min/avg/max: 0/0/12' : 'Latency min/avg/max: 0/0.4167/12',
    'Received: 120',
    'Sent: 119',
    'Connections: 1',
    'Outstanding: 0',
    `Zxid: 0x${member.zxid.toString(16)}`,
    `Mode: ${mode ?? ''}`,
    `Node count: ${member.nodes}`,
    ...(mode === 'leader' && !old ? ['Proposal sizes last/min/max: 32/32/92'] : []),
    '',
  ].join('\n')
}

function conf(member: Speaking, old: boolean): string {
  const servers = member.config.split('\n').filter((line) => line.startsWith('server.'))
  const own = [
    `clientPort=${member.clientPort}`,
    'dataDir=/data/version-2',
    'dataLogDir=/datalog/version-2',
    'tickTime=2000',
    'maxClientCnxns=60',
    `serverId=${member.id ?? 0}`,
    'initLimit=10',
    'syncLimit=5',
    'peerType=0',
  ]
  return [
    ...own,
    ...(old || servers.length === 0
      ? []
      : [
          'membership: ',
          ...servers.map((line) => line.replace(/;.*$/, ':participant;0.0.0.0:2181')),
          'version=0',
        ]),
    '',
  ].join('\n')
}
