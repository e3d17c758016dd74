// Members come and go: by the action one at a time, and beside it by a changed manifest, as people
// do it today.

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { inWords, settle, type Act, type Kind, type Row } from './bench-rolls.ts'
import { noticed } from './bench-watch.ts'

const run = promisify(execFile)

/** 1 → 3 → 5 → 3; of two sizes a step each, so 1 → 3 are two. */
const SIZES = [3, 5, 3] as const

export async function scaleRows(act: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  const ours = `${namespace}-ours`
  const today = `${namespace}-kubectl`
  try {
    for (const name of [ours, today]) {
      await run('kubectl', ['create', 'namespace', name])
      const made = await act({ ...kind.inputs, namespace: name })
      if (made !== 'succeeded') throw new Error(`deploy in ${name} ended as ${made}`)
    }
    const rows: Row[] = []
    let from = 1
    for (const to of SIZES) {
      const scaled = inWords(
        await noticed(ours, kind.set, async () => {
          const result = await act({
            operation: 'scale',
            name: kind.set,
            replicas: String(to),
            namespace: ours,
            verify: 'quick',
          })
          if (result !== 'succeeded') throw new Error(`scale in ${ours} ended as ${result}`)
        }),
      )
      const applied = await noticed(today, kind.set, () => applyToday(today, kind, to)).then(
        inWords,
        (error: unknown) =>
          `failed: ${error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 60) : 'unknown'}`,
      )
      rows.push({
        what: `${kind.name}: from ${from} to ${to} members, ${Math.abs(to - from)} steps (kubectl apply of the changed manifest, rollout status)`,
        ours: scaled,
        today: applied,
        reach: `≤ ${30 * Math.abs(to - from)} s`,
      })
      from = to
      await settle()
    }
    return rows
  } finally {
    for (const name of [ours, today])
      spawnSync('kubectl', ['delete', 'namespace', name, '--wait=false', '--ignore-not-found'])
  }
}

export async function applyToday(namespace: string, kind: Kind, replicas: number): Promise<void> {
  const { status, stderr } = spawnSync(
    'kubectl',
    ['apply', '-n', namespace, '--server-side', '--force-conflicts', '-f', '-'],
    { input: kind.manifest(replicas), encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  await run('kubectl', [
    '-n',
    namespace,
    'rollout',
    'status',
    `statefulset/${kind.set}`,
    '--timeout=5m',
  ])
}
