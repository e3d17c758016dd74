// npm run demo: the shipped bundle, started as the runner starts it, deploys the tutorial's
// manifest and shows log and summary. Without --cluster the cluster is simulated in this process;
// with --cluster it is the one that KUBECONFIG names, in a namespace that is deleted afterwards.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock.ts'
import { connectKube } from '../../src/kube/connect.ts'
import type { SimulatedCluster } from './cluster/cluster.ts'
import { startCluster } from './cluster/cluster.ts'
import type { ActionRun } from './runner.ts'
import { endJob, newJob, runAction } from './runner.ts'
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

async function show(run: Omit<ActionRun, 'onLine'>): Promise<number> {
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
  return finished.exitCode ?? 1
}

function workflow(namespace: string): Readonly<Record<string, string>> {
  return { operation: 'deploy', manifests: MANIFEST, namespace, 'create-namespace': 'true' }
}

async function onSimulated(): Promise<number> {
  say(
    'No real cluster is used: this is a SIMULATED one, in this process, with a clock that runs faster. Its API server, its controllers and its',
  )
  say(
    'ZooKeeper members are imitations; the action is the real bundle. For a real cluster: KUBECONFIG=… npm run demo -- --cluster',
  )
  const cluster: SimulatedCluster = await startCluster({ speed: SPEED })
  const job = newJob()
  try {
    return await show({
      inputs: workflow('demo'),
      kubeconfig: cluster.kubeconfig,
      files: { [MANIFEST]: readFileSync(join(ROOT, MANIFEST), 'utf8') },
      job,
    })
  } finally {
    endJob(job)
    await cluster.stop()
  }
}

async function onReal(): Promise<number> {
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
    return await show({
      inputs: workflow(namespace),
      env: passed,
      files: { [MANIFEST]: readFileSync(join(ROOT, MANIFEST), 'utf8') },
      job,
    })
  } finally {
    endJob(job)
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

const real = process.argv.includes('--cluster')
if (!existsSync(join(ROOT, 'dist/index.js'))) {
  say('dist/index.js is missing: npm run build')
  process.exitCode = 1
} else process.exitCode = await (real ? onReal() : onSimulated())
