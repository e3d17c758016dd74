// The tables of inputs and outputs in README.md and docs/inputs.md, made from action.yml. Run it to
// write them again: node __tests__/support/readme-tables.ts

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { isInputId, useOf } from '../../src/inputs/schema.ts'

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

/** What a reader looks for, in this order; every input is in one of them (held by a test). */
export const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'What to do, and with which ensemble': [
    'operation',
    'name',
    'namespace',
    'profile',
    'manifests',
    'image',
    'create-namespace',
    'ttl',
    'lint',
  ],
  'The built-in ensemble': ['replicas', 'storage', 'storage-class', 'cpu', 'memory', 'heap'],
  'How carefully, and how long': [
    'verify',
    'pace',
    'on-failure',
    'timeout',
    'member-timeout',
    'dry-run',
    'force-conflicts',
  ],
  'Of one operation': ['to-revision', 'wait', 'delete-claims', 'sweep'],
  'Nodes: drain and uncordon': [
    'nodes',
    'node-selector',
    'members',
    'placement',
    'maintenance-command',
    'maintenance-timeout',
    'uncordon',
    'any-cordon',
    'ignore-daemonsets',
    'delete-emptydir-data',
    'evict-unmanaged',
    'grace-period',
    'pod-selector',
  ],
  'How members are asked': [
    'zookeeper-auth',
    'check-path',
    'cassandra-auth',
    'write-command',
    'read-command',
    'serves-command',
  ],
  'The cluster, and what is told': ['kubeconfig', 'context', 'summary', 'log-lines'],
}

/** Of the README: the groups, and what is in each. */
export function groupsTable(): string {
  return [
    '| group | inputs |',
    '|---|---|',
    ...Object.entries(GROUPS).map(
      ([group, ids]) =>
        `| [${group}](docs/inputs.md#${anchorOf(group)}) | ${ids.map((id) => `\`${id}\``).join(', ')} |`,
    ),
  ].join('\n')
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z -]/g, '')
    .replaceAll(' ', '-')
}

/** Of docs/inputs.md: a table a group. */
export function inputTables(action: Action): string {
  return Object.entries(GROUPS)
    .map(([group, ids]) =>
      [
        `## ${group}`,
        '',
        '| input | default | of use to | meaning |',
        '|---|---|---|---|',
        ...ids.map((id) => inputRow(id, action)),
      ].join('\n'),
    )
    .join('\n\n')
}

function inputRow(id: string, { inputs }: Action): string {
  const input = inputs[id]
  const usedBy = isInputId(id) ? useOf(id).usedBy : []
  return `| \`${id}\` | ${input === undefined || input.default === '' ? '' : `\`${input.default}\``} | ${usedBy === 'all' ? 'all' : usedBy.join(', ')} | ${cell(input?.description ?? '')} |`
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

/** Each page with its tables, by its path. */
export function withTables(page: string, text: string, action: Action): string {
  const tables =
    page === 'README.md'
      ? { inputs: groupsTable(), outputs: outputsTable(action) }
      : { inputs: inputTables(action) }
  return Object.entries(tables).reduce(
    (all, [name, table]) =>
      all.replace(
        new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`),
        (_match, open: string, close: string) => `${open}${table}\n${close}`,
      ),
    text,
  )
}

export const PAGES = ['README.md', 'docs/inputs.md'] as const

export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8')
}

if (process.argv[1] === import.meta.filename)
  for (const page of PAGES)
    writeFileSync(join(root, page), withTables(page, readPage(page), readAction()))
