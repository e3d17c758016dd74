// What an exec inside a simulated member answers: the scripts of this action, the programs that the tutorial runs by hand, and probes.

import { CLI_MARKER, WORD_MARKER } from '../../../src/ensemble/zookeeper/by-exec.ts'
import { LOCATE_MARKER } from '../../../src/ensemble/zookeeper/locate.ts'
import { formatZxid } from '../../../src/ensemble/zookeeper/wire.ts'
import { type Change, dataOf, statOf, type Tree } from './zookeeper-tree.ts'
import { answerWord, type Speaking } from './zookeeper-words.ts'

export interface Answer {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface Inside {
  readonly fqdn: string
  readonly configPath: string
  readonly config: string
  readonly dynamic: string | undefined
  readonly myid: string | undefined
  readonly speaking: Speaking
  readonly serving: boolean
  /** The client port speaks TLS only: what asks in plain text waits in vain. */
  readonly tlsOnly: boolean
  tree(): Tree
  commit(change: Change, secrets: ReadonlySet<string>): number
}

export function answerExec(inside: Inside, command: readonly string[], stdin: string): Answer {
  const said = (stdout: string, exitCode = 0, stderr = ''): Answer => ({ exitCode, stdout, stderr })
  const line = command.join(' ')
  switch (command[3]) {
    case LOCATE_MARKER:
      return said(located(inside, command[4] ?? ''))
    case WORD_MARKER:
      return inside.tlsOnly ? said('', 1, 'command terminated') : said(answerWord(command[4] ?? '', inside.speaking))
    case CLI_MARKER:
      return commandLine(inside, stdin)
    case undefined:
    default:
  }
  if (/zookeeper-ready|ruok/.test(line)) return said('imok')
  if (line.includes('srvr')) return said(answerWord('srvr', inside.speaking), inside.serving ? 0 : 1)
  if (/(^| )hostname -f/.test(line)) return said(`${inside.fqdn}\n`)
  if (/(^| )hostname/.test(line)) return said(`${inside.fqdn.split('.')[0] ?? ''}\n`)
  if (line.includes('myid')) return inside.myid === undefined ? said('', 1, 'No such file or directory') : said(`${inside.myid}\n`)
  if (line.includes('zoo.cfg')) return said(inside.config)
  return said('', 127, `${command[0] ?? ''}: not found`)
}

function located(inside: Inside, nonce: string): string {
  const section = (name: string, text: string | undefined): string => (text === undefined ? '' : `\n--- ${nonce} ${name}\n${text}\n`)
  const host = inside.fqdn.split('.')[0] ?? ''
  return [section('found', inside.configPath), section('config', inside.config), section('dynamic', inside.dynamic), section('myid', inside.myid), section('host', host), section('fqdn', inside.fqdn), section('end', '')].join('')
}

/** zkCli.sh: values on stdout, errors on stderr, stats on stderr in 3.4, exit code 0 whatever happened. */
function commandLine(inside: Inside, stdin: string): Answer {
  if (!inside.serving) return { exitCode: 1, stdout: 'Connecting to 127.0.0.1:2181\n', stderr: 'KeeperErrorCode = ConnectionLoss' }
  const old = inside.speaking.version.startsWith('3.4.')
  const out = ['Connecting to 127.0.0.1:2181', '', 'WATCHER::', '', 'WatchedEvent state:SyncConnected type:None path:null']
  const errors: string[] = []
  const secrets = new Set<string>()
  const refuse = (code: number, path: string): void => {
    if (code === -101) errors.push(`Node does not exist: ${path}`)
    else if (code === -102) errors.push(old ? `Authentication is not valid : ${path}` : `Insufficient permission : ${path}`)
    else if (code !== 0) errors.push(`Node already exists: ${path}`)
  }
  for (const line of stdin.split('\n')) {
    const [verb = '', path = '', value = ''] = line.trim().split(' ')
    out.push(`[zk: 127.0.0.1:2181(CONNECTED) 0] ${line}`)
    const stat = (): void => {
      const found = statOf(inside.tree(), path)
      const lines = found === undefined ? [] : [`cZxid = ${formatZxid(found.czxid)}`, `mZxid = ${formatZxid(found.mzxid)}`, `dataVersion = ${found.version}`, `numChildren = ${found.children}`]
      ;(old ? errors : out).push(...lines)
    }
    switch (verb) {
      case 'addauth':
        secrets.add(value)
        break
      case 'create':
        refuse(inside.commit({ kind: 'create', path, data: value }, secrets), path)
        break
      case 'set':
        refuse(inside.commit({ kind: 'set', path, data: value, version: -1 }, secrets), path)
        if (old) stat()
        break
      case 'delete':
        refuse(inside.commit({ kind: 'delete', path, version: -1 }, secrets), path)
        break
      case 'get':
      case 'stat': {
        const data = dataOf(inside.tree(), path)
        if (data === undefined) refuse(-101, path)
        else if (verb === 'get') out.push(data)
        if (data !== undefined && (verb === 'stat' || old)) stat()
        break
      }
    }
  }
  return { exitCode: 0, stdout: `${out.join('\n')}\n`, stderr: `${errors.join('\n')}\n` }
}
