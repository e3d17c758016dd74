// Runs the shipped bundle against the real cluster, as the runner would, and reads its JSON report.

import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { runAction, type ActionRun, type Finished } from '../support/runner.ts'
import { kubeconfig } from './cluster.ts'

const reportSchema = z.looseObject({
  result: z.string(),
  code: z.string().nullable(),
  message: z.string(),
  requests: z.record(z.string(), z.number()),
  phases: z.array(z.looseObject({ title: z.string(), ms: z.number() })),
  timeline: z.array(z.looseObject({ at: z.string(), what: z.string() })),
  findings: z.array(z.looseObject({ code: z.string(), message: z.string(), severity: z.string() })),
  evidence: z.array(
    z.looseObject({
      object: z.string(),
      reason: z.string(),
      logs: z.array(z.looseObject({ lines: z.array(z.string()) })),
    }),
  ),
  checks: z.array(z.looseObject({ name: z.string(), outcome: z.string(), detail: z.string() })),
  ended: z.string(),
})

export type Report = z.infer<typeof reportSchema>
export type Ran = Finished & { readonly report: Report }

/** The step with these inputs; `files` lie in its workspace. */
export async function act(
  inputs: Readonly<Record<string, string>>,
  more: Omit<ActionRun, 'inputs'> = {},
): Promise<Ran> {
  const finished = await runAction({
    inputs,
    kubeconfig: readFileSync(kubeconfig, 'utf8'),
    ...more,
  })
  const path = finished.outputs['report']
  if (path === undefined || path === '')
    throw new Error(`the step left no report:\n${finished.lines.join('\n')}\n${finished.stderr}`)
  return { ...finished, report: reportSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) }
}

/** What a test prints when the verdict is another than it expected. */
export function verdict(ran: Ran): string {
  return `${ran.outputs['result'] ?? ''} ${ran.outputs['code'] ?? ''} ${ran.outputs['message'] ?? ''}`.trim()
}

/** Requests to the API server; port-forwards, exec sessions and lease renewals apart. */
export function requestsOf({ report }: Ran): number {
  return ['reads', 'writes', 'dryRuns', 'watches'].reduce(
    (sum, name) => sum + (report.requests[name] ?? 0),
    0,
  )
}
