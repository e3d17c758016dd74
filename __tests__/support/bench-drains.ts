// The nodes of all members are drained in turn: by the action, and beside it by `kubectl drain` as
// the tutorial does it; and how long an eviction takes once its budget allows it.

import { execFile, spawn, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { inWords, pause, settle, type Act, type Kind, type Row } from './bench-rolls.ts'
import { noticed, rolesIn } from './bench-watch.ts'

const run = promisify(execFile)

async function kubectl(...args: string[]): Promise<string> {
  return (await run('kubectl', args)).stdout.trim()
}

/** The cluster must have four nodes; only the ensemble's own pods are evicted, on both sides. */
export async function drainRows(act: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  const ours = await drained(`${namespace}-ours`, act, kind, async (name) => {
    const result = await act({
      operation: 'drain',
      name: kind.set,
      namespace: name,
      members: [0, 1, 2].map((ordinal) => `${kind.set}-${ordinal}`).join('\n'),
      'pod-selector': kind.selector,
      uncordon: 'after',
      'delete-emptydir-data': 'true',
      verify: 'quick',
    })
    if (result !== 'succeeded') throw new Error(`drain in ${name} ended as ${result}`)
  })
  const today = await drained(`${namespace}-kubectl`, act, kind, async (name) => {
    for (const ordinal of [0, 1, 2]) {
      const node = await kubectl(
        '-n',
        name,
        'get',
        'pod',
        `${kind.set}-${ordinal}`,
        '-o',
        'jsonpath={.spec.nodeName}',
      )
      await drainToday(node, kind)
    }
    await kubectl('-n', name, 'rollout', 'status', `statefulset/${kind.set}`, '--timeout=10m')
  })
  return [
    {
      what: `${kind.name}: the nodes of all three members drained in turn (kubectl drain, uncordon)`,
      ours,
      today,
      reach: kind.reach.drain,
    },
  ]
}

async function drained(
  namespace: string,
  act: Act,
  kind: Kind,
  work: (namespace: string) => Promise<void>,
): Promise<string> {
  try {
    await run('kubectl', ['create', 'namespace', namespace])
    const made = await act({ ...kind.inputs, namespace })
    if (made !== 'succeeded') throw new Error(`deploy in ${namespace} ended as ${made}`)
    await settle()
    return inWords(await noticed(namespace, kind.set, () => work(namespace)))
  } finally {
    uncordonAll()
    spawnSync('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=5m'])
  }
}

async function drainToday(node: string, { selector }: Kind): Promise<void> {
  await kubectl(
    'drain',
    node,
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--force',
    '--timeout=10m',
    `--pod-selector=${selector}`,
  )
  await kubectl('uncordon', node)
}

/** One member moves, a follower and then the leader, until the ensemble is whole again. */
export async function movedRows(act: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  const ours = `${namespace}-ours`
  const today = `${namespace}-kubectl`
  const move = async (name: string, role: 'follower' | 'leader'): Promise<string> => {
    const pod = (await rolesIn(name, kind.set))[role]
    return inWords(
      await noticed(name, kind.set, async () => {
        if (name === today)
          return drainToday(
            await kubectl('-n', name, 'get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}'),
            kind,
          )
        const result = await act({
          operation: 'drain',
          name: kind.set,
          namespace: name,
          members: pod,
          'pod-selector': kind.selector,
          uncordon: 'after',
          'delete-emptydir-data': 'true',
          verify: 'off',
        })
        if (result !== 'succeeded') throw new Error(`drain in ${name} ended as ${result}`)
      }),
    )
  }
  try {
    for (const name of [ours, today]) {
      await run('kubectl', ['create', 'namespace', name])
      const made = await act({ ...kind.inputs, namespace: name })
      if (made !== 'succeeded') throw new Error(`deploy in ${name} ended as ${made}`)
    }
    await settle()
    const rows: Row[] = []
    for (const role of ['follower', 'leader'] as const) {
      rows.push({
        what: `${kind.name}: the ${role}'s node drained, until whole again (kubectl drain)`,
        ours: await move(ours, role),
        today: await move(today, role),
        reach: kind.reach.moved,
      })
      await settle()
    }
    return rows
  } finally {
    uncordonAll()
    for (const name of [ours, today])
      spawnSync('kubectl', ['delete', 'namespace', name, '--ignore-not-found', '--timeout=5m'])
  }
}

/** A bench that ends early leaves no node behind. */
function uncordonAll(): void {
  const { stdout } = spawnSync(
    'kubectl',
    ['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'],
    { encoding: 'utf8' },
  )
  spawnSync('kubectl', ['uncordon', ...stdout.split(' ').filter((name) => name !== '')])
}

/**
 * Two pods on one node under a budget that lets one go; the second may go when the first one's
 * successor is Ready.
 */
function slowPair(node: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'web' },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              terminationGracePeriodSeconds: 1,
              affinity: {
                nodeAffinity: {
                  preferredDuringSchedulingIgnoredDuringExecution: [
                    {
                      weight: 100,
                      preference: {
                        matchExpressions: [
                          { key: 'kubernetes.io/hostname', operator: 'In', values: [node] },
                        ],
                      },
                    },
                  ],
                },
              },
              containers: [
                {
                  name: 'c',
                  image: 'busybox:1.36',
                  command: ['sleep', 'infinity'],
                  readinessProbe: {
                    exec: { command: ['true'] },
                    initialDelaySeconds: 8,
                    periodSeconds: 1,
                  },
                },
              ],
            },
          },
        },
      },
    ],
  })
}

/** From the budget allowing it to the second pod being told to end, as a third one watches both. */
export async function budgetRows(act: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  const lags: string[] = []
  for (const way of ['ours', 'kubectl'] as const) {
    const name = `${namespace}-budget-${way}`
    try {
      await run('kubectl', ['create', 'namespace', name])
      const made = await act({ ...kind.inputs, namespace: name })
      if (made !== 'succeeded') throw new Error(`deploy in ${name} ended as ${made}`)
      const taken = (
        await kubectl('-n', name, 'get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}')
      ).split(' ')
      const free =
        (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'))
          .split(' ')
          .find((node) => !taken.includes(node)) ?? ''
      const applied = spawnSync('kubectl', ['-n', name, 'apply', '-f', '-'], {
        input: slowPair(free),
      })
      if (applied.status !== 0) throw new Error(String(applied.stderr))
      await kubectl('-n', name, 'rollout', 'status', 'deployment/web', '--timeout=2m')
      await pause(2_000)
      lags.push(
        await lagOf(name, async () => {
          if (way === 'kubectl')
            await kubectl('drain', free, '--ignore-daemonsets', '--force', '--timeout=5m')
          else
            await act({
              operation: 'drain',
              name: kind.set,
              namespace: name,
              nodes: free,
              uncordon: 'after',
              verify: 'off',
            })
        }),
      )
    } finally {
      uncordonAll()
      spawnSync('kubectl', ['delete', 'namespace', name, '--ignore-not-found', '--wait=false'])
    }
  }
  return [
    {
      what: 'drain: from the budget allowing it to the eviction',
      ours: lags[0] ?? '',
      today: lags[1] ?? '',
      reach: '≤ 200 ms',
    },
  ]
}

async function lagOf(namespace: string, work: () => Promise<void>): Promise<string> {
  const allowed: { readonly value: string; readonly at: number }[] = []
  const told = new Map<string, number>()
  const watch = (
    args: readonly string[],
    take: (line: string, at: number) => void,
  ): (() => void) => {
    const child = spawn('kubectl', ['-n', namespace, 'get', ...args], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let rest = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString('utf8')}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(line, performance.now())
    })
    return () => void child.kill()
  }
  const stops = [
    watch(
      ['poddisruptionbudget', 'web', '-w', '-o', 'jsonpath={.status.disruptionsAllowed}{"\\n"}'],
      (line, at) => void allowed.push({ value: line.trim(), at }),
    ),
    watch(
      [
        'pods',
        '-l',
        'app=web',
        '-w',
        '-o',
        'jsonpath={.metadata.name} {.metadata.deletionTimestamp}{"\\n"}',
      ],
      (line, at) => {
        const [pod, deleted] = line.trim().split(' ')
        if (pod !== undefined && deleted !== undefined && deleted !== '' && !told.has(pod))
          told.set(pod, at)
      },
    ),
  ]
  try {
    await pause(1_000)
    await work()
  } finally {
    for (const stop of stops) stop()
  }
  const [, second] = [...told.values()].toSorted((a, b) => a - b)
  const before = allowed.findLast(
    ({ value, at }) => value === '1' && second !== undefined && at <= second + 50,
  )
  return second === undefined || before === undefined
    ? 'not seen'
    : `${Math.max(0, Math.round(second - before.at))} ms`
}
