// Workflows as GitHub reads them, by its own parser and its own evaluator of expressions: what is
// wrong with a file, and what an expression comes to.

import { data, Evaluator, Lexer, Parser } from '@actions/expressions'
import {
  convertWorkflowTemplate,
  NoOperationTraceWriter,
  parseWorkflow,
} from '@actions/workflow-parser'
import { z } from 'zod'

const stepSchema = z
  .object({
    name: z.string().optional(),
    id: z.string().optional(),
    if: z.string().optional(),
    uses: z.string().optional(),
    with: z.record(z.string(), z.string()).optional(),
    env: z.record(z.string(), z.string()).optional(),
    run: z.string().optional(),
  })
  .strict()
export type Step = z.infer<typeof stepSchema>

export const workflowSchema = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  concurrency: z.object({ group: z.string(), 'cancel-in-progress': z.literal(false) }),
  jobs: z.record(
    z.string(),
    z.looseObject({
      if: z.string().optional(),
      environment: z.string().optional(),
      'timeout-minutes': z.number(),
      strategy: z
        .looseObject({ matrix: z.record(z.string(), z.array(z.record(z.string(), z.string()))) })
        .optional(),
      steps: z.array(stepSchema),
    }),
  ),
})
export type Workflow = z.infer<typeof workflowSchema>

/** Keys, values and expressions that GitHub would refuse, with their lines. */
export async function faultsIn(name: string, content: string): Promise<readonly string[]> {
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter())
  const template = value === undefined ? undefined : await convertWorkflowTemplate(context, value)
  return [
    ...new Set([
      ...context.errors.getErrors().map(({ message }) => message),
      ...(template?.errors ?? []).map(({ Message }) => Message),
    ]),
  ]
}

/** What an expression may look at, by name; how the job stands decides what `failure()` says. */
export interface Around {
  readonly contexts: Readonly<Record<string, unknown>>
  readonly job: 'success' | 'failure'
}

/** `if:` of a job or step: without a word on the job's state it runs only as long as all went well. */
export function holds(condition: string | undefined, { contexts, job }: Around): boolean {
  const text = (condition ?? '').trim()
  const inner = /^\$\{\{(.*)\}\}$/s.exec(text)?.[1] ?? (text === '' ? 'true' : text)
  const asked = /\b(?:always|success|failure|cancelled)\s*\(/.test(inner)
  return evaluate(`!(${asked ? inner : `success() && (${inner})`})`, { contexts, job }) === 'false'
}

/** A text with its expressions filled in. */
export function filled(text: string, around: Around): string {
  return text.replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression: string) =>
    evaluate(expression, around),
  )
}

function evaluate(expression: string, { contexts, job }: Around): string {
  const status = {
    always: true,
    cancelled: false,
    success: job === 'success',
    failure: job === 'failure',
  }
  const functions = Object.entries(status).map(([name, value]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(value),
  }))
  const { tokens } = new Lexer(expression.trim()).lex()
  const tree = new Parser(tokens, Object.keys(contexts), functions).parse()
  const around: unknown = JSON.parse(JSON.stringify(contexts), data.reviver)
  if (!(around instanceof data.Dictionary)) throw new Error('contexts are named values')
  return new Evaluator(tree, around, new Map(functions.map((one) => [one.name, one])))
    .evaluate()
    .coerceString()
}
