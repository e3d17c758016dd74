// Examples are copied: each must load without an error, and each workflow may use only inputs and
// outputs that there are.

import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseInputs } from '../support/parse-inputs.ts'
import { loadManifests } from '../../src/manifests/load.ts'
import { diskIo } from '../support/disk-io.ts'
import { readAction } from '../support/readme-tables.ts'
import { faultsIn, workflowSchema } from '../support/workflow.ts'

const root = join(import.meta.dirname, '..', '..')
const action = readAction()
const signal = new AbortController().signal

describe('manifests', () => {
  // What nobody can read from image and ports says its profile in its first lines.
  const profileOf = (file: string): string =>
    /^#.*\(profile: (\w+)\)/m.exec(readFileSync(join(root, file), 'utf8'))?.[1] ?? 'auto'

  const files = globSync('examples/manifests/*.yaml', { cwd: root }).sort()
  const NEVER_PURGES = /never purges/
  const ASKS_ONLY = /readiness probe asks only/
  const BY_PODS = /members are named by their pods/
  /** What the lint says of each; of those that were made here it says nothing. */
  const told: Readonly<Record<string, readonly RegExp[]>> = {
    'cassandra.yaml': [],
    'etcd.yaml': [],
    'zookeeper-five.yaml': [],
    'zookeeper-tutorial-services.yaml': [],
    'zookeeper-configmap.yaml': [
      /minAvailable: 2 is right for 3 members only/,
      NEVER_PURGES,
      BY_PODS,
      ASKS_ONLY,
    ],
    'zookeeper-tutorial.yaml': [/publishes only Ready members/, NEVER_PURGES, BY_PODS, ASKS_ONLY],
  }

  test('each is told here what it is worth', () =>
    expect(files.map((file) => basename(file))).toEqual(Object.keys(told).toSorted()))

  // In a namespace of its own too: names that lead to another one would join what runs there.
  test.each(
    files.flatMap((file) => ['', 'preview-7'].map((namespace) => [file, namespace] as const)),
  )('%s in namespace "%s" is held against every rule', async (file, namespace) => {
    const commands =
      profileOf(file) === 'custom'
        ? { 'INPUT_WRITE-COMMAND': 'true', 'INPUT_READ-COMMAND': 'true' }
        : {}
    const { findings, set } = await loadManifests(
      parseInputs({
        INPUT_MANIFESTS: file,
        INPUT_PROFILE: profileOf(file),
        INPUT_NAMESPACE: namespace,
        ...commands,
      }),
      diskIo(root),
      signal,
    )
    expect(set.object.kind).toBe('StatefulSet')
    expect(findings.filter((finding) => finding.severity === 'error')).toEqual([])
    const expected = told[basename(file)] ?? []
    expect(findings.map(({ message }) => message)).toEqual(
      expected.map((words) => expect.stringMatching(words)),
    )
  })
})

const stepSchema = z.looseObject({
  id: z.string().optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.string()).optional(),
})
/** Steps and outputs of this action in a workflow or a part of one: each is there. */
function expectKnown(text: string, all: readonly z.infer<typeof stepSchema>[]): void {
  const steps = all.filter((step) => step.uses?.includes('zk-ensemble-action'))
  expect(steps.length).toBeGreaterThan(0)
  for (const step of steps) {
    expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
    // Expressions stand for texts that the parser can't know.
    const env = Object.entries(step.with ?? {}).map(
      ([id, value]) =>
        [`INPUT_${id.toUpperCase()}`, value.replaceAll(/\$\{\{.*?\}\}/g, '7')] as const,
    )
    expect(parseInputs(Object.fromEntries(env)).warnings).toEqual([])
  }
  const ids = steps.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const outputs = [...text.matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/g)]
    .filter(([, id = '']) => ids.includes(id))
    .map(([, , output = '']) => output)
  expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(outputs))
}

describe('workflows', () => {
  const files = globSync('examples/workflows/*.yml', { cwd: root }).toSorted()
  const pages = globSync(['README.md', 'docs/*.md'], { cwd: root }).toSorted()

  test.each(files.map((file) => [basename(file), file]))(
    '%s uses inputs and outputs that there are',
    (_name, file) => {
      const text = readFileSync(join(root, file), 'utf8')
      const { jobs } = workflowSchema.parse(parse(text))
      expectKnown(
        text,
        Object.values(jobs).flatMap((job) => job.steps),
      )
    },
  )

  test.each(
    pages.flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
        .map(([, text = '']) => ({ page, text }))
        .filter(({ text }) => text.includes('uses: org/zk-ensemble-action')),
    ),
  )('what $page shows can be copied', ({ text }) => {
    const shown: unknown = parse(text)
    const steps = Array.isArray(shown)
      ? z.array(stepSchema).parse(shown)
      : Object.values(workflowSchema.parse(shown).jobs).flatMap((job) => job.steps)
    expectKnown(text, steps)
  })

  test.each(files)("%s pins others' actions to a commit", (file) => {
    for (const [, uses] of readFileSync(join(root, file), 'utf8').matchAll(
      /uses: (?!org\/zk-ensemble-action)(\S+)/g,
    ))
      expect(uses).toMatch(/@[0-9a-f]{40}$/)
  })

  // A commit can't name itself: until a release is out there is only the tag, and whoever names a
  // commit that is not there fails before the first line of a log.
  test('all name this action alike: by its major tag, or by the commit of one release', () => {
    const named = new Set(
      files.flatMap((file) =>
        [
          ...readFileSync(join(root, file), 'utf8').matchAll(
            /uses: org\/zk-ensemble-action@(.*)$/gm,
          ),
        ].map(([, name = '']) => name),
      ),
    )
    expect([...named]).toEqual([expect.stringMatching(/^(v\d+|[0-9a-f]{40} # v\d+\.\d+\.\d+)$/)])
  })

  test.each([...files, ...globSync('.github/workflows/*.yml', { cwd: root }).sort()])(
    '%s is one that GitHub takes: its keys, events, expressions and contexts',
    async (file) => {
      const text = readFileSync(join(root, file), 'utf8')
      expect(await faultsIn(file, text)).toEqual([])
      expect(unknownNames(text)).toEqual([])
    },
  )

  // A lint that sees nothing passes everything.
  test.each([
    ['timeout-minutes: 40', 'timeout-minuts: 40', /Line: 22.*Unexpected value 'timeout-minuts'/],
    ['contents: read', 'contnts: read', /Unexpected value 'contnts'/],
    ['workflow_dispatch:', 'workflow_dispach:', /Unexpected value 'workflow_dispach'/],
    ['{{ secrets.KUBECONFIG }}', '{{ secret.KUBECONFIG }}', /Unrecognized named-value: 'secret'/],
    ['{{ secrets.KUBECONFIG }}', "{{ secrets['KUBECONFIG' }}", /Unexpected symbol/],
    ['!cancelled()', '!canceled()', /Unrecognized function: 'canceled'/],
    ['steps.zookeeper.', 'steps.zokeeper.', /^steps\.zokeeper$/],
    ['secrets.KUBECONFIG', 'inputs.kubeconfig', /^inputs\.kubeconfig$/],
    ['secrets.KUBECONFIG', 'matrix.kubeconfig', /^matrix\.kubeconfig$/],
  ])('a copy with an error in it is not passed: %s → %s', async (from, to, words) => {
    const text = readFileSync(join(root, 'examples/workflows/deploy.yml'), 'utf8')
    expect(text).toContain(from)
    const broken = text.replaceAll(from, to)
    expect([...(await faultsIn('deploy.yml', broken)), ...unknownNames(broken)]).toEqual(
      expect.arrayContaining([expect.stringMatching(words)]),
    )
  })
})

const looseSchema = z.looseObject({
  on: z
    .looseObject({
      workflow_dispatch: z
        .looseObject({ inputs: z.record(z.string(), z.unknown()).optional() })
        .nullish(),
    })
    .optional(),
  jobs: z.record(
    z.string(),
    z.looseObject({
      strategy: z.looseObject({ matrix: z.record(z.string(), z.unknown()) }).optional(),
      // A job that calls another workflow has none.
      steps: z
        .array(z.looseObject({ id: z.string().optional(), if: z.string().optional() }))
        .default([]),
    }),
  ),
})

/** Steps, inputs and keys of the matrix that an expression names and its job does not have. */
function unknownNames(text: string): readonly string[] {
  const { on, jobs } = looseSchema.parse(parse(text))
  const inputs = Object.keys(on?.workflow_dispatch?.inputs ?? {})
  return Object.values(jobs).flatMap((job) =>
    job.steps.flatMap((step, index) => {
      const known: Readonly<Record<string, readonly (string | undefined)[]>> = {
        steps: job.steps.slice(0, index).map(({ id }) => id),
        inputs,
        matrix: Object.keys(job.strategy?.matrix ?? {}),
      }
      const expressions = [
        step.if ?? '',
        ...(JSON.stringify(step).match(/\$\{\{.*?\}\}/g) ?? []),
      ].join(' ')
      return [...expressions.matchAll(/\b(steps|inputs|matrix)\.([\w-]+)/g)].flatMap(
        ([whole, context = '', name]) => (known[context]?.includes(name) === true ? [] : [whole]),
      )
    }),
  )
}
