// Cassandra nodes in pods, as far as exec shows them: nodetool and cqlsh in front of one ring for
// each StatefulSet, with a login where it asks for one.

import { createHash } from 'node:crypto'
import { items, text } from './json.ts'
import { kindOf } from './kinds.ts'
import { controllerOf, isReady, namespaceOf, podsOf, uidOf, type Stored } from './store.ts'
import type { ExecAnswer, ImageBehaviour, Inside } from './world.ts'

const RELEASE = '5.0.9'
const SCHEMA = '59adb24e-f3cd-3e02-97f0-5b395827453f'
const DATACENTER = 'DC1-K8Demo'

interface Ring {
  readonly rows: Map<string, string>
  /** Host ids that have left it. */
  readonly gone: Set<string>
}

/** An image of Cassandra. `login`: clients must log in by it. */
export function cassandraImage(login?: {
  readonly user: string
  readonly password: string
}): ImageBehaviour {
  const rings = new Map<string, Ring>()
  return {
    exec(inside, command, stdin) {
      const key = `${namespaceOf(inside.pod)}/${text(controllerOf(inside.pod), 'name')}`
      const ring = rings.get(key) ?? { rows: new Map<string, string>(), gone: new Set<string>() }
      rings.set(key, ring)
      const words = command.join(' ')
      if (command[0] === 'nodetool') return nodetool(inside, ring, command[1] ?? '')
      if (command[0] === 'sh' && words.includes('nodetool'))
        return { exitCode: 0, stdout: scripted(inside, ring, command[2] ?? ''), stderr: '' }
      if (!words.includes('cqlsh')) return undefined
      const [user, password] = command[0] === 'cqlsh' ? [] : stdin.split('\n')
      const refused = login === undefined ? undefined : refusal(login, user ?? '', password ?? '')
      return refused === undefined
        ? { exitCode: 0, stdout: cql(ring, command.at(-1) ?? ''), stderr: '' }
        : { exitCode: 1, stdout: '', stderr: refused }
    },
  }
}

/** The words of cqlsh, which quotes who tried. */
function refusal(
  login: { readonly user: string; readonly password: string },
  user: string,
  password: string,
): string | undefined {
  const why =
    user === ''
      ? "AuthenticationFailed('Remote end requires authentication.')"
      : `AuthenticationFailed('Failed to authenticate to 127.0.0.1:9042: Error from server: code=0100 [Bad credentials] message="Provided username ${user} and/or password ${password} are incorrect"')`
  return user === login.user && password === login.password
    ? undefined
    : `Connection error: ('Unable to connect to any servers', {'127.0.0.1:9042': ${why}})\n`
}

/** Who the node is lies in its claim: one on a new claim is a new host. */
function hostIdOf({ world, pod }: Inside): string {
  const name = items(pod, 'spec', 'volumes')
    .map((volume) => text(volume, 'persistentVolumeClaim', 'claimName'))
    .find((claim) => claim !== '')
  const claim =
    name === undefined
      ? undefined
      : world.store.get(kindOf('PersistentVolumeClaim'), namespaceOf(pod), name)
  const hex = createHash('sha256')
    .update(uidOf(claim ?? pod))
    .digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), '4bbb', '8ccc', hex.slice(12, 24)].join('-')
}

function nodesOf({ world, pod }: Inside, ring: Ring): readonly Stored[] {
  return podsOf(world.store, namespaceOf(pod)).filter(
    (one) =>
      text(controllerOf(one), 'uid') === text(controllerOf(pod), 'uid') &&
      !ring.gone.has(hostIdOf({ world, pod: one })),
  )
}

function answerTo(question: string, inside: Inside, ring: Ring): string {
  const nodes = nodesOf(inside, ring)
  switch (question) {
    case 'status':
      return `Datacenter: ${DATACENTER}\n${nodes.map((pod) => `${isReady(pod) ? 'U' : 'D'}N  ${text(pod, 'status', 'podIP')}  80 KiB  4  ?  ${hostIdOf({ ...inside, pod })}  rack1\n`).join('')}`
    case 'info':
      return `ID                     : ${hostIdOf(inside)}\nGossip active          : true\nNative Transport active: true\n`
    case 'describecluster': {
      const addresses = nodes.map((pod) => text(pod, 'status', 'podIP'))
      return `Cluster Information:\n\tSchema versions:\n\t\t${SCHEMA}: [${addresses.join(', ')}]\n\nDatabase versions:\n\t${RELEASE}: [${addresses.map((one) => `${one}:7000`).join(', ')}]\n\nKeyspaces:\n`
    }
    case 'netstats':
      return `Mode: ${ring.gone.has(hostIdOf(inside)) ? 'DECOMMISSIONED' : 'NORMAL'}\n`
    case 'decommission':
      ring.gone.add(hostIdOf(inside))
      return ''
    default:
      return ''
  }
}

function nodetool(inside: Inside, ring: Ring, question: string): ExecAnswer {
  return { exitCode: 0, stdout: answerTo(question, inside, ring), stderr: '' }
}

/** The questions of one exec, each behind its line. */
function scripted(inside: Inside, ring: Ring, script: string): string {
  return [...script.matchAll(/^echo '([^']*)'$|^nodetool (\w+)/gm)]
    .map(([, line, question]) =>
      line === undefined ? answerTo(question ?? '', inside, ring) : `${line}\n`,
    )
    .join('')
}

/** Rows by id; a lightweight transaction is won by who comes first. */
function cql({ rows }: Ring, statements: string): string {
  const shown: string[] = []
  for (const [, id = '', value = '', once] of statements.matchAll(
    /VALUES \('([^']+)', '([^']+)'\)( IF NOT EXISTS)?/g,
  )) {
    const taken = rows.get(id)
    if (once === undefined || taken === undefined) rows.set(id, value)
    if (once !== undefined)
      shown.push(
        taken === undefined
          ? '\n [applied]\n-----------\n      True\n'
          : `\n [applied] | id | value\n-----------+----+-------\n     False | ${id} | ${taken}\n`,
      )
  }
  for (const [, ids = ''] of statements.matchAll(/WHERE id (?:IN|=) \(?([^;)]*)/g)) {
    const found = [...ids.matchAll(/'([^']+)'/g)].flatMap(([, id = '']) => rows.get(id) ?? [])
    shown.push(`\n value\n-------\n${found.map((one) => ` ${one}\n`).join('')}`)
  }
  return shown.join('')
}
