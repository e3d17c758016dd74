// `npm run bench`: what the action costs on a real cluster, side by side with what people use today
// (kubectl and shell), in one run. It asserts nothing.
// `npm run bench -- deploy`, `-- first`, `-- rolls` (some 20 minutes), `-- drains` (as long),
// `-- moved`, `-- scale`, `-- settle` (half an hour, only when asked for) and `-- placement` (needs no
// cluster) run a part of it; `-- rolls built-in` and `-- rolls tutorial` one kind of ensemble
// alone. docs/benchmarks.md says how to read it.

import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { placementRows } from './bench-placement.ts'
import { builtInEnsemble } from '../../src/manifests/built-in.ts'
import { budgetRows, drainRows, movedRows } from './bench-drains.ts'
import { rollRows, type Act, type Kind, type Row } from './bench-rolls.ts'
import { applyToday, scaleRows } from './bench-scale.ts'
import { settleRows } from './bench-settle.ts'
import { endJob, newJob, runAction } from './runner.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const manifest = readFileSync(join(ROOT, 'examples/manifests/zookeeper-tutorial.yaml'), 'utf8')
const kubeconfig = process.env['KUBECONFIG'] ?? ''
const reportSchema = z.looseObject({
  result: z.string(),
  requests: z.record(z.string(), z.number()),
  ended: z.string(),
  phases: z.array(z.looseObject({ title: z.string(), ms: z.number() })),
  timeline: z.array(z.looseObject({ at: z.string(), what: z.string() })),
  checks: z.array(z.looseObject({ name: z.string(), ms: z.number() })),
})

type Report = z.infer<typeof reportSchema>

const rows: Row[] = []

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function timed<T>(work: () => T): { readonly value: T; readonly ms: number } {
  const began = performance.now()
  const value = work()
  return { value, ms: performance.now() - began }
}

function kubectl(...args: string[]): string {
  return execFileSync('kubectl', args, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
}

/** CPU seconds of a refused run: what every start costs. */
function startUp(): number {
  const job = newJob()
  const costs = Array.from({ length: 5 }, () => {
    const { stderr } = spawnSync(
      'bash',
      ['-c', `TIMEFORMAT='%U %S'; time ${process.execPath} dist/index.js >/dev/null`],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], INPUT_OPERATION: 'nothing', RUNNER_TEMP: job.temp },
      },
    )
    const [user = '0', system = '0'] = stderr.trim().split('\n').at(-1)?.split(' ') ?? []
    return (Number(user) + Number(system)) * 1000
  })
  endJob(job)
  return costs.toSorted((a, b) => a - b)[2] ?? 0
}

async function act(
  inputs: Readonly<Record<string, string>>,
): Promise<{ readonly ms: number; readonly report: Report }> {
  const job = newJob()
  try {
    const began = performance.now()
    const ran = await runAction({
      inputs,
      kubeconfig: readFileSync(kubeconfig, 'utf8'),
      files: { 'zk.yaml': manifest },
      job,
    })
    const ms = performance.now() - began
    const path = ran.outputs['report'] ?? ''
    if (ran.exitCode !== 0) throw new Error(ran.lines.join('\n'))
    const report = reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    rmSync(path)
    return { ms, report }
  } finally {
    endJob(job)
  }
}

const PAIRS = [
  ['0', '1'],
  ['0', '2'],
  ['1', '0'],
  ['1', '2'],
  ['2', '0'],
  ['2', '1'],
] as const

/**
 * The six checks as the tutorial does them: a create on one member, a get on another, for every
 * ordered pair.
 */
function byHandPairs(namespace: string): number {
  return timed(() => {
    for (const [from, to] of PAIRS) {
      const path = `/bench-${from}-${to}`
      kubectl('exec', '-n', namespace, `zk-${from}`, '--', 'zkCli.sh', 'create', path, 'world')
      const got = kubectl('exec', '-n', namespace, `zk-${to}`, '--', 'zkCli.sh', 'get', path)
      if (!got.includes('world'))
        throw new Error(`zk-${to} does not show what was written through zk-${from}`)
    }
  }).ms
}

function fromAvailable(report: Report): number {
  const last = Math.max(
    ...report.timeline
      .filter(({ what }) => what.startsWith('available'))
      .map(({ at }) => Date.parse(at)),
  )
  return Date.parse(report.ended) - last
}

/** How long the members took to be a complete ensemble, counted from the first question. */
function electionOf(report: Report): number {
  return report.checks.find(({ name }) => name === 'quorum')?.ms ?? 0
}

/** Runs the action to its end, and says how it came out. */
async function resultOf(inputs: Readonly<Record<string, string>>): Promise<string> {
  const job = newJob()
  try {
    const ran = await runAction({
      inputs,
      kubeconfig: readFileSync(kubeconfig, 'utf8'),
      files: {
        'zk.yaml': small,
        'spread.yaml': spread(1),
        'names.yaml': byNames,
        'changed.yaml': small.replace('cpu: "0.05"', 'cpu: "0.06"'),
      },
      job,
    })
    return ran.outputs['result'] ?? ''
  } finally {
    endJob(job)
  }
}

/** The tutorial's ensemble with less of everything, so that two of them fit beside each other. */
const small = manifest
  .replaceAll('app: zk\n', 'app: zk-bench\n')
  .replace(/^(\s+- zk)$/gm, '$1-bench')
  .replace('cpu: "0.5"', 'cpu: "0.05"')
  .replace('memory: "1Gi"', 'memory: 128Mi')
  .replace('storage: 10Gi', 'storage: 1Gi')

/** The official image with a list of names that move with their pods. */
const byNames = readFileSync(
  join(ROOT, 'examples/manifests/zookeeper-tutorial-services.yaml'),
  'utf8',
).replaceAll(/(server\.\d=zk-\d):/g, '$1.zk-hs:')

const BUILT_IN = {
  name: 'bench',
  cpu: '100m',
  memory: '256Mi',
  heap: '64M',
  storage: '1Gi',
} as const

/** The same objects without the action; the size of the heap is in MiB here. */
function builtIn(replicas: number): string {
  const objects = builtInEnsemble({
    ...BUILT_IN,
    heap: 64,
    replicas,
    image: undefined,
    storageClass: undefined,
  }).map(({ object }) => object)
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
}

/** The same where two members may share a node: five fit on four nodes. */
function spread(replicas: number): string {
  return builtIn(replicas).replace(
    /"requiredDuringSchedulingIgnoredDuringExecution":\[(\{"topologyKey":.*?\}\}\})\]/u,
    '"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":100,"podAffinityTerm":$1}]',
  )
}

const KINDS: readonly Kind[] = [
  {
    name: 'built-in, 3.9',
    set: 'bench',
    selector: 'app.kubernetes.io/instance=bench',
    container: 'zookeeper',
    missingImage: 'zookeeper:no-such-tag',
    inputs: BUILT_IN,
    changed: { heap: '72M' },
    manifest: builtIn,
    reach: {
      restart: '≤ 40 s, gap ≤ 1 s, 1 el.',
      drain: '≤ 45 s, gap ≤ 1 s, 1 el.',
      moved: 'member back ≤ 10 s',
      first: '≤ 20 s',
    },
  },
  {
    name: 'tutorial, 3.4',
    set: 'zk',
    selector: 'app=zk-bench',
    container: 'kubernetes-zookeeper',
    missingImage: 'registry.k8s.io/kubernetes-zookeeper:no-such-tag',
    inputs: { manifests: 'zk.yaml' },
    changed: { manifests: 'changed.yaml' },
    manifest: () => small,
    reach: { restart: 'gap ≤ 2 s, 1 el.', drain: 'gap ≤ 2 s, 1 el.', moved: '–', first: '–' },
  },
]

const [BUILT_IN_KIND, TUTORIAL] = KINDS
const BY_NAMES: readonly Kind[] =
  TUTORIAL === undefined
    ? []
    : [
        TUTORIAL,
        {
          ...TUTORIAL,
          name: 'by names, 3.9',
          inputs: { manifests: 'names.yaml' },
          manifest: () => byNames,
        },
      ]
/** Measured only when it is asked for: it says what a wait is worth, not what the action costs. */
const ASKED_FOR = new Set(['settle'])

/**
 * Who changes the number of members of the tutorial's ensemble changes its start command as well:
 * only the built-in one is scaled.
 */
const PARTS: readonly (readonly [
  string,
  (act: Act, kind: Kind, namespace: string) => Promise<readonly Row[]>,
  readonly Kind[],
])[] = [
  ['first', firstRows, KINDS],
  ['moved', movedRows, KINDS],
  ['drains', drainRows, KINDS],
  ['drains', budgetRows, BUILT_IN_KIND === undefined ? [] : [BUILT_IN_KIND]],
  ['rolls', rollRows, KINDS],
  ['settle', settleRows, BY_NAMES],
  [
    'scale',
    scaleRows,
    BUILT_IN_KIND === undefined
      ? []
      : [{ ...BUILT_IN_KIND, inputs: { manifests: 'spread.yaml' }, manifest: spread }],
  ],
]

/**
 * A first deploy, verified; without the action until `rollout status` is content, which asks no
 * member.
 */
async function firstRows(run: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  const names = [`${namespace}-ours`, `${namespace}-kubectl`] as const
  try {
    for (const name of names) kubectl('create', 'namespace', name)
    const began = performance.now()
    const result = await run({ ...kind.inputs, namespace: names[0] })
    const ours = performance.now() - began
    if (result !== 'succeeded') throw new Error(`deploy in ${names[0]} ended as ${result}`)
    const again = performance.now()
    await applyToday(names[1], kind, 3)
    return [
      {
        what: `${kind.name}: first deploy of three, verified (kubectl apply and rollout status, unverified)`,
        ours: seconds(ours),
        today: seconds(performance.now() - again),
        reach: kind.reach.first,
      },
    ]
  } finally {
    for (const name of names)
      spawnSync('kubectl', ['delete', 'namespace', name, '--wait=false', '--ignore-not-found'])
  }
}

async function main(): Promise<void> {
  const part = process.argv[2] ?? 'all'
  const only = process.argv[3] ?? ''
  const load = loadavg()[0] ?? 0
  if (kubeconfig === '' && part !== 'placement')
    throw new Error('npm run bench needs KUBECONFIG of a cluster with four nodes')
  try {
    // First: what it measures of memory is the whole process's.
    if (part === 'all' || part === 'placement') rows.push(...(await placementRows()))
    if (part === 'all' || part === 'deploy') await deployRows()
    for (const [name, rowsOf, of] of PARTS) {
      if (part !== name && (part !== 'all' || ASKED_FOR.has(name))) continue
      for (const kind of of.filter((one) => one.name.startsWith(only)))
        rows.push(...(await rowsOf(resultOf, kind, `bench-${randomBytes(3).toString('hex')}`)))
    }
  } finally {
    // What was measured is told although a later part failed; figures of a busy machine say little,
    // so its load stands beside them.
    print()
    console.log(
      `\nload of the machine: ${load.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`,
    )
  }
}

async function deployRows(): Promise<void> {
  rows.push({
    what: 'CPU until wrong inputs are refused (median of 5)',
    ours: seconds(startUp()),
    today: '–',
    reach: '≤ 250 ms',
  })
  const namespace = `bench-${randomBytes(3).toString('hex')}`
  const other = `${namespace}-kubectl`
  const builtIn = `${namespace}-built-in`
  try {
    kubectl('create', 'namespace', namespace)
    const first = await act({ manifests: 'zk.yaml', namespace })
    const { report } = first
    const requests = ['reads', 'writes', 'dryRuns', 'watches'].reduce(
      (sum, name) => sum + (report.requests[name] ?? 0),
      0,
    )

    kubectl('create', 'namespace', other)
    const byHand = timed(() => {
      execFileSync('kubectl', ['apply', '-n', other, '-f', '-'], {
        input: manifest,
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      kubectl('rollout', 'status', '-n', other, 'statefulset/zk', '--timeout=10m')
    }).ms
    const unchanged = await act({ manifests: 'zk.yaml', namespace })
    const pairs = byHandPairs(namespace)
    kubectl('create', 'namespace', builtIn)
    const own = await act({ namespace: builtIn, memory: '512Mi' })
    const data = unchanged.report.checks.find(({ name }) => name === 'data')?.ms ?? 0
    const verify = unchanged.report.phases.find(({ title }) => title.startsWith('Verify'))?.ms ?? 0

    rows.push({
      what: 'deploy of three members, verified (kubectl: apply and rollout status, unverified)',
      ours: seconds(first.ms),
      today: seconds(byHand),
      reach: '–',
    })
    rows.push({
      what: 'from "last pod available" to the verdict, full verify: built-in ensemble, Ready when in quorum',
      ours: seconds(fromAvailable(own.report)),
      today: '–',
      reach: '≤ 1 s',
    })
    rows.push({
      what: "the same with the tutorial's manifest, Ready before it is in quorum: with the wait for its election",
      ours: seconds(fromAvailable(report)),
      today: '–',
      reach: '–',
    })
    rows.push({
      what: '… and without that wait',
      ours: seconds(fromAvailable(report) - electionOf(report)),
      today: '–',
      reach: '≤ 1 s',
    })
    rows.push({
      what: 'API requests of that first deploy (streams and lease apart)',
      ours: String(requests),
      today: '–',
      reach: '≤ 40',
    })
    rows.push({
      what: 'whole full verify: 6 pairs, quorum, identity, placement, service (kubectl exec zkCli.sh: 6 pairs)',
      ours: seconds(verify),
      today: seconds(pairs),
      reach: `≥ 20 ×: ${(pairs / verify).toFixed(0)} ×`,
    })
    rows.push({
      what: 'one pair of it',
      ours: seconds(data / 6),
      today: seconds(pairs / 6),
      reach: `≥ 100 ×: ${(pairs / data).toFixed(0)} ×`,
    })
    rows.push({
      what: `unchanged deploy, verified (${unchanged.report.requests['writes'] ?? 0} writes)`,
      ours: seconds(unchanged.ms),
      today: '–',
      reach: '≤ 3 s, no write',
    })
  } finally {
    for (const name of [namespace, other, builtIn])
      spawnSync('kubectl', ['delete', 'namespace', name, '--wait=false'])
  }
}

function print(): void {
  const table = [{ what: 'what', ours: 'ours', today: 'today', reach: 'to reach' }, ...rows]
  const widest = (column: 'what' | 'ours' | 'today'): number =>
    Math.max(...table.map((row) => row[column].length))
  for (const { what, ours, today, reach } of table)
    console.log(
      `${what.padEnd(widest('what'))}  ${ours.padStart(widest('ours'))}  ${today.padStart(widest('today'))}  ${reach}`,
    )
}

await main()
