// Runs a workflow as GitHub would: its jobs and steps in order, expressions from the outputs that
// there really are, our action from dist, the scripts by bash. Programs and actions of others are
// stand-ins.

import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import {
  endJob,
  newJob,
  readCommandFile,
  runAction,
  type Annotation,
  type Finished,
  type Job,
  readCommands,
} from './runner.ts'
import { filled, holds, workflowSchema, type Around, type Step, type Workflow } from './workflow.ts'

const OURS = 'org/zk-ensemble-action@'

export interface Occasion {
  /** Name of the event, and what `github.event` has. */
  readonly event: string
  readonly payload?: Readonly<Record<string, unknown>>
  /** Inputs of a workflow_dispatch. */
  readonly inputs?: Readonly<Record<string, unknown>>
  readonly secrets?: Readonly<Record<string, string>>
  /** Secrets of the repository's environments. */
  readonly environments?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly vars?: Readonly<Record<string, string>>
  /** What lies in the repository: there after a checkout. */
  readonly files?: Readonly<Record<string, string>>
  /** Programs that the runner's image would have, each a script for bash. */
  readonly programs?: Readonly<Record<string, string>>
  /** Kubeconfig that a login of others writes. */
  readonly login?: string
  /** Told each line of our action's log. */
  readonly onLine?: (line: string) => void
}

/** One step that was run. */
export interface Ran {
  readonly job: string
  readonly step: Step
  readonly success: boolean
  /** Of our action. */
  readonly finished?: Finished
  /** Of a script. */
  readonly script?: {
    readonly stdout: string
    readonly stderr: string
    readonly summary: string
    readonly annotations: readonly Annotation[]
  }
}

/** Steps whose `if` holds, in order, of all jobs whose `if` does; a matrix is a job for each entry. */
export async function runWorkflow(text: string, occasion: Occasion): Promise<readonly Ran[]> {
  const workflow = workflowSchema.parse(parse(text))
  const ran: Ran[] = []
  for (const [name, job] of Object.entries(workflow.jobs)) {
    for (const step of job.steps) if (step.run !== undefined) await readByBash(step.run)
    for (const matrix of entriesOf(job.strategy?.matrix ?? {})) {
      const outside = contextsOf(occasion, matrix)
      const environment = filled(job.environment ?? '', { contexts: outside, job: 'success' })
      const secrets = { ...occasion.secrets, ...occasion.environments?.[environment] }
      const around = { ...outside, secrets }
      if (!holds(job.if, { contexts: around, job: 'success' })) continue
      ran.push(...(await runJob(name, job.steps, occasion, around)))
    }
  }
  return ran
}

/** Every combination of a matrix; one empty entry where there is none. */
function entriesOf(
  matrix: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>>,
): readonly Readonly<Record<string, unknown>>[] {
  return Object.entries(matrix).reduce<readonly Readonly<Record<string, unknown>>[]>(
    (entries, [key, values]) =>
      entries.flatMap((entry) => values.map((value) => ({ ...entry, [key]: value }))),
    [{}],
  )
}

function contextsOf(
  { event, payload = {}, inputs = {}, secrets = {}, vars = {} }: Occasion,
  matrix: Readonly<Record<string, unknown>>,
): Around['contexts'] {
  return {
    github: { event_name: event, event: payload, repository: 'example/shop', token: 'ghs_x' },
    inputs,
    secrets,
    vars,
    matrix,
  }
}

/** What steps of one job share. */
interface Desk {
  readonly job: Job
  readonly occasion: Occasion
  /** Set by steps for those that follow. */
  readonly env: Record<string, string>
  readonly posts: Finished[]
}

async function runJob(
  name: string,
  steps: Workflow['jobs'][string]['steps'],
  occasion: Occasion,
  contexts: Around['contexts'],
): Promise<readonly Ran[]> {
  const desk: Desk = { job: newJob(), occasion, env: {}, posts: [] }
  const known: Record<string, unknown> = {}
  const ran: Ran[] = []
  let job: Around['job'] = 'success'
  try {
    layOut(desk)
    for (const step of steps) {
      const around: Around = {
        job,
        contexts: { ...contexts, steps: known, runner: { temp: desk.job.temp } },
      }
      if (!holds(step.if, around)) continue
      const done = { job: name, step, ...(await runStep(step, desk, around)) }
      ran.push(done)
      if (!done.success) job = 'failure'
      const outcome = done.success ? 'success' : 'failure'
      if (step.id !== undefined)
        known[step.id] = { outputs: done.finished?.outputs ?? {}, outcome, conclusion: outcome }
    }
    for (const finished of desk.posts.toReversed()) {
      const post = await finished.post()
      if (post.exitCode !== 0) throw new Error(`the post step failed: ${post.lines.join('\n')}`)
    }
  } finally {
    endJob(desk.job)
  }
  return ran
}

/** The programs, first in the path. */
function layOut({ job, occasion: { programs = {} } }: Desk): void {
  mkdirSync(join(job.directory, 'bin'))
  for (const [name, script] of Object.entries(programs)) {
    const path = join(job.directory, 'bin', name)
    writeFileSync(path, `#!/usr/bin/env bash\nset -euo pipefail\n${script}\n`)
    chmodSync(path, 0o755)
  }
}

function pathOf({ job }: Desk): string {
  return `${join(job.directory, 'bin')}:${process.env['PATH'] ?? ''}`
}

type Outcome = Pick<Ran, 'success' | 'finished' | 'script'>

async function runStep(step: Step, desk: Desk, around: Around): Promise<Outcome> {
  const fill = (values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, filled(value, around)]))
  const env = { ...desk.env, ...fill(step.env ?? {}), PATH: pathOf(desk) }
  if (step.run !== undefined) return runScript(filled(step.run, around), desk, env)
  const uses = step.uses ?? ''
  if (!uses.startsWith(OURS)) return standIn(uses, desk)
  const finished = await runAction({
    inputs: fill(step.with ?? {}),
    env,
    job: desk.job,
    warm: true,
    ...(desk.occasion.onLine === undefined ? {} : { onLine: desk.occasion.onLine }),
  })
  // What a comment or a page is made of goes with the job: it is read before that.
  desk.posts.push(finished)
  return { success: finished.exitCode === 0, finished }
}

/** What an action of others leaves for ours. */
function standIn(uses: string, { job, occasion, env }: Desk): Outcome {
  const [name = ''] = uses.split('@')
  switch (name) {
    case 'actions/checkout':
      for (const [path, text] of Object.entries(occasion.files ?? {})) {
        const file = join(job.workspace, path)
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, text)
      }
      break
    // It writes into the workspace, with a token.
    case 'google-github-actions/get-gke-credentials':
      env['KUBECONFIG'] = join(job.workspace, 'gha-kubeconfig-0')
      writeFileSync(env['KUBECONFIG'], occasion.login ?? '')
      break
    case 'google-github-actions/auth':
    case 'aws-actions/configure-aws-credentials':
    case 'azure/login':
    case 'azure/use-kubelogin':
    case 'azure/setup-helm':
    case 'actions/upload-artifact':
      break
    default:
      throw new Error(`nobody stands in for ${name}`)
  }
  return { success: true }
}

async function runScript(
  script: string,
  { job, env: shared, occasion }: Desk,
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const files = { GITHUB_ENV: join(job.temp, 'env'), GITHUB_STEP_SUMMARY: join(job.temp, 'page') }
  for (const file of Object.values(files)) writeFileSync(file, '')
  const login = join(job.directory, 'login')
  writeFileSync(login, occasion.login ?? '')
  const { code, stdout, stderr } = await bash(['-e', '-c', script], job.workspace, {
    HOME: join(job.directory, 'home'),
    RUNNER_TEMP: job.temp,
    GITHUB_REPOSITORY: 'example/shop',
    // For stand-ins of programs that log in.
    LOGIN: login,
    ...files,
    ...env,
  })
  Object.assign(shared, readCommandFile(files.GITHUB_ENV))
  const summary = readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8')
  const { annotations } = readCommands(stdout.split('\n'))
  return { success: code === 0, script: { stdout, stderr, summary, annotations } }
}

/** A script that bash can't read fails in somebody's night. */
async function readByBash(script: string): Promise<void> {
  // Expressions are filled in before bash sees the script.
  const text = script.replaceAll(/\$\{\{.*?\}\}/gs, 'x')
  const { code, stderr } = await bash(['-n', '-c', text], '/', {
    PATH: process.env['PATH'] ?? '',
  })
  if (code !== 0) throw new Error(`bash can't read it: ${stderr}\n${script}`)
}

async function bash(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn('bash', [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, stdout, stderr }
}
