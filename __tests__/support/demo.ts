// npm run demo: the shipped bundle, started as the runner starts it, deploys the tutorial's
// manifest and shows log and summary; with --show undo or --show drain it shows these instead.
// Without --cluster the cluster is simulated in this process; with --cluster it is the one that
// KUBECONFIG names, in a namespace that is deleted afterwards. `image=zookeeper:3.8` and the like
// are further inputs of the step, RUNNER_DEBUG=1 shows its debug lines.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/clock.ts'
import { connectKube } from '../../src/kube/connect.ts'
import type { SimulatedCluster } from './cluster/cluster.ts'
import { startCluster } from './cluster/cluster.ts'
import type { ActionRun, Finished, Job } from './runner.ts'
import { newJob, runAction } from './runner.ts'
import { logRenderer, styleFor, summaryLines } from './terminal.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MANIFEST = 'examples/manifests/zookeeper-tutorial.yaml'
/** Some seconds for what takes a minute on a real cluster. */
const SPEED = 12

const say = (text = ''): void => void process.stdout.write(`${text}\n`)
const style = styleFor(process.stdout.isTTY)
const width = Math.min(process.stdout.columns ?? 120, 160)

function title(text: string): void {
  say()
  say(style.strong(`━━ ${text} ${'━'.repeat(Math.max(0, width - text.length - 4))}`))
  say()
}

async function show(run: Omit<ActionRun, 'onLine'>): Promise<Finished> {
  const render = logRenderer(style)
  title('Log of the step')
  const finished = await runAction({
    ...run,
    onLine(line) {
      const shown = render(line)
      if (shown !== undefined) say(shown)
    },
  })
  if (finished.stderr.trim() !== '') say(style.red(finished.stderr.trimEnd()))
  title('Job summary, as GitHub shows it on the page of the run')
  for (const line of summaryLines(finished.summary, style, width)) say(line)
  title('Outputs for later steps')
  for (const [name, value] of Object.entries(finished.outputs))
    if (value !== '')
      say(
        `${name.padEnd(20)} ${value.length > width - 24 ? `${value.slice(0, width - 24)}…` : value}`,
      )
  return finished
}

/** All that a demo has written but report and summary, which the log and the outputs name. */
function endButReport(job: Job, { outputs }: Finished): void {
  const kept = [outputs['report'], outputs['summary']].filter(
    (path) => path !== undefined && path !== '' && existsSync(path),
  )
  for (const directory of [job.directory, job.temp])
    for (const entry of readdirSync(directory)) {
      const path = join(directory, entry)
      if (path !== job.temp && !kept.includes(path)) rmSync(path, { recursive: true, force: true })
    }
  title('Still there, to be looked at')
  for (const path of kept) say(path)
}

type Step = Readonly<Record<string, string>>

interface Show {
  /** Done before it, without its log: what the step meets. */
  readonly first?: Step
  readonly told: string
  readonly step: Step
  /** A demo has gone well when its step ends so. */
  readonly result: string
}

const DEPLOY: Step = { operation: 'deploy', namespace: 'demo', 'create-namespace': 'true' }

const SHOWS: Readonly<Record<string, Show>> = {
  deploy: {
    told: "The Kubernetes tutorial's ensemble is deployed.",
    step: { ...DEPLOY, manifests: MANIFEST },
    result: 'succeeded',
  },
  undo: {
    first: DEPLOY,
    told: 'A deploy of an image that is not there: the change is rolled back, and the step fails.',
    step: { ...DEPLOY, image: 'zookeeper:3.9.99' },
    result: 'undone',
  },
  drain: {
    first: DEPLOY,
    told: 'The nodes of all three members are drained, one after the other, with a command for each.',
    step: {
      operation: 'drain',
      name: 'zk',
      namespace: 'demo',
      members: 'zk-0\nzk-1\nzk-2',
      'maintenance-command': 'echo "patching $NODE_NAME"',
    },
    result: 'succeeded',
  },
}

/** The manifest, or the file that the inputs name instead; none for the built-in ensemble. */
function filesOf({ manifests = MANIFEST }: Step): Readonly<Record<string, string>> {
  return manifests === '' ? {} : { [manifests]: readFileSync(join(ROOT, manifests), 'utf8') }
}

const DEBUG = process.env['RUNNER_DEBUG'] === '1' ? { RUNNER_DEBUG: '1' } : {}

async function onSimulated({ first, told, step, result }: Show, more: Step): Promise<number> {
  say(
    'No real cluster is used: this is a SIMULATED one, in this process, with a clock that runs faster. Its API server, its controllers and its',
  )
  say(
    'ZooKeeper members are imitations; the action is the real bundle. For a real cluster: KUBECONFIG=… npm run demo -- --cluster',
  )
  const cluster: SimulatedCluster = await startCluster({ speed: SPEED })
  const job = newJob()
  const given = { kubeconfig: cluster.kubeconfig, files: filesOf(more), job, env: DEBUG }
  try {
    say()
    if (first !== undefined) {
      say('First three members are deployed, which takes some seconds…')
      await runAction({ ...given, inputs: first })
    }
    say(told)
    const finished = await show({ ...given, inputs: { ...step, ...more } })
    endButReport(job, finished)
    if (Object.keys(more).length > 0) return finished.exitCode ?? 1
    return finished.outputs['result'] === result ? 0 : 1
  } finally {
    await cluster.stop()
  }
}

async function onReal({ step }: Show, more: Step): Promise<number> {
  const namespace = `zk-ensemble-demo-${process.pid}`
  const { kube } = await connectKube({
    env: process.env,
    workspace: ROOT,
    temp: ROOT,
    clock: systemClock,
  })
  say(
    `This uses the REAL cluster ${kube.server} (context ${kube.context}), in the namespace ${namespace}, which is made now and deleted with all its data at the end.`,
  )
  const job = newJob()
  const passed = Object.fromEntries(
    ['KUBECONFIG', 'HOME', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'].flatMap((name) =>
      process.env[name] === undefined ? [] : [[name, process.env[name]]],
    ),
  )
  try {
    const finished = await show({
      inputs: { ...step, ...more, namespace },
      env: { ...passed, ...DEBUG },
      files: filesOf(more),
      job,
    })
    endButReport(job, finished)
    return finished.exitCode ?? 1
  } finally {
    const deleted = await kube
      .delete(
        { apiVersion: 'v1', kind: 'Namespace', name: namespace },
        {},
        AbortSignal.timeout(30_000),
      )
      .catch(() => undefined)
    say()
    if (deleted === undefined)
      say(`The namespace could not be deleted: kubectl delete namespace ${namespace}`)
    else if (deleted) say(`The namespace ${namespace} is being deleted.`)
    kube.close()
  }
}

const { values, positionals } = parseArgs({
  options: { cluster: { type: 'boolean', default: false }, show: { type: 'string' } },
  allowPositionals: true,
})
const odd = positionals.find((text) => text.indexOf('=') < 1)
const further = Object.fromEntries(
  positionals.map((text) => [text.split('=', 1)[0] ?? '', text.slice(text.indexOf('=') + 1)]),
)
const chosen = SHOWS[values.show ?? 'deploy']
if (!existsSync(join(ROOT, 'dist/index.js'))) {
  say('dist/index.js is missing: npm run build')
  process.exitCode = 1
} else if (chosen === undefined || (values.cluster && values.show !== undefined)) {
  say(
    `--show takes one of ${Object.keys(SHOWS).join(', ')}, and always uses the simulated cluster: without --cluster.`,
  )
  process.exitCode = 1
} else if (odd !== undefined) {
  say(`${odd} is no input: write name=value.`)
  process.exitCode = 1
} else
  process.exitCode = await (values.cluster ? onReal(chosen, further) : onSimulated(chosen, further))
