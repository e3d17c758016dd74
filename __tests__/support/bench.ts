// `npm run bench`: what the action costs on a real cluster, side by side with what people use today (kubectl and shell), in one run. It asserts nothing.

import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { endJob, newJob, runAction } from './runner.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const manifest = readFileSync(join(ROOT, 'examples/manifests/zookeeper-tutorial.yaml'), 'utf8')
const kubeconfig = process.env['KUBECONFIG'] ?? ''
const reportSchema = z.looseObject({
  result: z.string(), requests: z.record(z.string(), z.number()), ended: z.string(), phases: z.array(z.looseObject({ title: z.string(), ms: z.number() })),
  timeline: z.array(z.looseObject({ at: z.string(), what: z.string() })), checks: z.array(z.looseObject({ name: z.string(), ms: z.number() })),
})

const rows: { what: string; ours: string; today: string; reach: string }[] = []

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
  const costs = Array.from({ length: 5 }, () => {
    const { stderr } = spawnSync('bash', ['-c', `TIMEFORMAT='%U %S'; time ${process.execPath} dist/index.js >/dev/null`], { cwd: ROOT, encoding: 'utf8', env: { PATH: process.env['PATH'], INPUT_OPERATION: 'nothing', RUNNER_TEMP: tmpdir() } })
    const [user = '0', system = '0'] = stderr.trim().split('\n').at(-1)?.split(' ') ?? []
    return (Number(user) + Number(system)) * 1000
  })
  return costs.toSorted((a, b) => a - b)[2] ?? 0
}

async function act(namespace: string): Promise<{ readonly ms: number; readonly report: z.infer<typeof reportSchema> }> {
  const job = newJob()
  try {
    const began = performance.now()
    const ran = await runAction({ inputs: { manifests: 'zk.yaml', namespace }, kubeconfig: readFileSync(kubeconfig, 'utf8'), files: { 'zk.yaml': manifest }, job })
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

const PAIRS = [['0', '1'], ['0', '2'], ['1', '0'], ['1', '2'], ['2', '0'], ['2', '1']] as const

/** The six checks as the tutorial does them: a create on one member, a get on another, for every ordered pair. */
function byHandPairs(namespace: string): number {
  return timed(() => {
    for (const [from, to] of PAIRS) {
      const path = `/bench-${from}-${to}`
      kubectl('exec', '-n', namespace, `zk-${from}`, '--', 'zkCli.sh', 'create', path, 'world')
      const got = kubectl('exec', '-n', namespace, `zk-${to}`, '--', 'zkCli.sh', 'get', path)
      if (!got.includes('world')) throw new Error(`zk-${to} does not show what was written through zk-${from}`)
    }
  }).ms
}

async function main(): Promise<void> {
  if (kubeconfig === '') throw new Error('npm run bench needs KUBECONFIG of a cluster with four nodes')
  rows.push({ what: 'CPU until wrong inputs are refused (median of 5)', ours: seconds(startUp()), today: '–', reach: '≤ 250 ms' })
  const namespace = `bench-${randomBytes(3).toString('hex')}`
  const other = `${namespace}-kubectl`
  try {
    kubectl('create', 'namespace', namespace)
    const first = await act(namespace)
    const { report } = first
    const last = Math.max(...report.timeline.filter(({ what }) => what.startsWith('available')).map(({ at }) => Date.parse(at)))
    const requests = ['reads', 'writes', 'dryRuns', 'watches'].reduce((sum, name) => sum + (report.requests[name] ?? 0), 0)

    kubectl('create', 'namespace', other)
    const byHand = timed(() => {
      execFileSync('kubectl', ['apply', '-n', other, '-f', '-'], { input: manifest, stdio: ['pipe', 'pipe', 'pipe'] })
      kubectl('rollout', 'status', '-n', other, 'statefulset/zk', '--timeout=10m')
    }).ms
    const unchanged = await act(namespace)
    const pairs = byHandPairs(namespace)
    const data = unchanged.report.checks.find(({ name }) => name === 'data')?.ms ?? 0
    const verify = unchanged.report.phases.find(({ title }) => title.startsWith('Verify'))?.ms ?? 0

    rows.push({ what: 'deploy of three members, verified (kubectl: apply and rollout status, unverified)', ours: seconds(first.ms), today: seconds(byHand), reach: '–' })
    rows.push({ what: 'from "last pod available" to the verdict, full verify', ours: seconds(Date.parse(report.ended) - last), today: '–', reach: '≤ 1 s' })
    rows.push({ what: 'API requests of that first deploy (streams and lease apart)', ours: String(requests), today: '–', reach: '≤ 40' })
    rows.push({ what: 'whole full verify: 6 pairs, quorum, identity, placement, service (kubectl exec zkCli.sh: 6 pairs)', ours: seconds(verify), today: seconds(pairs), reach: `≥ 20 ×: ${(pairs / verify).toFixed(0)} ×` })
    rows.push({ what: 'one pair of it', ours: seconds(data / 6), today: seconds(pairs / 6), reach: `≥ 100 ×: ${(pairs / data).toFixed(0)} ×` })
    rows.push({ what: `unchanged deploy, verified (${unchanged.report.requests['writes'] ?? 0} writes)`, ours: seconds(unchanged.ms), today: '–', reach: '≤ 3 s, no write' })
  } finally {
    for (const name of [namespace, other]) spawnSync('kubectl', ['delete', 'namespace', name, '--wait=false'])
  }
  print()
}

function print(): void {
  const width = Math.max(...rows.map(({ what }) => what.length))
  console.log(`${'what'.padEnd(width)}  ${'ours'.padStart(8)}  ${'today'.padStart(8)}  to reach`)
  for (const { what, ours, today, reach } of rows) console.log(`${what.padEnd(width)}  ${ours.padStart(8)}  ${today.padStart(8)}  ${reach}`)
}

await main()
