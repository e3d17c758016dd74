// What an exec inside a simulated member answers: the scripts of this action, the programs that the
// tutorial runs by hand, and probes.

import { IDENTITY_MARKER } from '../../../src/ensemble/zookeeper/read-identity.ts'
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
}

export function answerExec(inside: Inside, command: readonly string[]): Answer {
  const said = (stdout: string, exitCode = 0, stderr = ''): Answer => ({ exitCode, stdout, stderr })
  const line = command.join(' ')
  if (command[3] === IDENTITY_MARKER) return said(identityTexts(inside, command[4] ?? ''))
  if (/zookeeper-ready|ruok/.test(line)) return said('imok')
  if (line.includes('srvr'))
    return said(answerWord('srvr', inside.speaking), inside.serving ? 0 : 1)
  if (/(^| )hostname -f/.test(line)) return said(`${inside.fqdn}\n`)
  if (/(^| )hostname/.test(line)) return said(`${inside.fqdn.split('.')[0] ?? ''}\n`)
  if (line.includes('myid'))
    return inside.myid === undefined
      ? said('', 1, 'No such file or directory')
      : said(`${inside.myid}\n`)
  if (line.includes('zoo.cfg')) return said(inside.config)
  return said('', 127, `${command[0] ?? ''}: not found`)
}

function identityTexts(inside: Inside, nonce: string): string {
  const section = (name: string, text: string | undefined): string =>
    text === undefined ? '' : `\n--- ${nonce} ${name}\n${text}\n`
  const host = inside.fqdn.split('.')[0] ?? ''
  return [
    section('found', inside.configPath),
    section('config', inside.config),
    section('dynamic', inside.dynamic),
    section('myid', inside.myid),
    section('user', '1000'),
    section('data', 'drwxr-sr-x 1000:1000'),
    section('host', host),
    section('fqdn', inside.fqdn),
    section('end', ''),
  ].join('')
}
