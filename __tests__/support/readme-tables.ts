// The README's tables of inputs and outputs, made from action.yml. Run it to write them anew: node
// __tests__/support/readme-tables.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

const root = join(import.meta.dirname, '..', '..')

const described = z.object({ description: z.string().min(10) })
export const actionSchema = z
  .object({
    name: z.string(),
    author: z.string(),
    description: z.string(),
    branding: z.object({
      icon: z.string(),
      color: z.enum(['white', 'yellow', 'blue', 'green', 'orange', 'red', 'purple', 'gray-dark']),
    }),
    inputs: z.record(
      z.string().regex(/^[a-z]+(-[a-z]+)*$/),
      described.extend({ default: z.string() }).strict(),
    ),
    outputs: z.record(z.string().regex(/^[a-z]+(-[a-z]+)*$/), described.strict()),
    runs: z
      .object({
        using: z.literal('node24'),
        main: z.literal('dist/index.js'),
        post: z.literal('dist/post.js'),
        'post-if': z.literal('always()'),
      })
      .strict(),
  })
  .strict()

export type Action = z.infer<typeof actionSchema>

export function readAction(): Action {
  return actionSchema.parse(parse(readFileSync(join(root, 'action.yml'), 'utf8')))
}

export function inputsTable({ inputs }: Action): string {
  const rows = Object.entries(inputs).map(
    ([id, input]) =>
      `| \`${id}\` | ${input.default === '' ? '' : `\`${input.default}\``} | ${cell(input.description)} |`,
  )
  return ['| input | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

export function outputsTable({ outputs }: Action): string {
  return [
    '| output | meaning |',
    '|---|---|',
    ...Object.entries(outputs).map(([id, output]) => `| \`${id}\` | ${cell(output.description)} |`),
  ].join('\n')
}

function cell(description: string): string {
  return description.trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')
}

/** What stands between `<!-- name -->` and `<!-- /name -->`; undefined without the marks. */
export function section(text: string, name: string): string | undefined {
  return new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)\\n?<!-- /${name} -->`).exec(text)?.[1]?.trim()
}

export function withTables(text: string, action: Action): string {
  return [
    ['inputs', inputsTable(action)],
    ['outputs', outputsTable(action)],
  ].reduce(
    (all, [name = '', table = '']) =>
      all.replace(
        new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`),
        (_match, open: string, close: string) => `${open}${table}\n${close}`,
      ),
    text,
  )
}

if (process.argv[1] === import.meta.filename) {
  const readme = join(root, 'README.md')
  writeFileSync(readme, withTables(readFileSync(readme, 'utf8'), readAction()))
}
