// What the runner tells about this run, parsed once; outside of Actions every value has a sane
// stand-in, so that local runs look the same.

import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { Env } from './command.ts'

export interface RunnerContext {
  /** Page of this run, with its attempt; empty outside of Actions. */
  readonly runUrl: string
  /** `owner/name`; `local` outside of Actions. */
  readonly repository: string
  readonly runId: string
  readonly attempt: string
  readonly workspace: string
  /** Directory for files that outlive the step but not the job. */
  readonly temp: string
  /** Step debugging is switched on. */
  readonly debug: boolean
  /** The troubleshooting page of the version that runs; empty where it is not known. */
  readonly helpUrl: string
}

const digits = (fallback: string): z.ZodCatch<z.ZodString> =>
  z.string().regex(/^\d+$/).catch(fallback)
const slug = z
  .string()
  .regex(/^[\w.-]+\/[\w.-]+$/)
  .optional()
  .catch(undefined)
const word = z.string().min(1).max(500).optional().catch(undefined)

const environment = z.object({
  GITHUB_SERVER_URL: z.url({ protocol: /^https?$/ }).catch('https://github.com'),
  GITHUB_REPOSITORY: slug,
  GITHUB_RUN_ID: digits(''),
  GITHUB_RUN_ATTEMPT: digits('1'),
  GITHUB_WORKSPACE: word,
  RUNNER_TEMP: word,
  GITHUB_SHA: z
    .string()
    .regex(/^[0-9a-f]{40,64}$/)
    .optional()
    .catch(undefined),
  RUNNER_DEBUG: z.string().optional(),
  GITHUB_ACTION_REPOSITORY: slug,
  GITHUB_ACTION_REF: z
    .string()
    .regex(/^[\w./+@-]+$/)
    .optional()
    .catch(undefined),
})

const HELP_PAGE = 'docs/troubleshooting.md'

/**
 * Never throws: a value of the wrong shape counts as not given. `home`: the directory of the action
 * itself.
 */
export function readRunner(env: Env, cwd: string, home = ''): RunnerContext {
  const found = environment.parse(env)
  const repository = found.GITHUB_REPOSITORY
  const page = `${found.GITHUB_SERVER_URL.replace(/\/+$/, '')}/${repository ?? ''}/actions/runs/${found.GITHUB_RUN_ID}/attempts/${found.GITHUB_RUN_ATTEMPT}`
  return {
    runUrl: repository !== undefined && found.GITHUB_RUN_ID !== '' ? page : '',
    repository: repository ?? 'local',
    runId: found.GITHUB_RUN_ID === '' ? '0' : found.GITHUB_RUN_ID,
    attempt: found.GITHUB_RUN_ATTEMPT,
    workspace: found.GITHUB_WORKSPACE ?? cwd,
    temp: found.RUNNER_TEMP ?? tmpdir(),
    debug: found.RUNNER_DEBUG === '1',
    helpUrl: helpUrl(found, home),
  }
}

/**
 * `uses: org/name@ref` names repository and version. `uses: ./` names neither: there the page is of
 * the commit that is checked out, where the workspace is the action's own repository; elsewhere
 * nobody knows, and a link that may lead nowhere is none.
 */
function helpUrl(found: z.infer<typeof environment>, home: string): string {
  const server = found.GITHUB_SERVER_URL.replace(/\/+$/, '')
  const page = (repository: string, ref: string): string =>
    `${server}/${repository}/blob/${ref}/${HELP_PAGE}`
  const { GITHUB_ACTION_REPOSITORY: action, GITHUB_ACTION_REF: ref } = found
  if (action !== undefined && ref !== undefined) return page(action, ref)
  const { GITHUB_REPOSITORY: own, GITHUB_SHA: sha, GITHUB_WORKSPACE: workspace } = found
  return action === undefined &&
    own !== undefined &&
    sha !== undefined &&
    workspace !== undefined &&
    home !== '' &&
    resolve(home) === resolve(workspace)
    ? page(own, sha)
    : ''
}
