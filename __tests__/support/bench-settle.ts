// How long old addresses live on where members are named by their pods: a follower moves, and some
// time after its new address the leader's server ends in place. What the next election then costs.

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { inWords, pause, settle, type Act, type Kind, type Row } from './bench-rolls.ts'
import { noticed, rolesIn } from './bench-watch.ts'

const run = promisify(execFile)

/** Seconds from a follower's new address to the end of the leader's server. */
const AFTER_S = [5, 40, 65]
const TIMES = 2
const LOOK_EVERY_MS = 250
const MOVES_WITHIN_MS = 120_000

export async function settleRows(act: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  try {
    await run('kubectl', ['create', 'namespace', namespace])
    const made = await act({ ...kind.inputs, namespace })
    if (made !== 'succeeded') throw new Error(`deploy in ${namespace} ended as ${made}`)
    const rows: Row[] = []
    for (const after of AFTER_S) {
      const seen: string[] = []
      for (let time = 0; time < TIMES; time += 1) {
        await settle()
        seen.push(await ended(kind, namespace, after))
      }
      rows.push({
        what: `${kind.name}: the leader's server ends ${after} s after a follower's new address`,
        ours: seen.join('; '),
        today: '–',
        reach: '–',
      })
    }
    return rows
  } finally {
    spawnSync('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=5m'])
  }
}

async function ended(kind: Kind, namespace: string, after: number): Promise<string> {
  const { leader, follower } = await rolesIn(namespace, kind.set)
  const old = await addressOf(namespace, follower)
  await run('kubectl', ['-n', namespace, 'delete', 'pod', follower])
  const until = performance.now() + MOVES_WITHIN_MS
  for (let now = ''; now === '' || now === old; now = await addressOf(namespace, follower)) {
    if (performance.now() > until) throw new Error(`${follower} in ${namespace} does not come back`)
    await pause(LOOK_EVERY_MS)
  }
  await pause(after * 1000)
  return inWords(await noticed(namespace, kind.set, () => endServer(namespace, leader)))
}

/** '' while there is none. */
async function addressOf(namespace: string, pod: string): Promise<string> {
  const { stdout } = await run('kubectl', [
    '-n',
    namespace,
    'get',
    'pod',
    pod,
    '--ignore-not-found',
    '-o',
    'jsonpath={.status.podIP}',
  ])
  return stdout.trim()
}

/** Where the server is the container's first process there is nothing else to end. */
async function endServer(namespace: string, pod: string): Promise<void> {
  // The container may be gone before exec has told how it went.
  await run('kubectl', [
    '-n',
    namespace,
    'exec',
    pod,
    '--',
    'bash',
    '-c',
    'pkill java || kill 1',
  ]).catch(() => undefined)
}
