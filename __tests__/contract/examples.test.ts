// Examples are copied: each must load without an error, and each workflow may use only inputs and outputs that there are.

import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseInputs } from '../support/parse-inputs.ts'
import { loadManifests } from '../../src/manifests/load.ts'
import { diskIo } from '../support/disk-io.ts'
import { readAction } from '../support/readme-tables.ts'

const root = join(import.meta.dirname, '..', '..')
const action = readAction()
const signal = new AbortController().signal

describe('manifests', () => {
  // What nobody can read from image and ports says its profile in its first lines.
  const profileOf = (file: string): string => /^#.*\(profile: (\w+)\)/m.exec(readFileSync(join(root, file), 'utf8'))?.[1] ?? 'auto'

  test.each(globSync('examples/manifests/*.yaml', { cwd: root }).sort())('%s loads without an error', async (file) => {
    const commands = profileOf(file) === 'custom' ? { 'INPUT_WRITE-COMMAND': 'true', 'INPUT_READ-COMMAND': 'true' } : {}
    const loaded = await loadManifests(parseInputs({ INPUT_MANIFESTS: file, INPUT_PROFILE: profileOf(file), ...commands }), diskIo(root), signal)
    expect(loaded.findings.filter((finding) => finding.severity === 'error')).toEqual([])
    expect(loaded.set.object.kind).toBe('StatefulSet')
  })

  test("the tutorial's manifest is told what is wrong with it, and deployed all the same", async () => {
    const { findings } = await loadManifests(parseInputs({ INPUT_MANIFESTS: 'examples/manifests/zookeeper-tutorial.yaml' }), diskIo(root), signal)
    expect(findings.map((finding) => finding.severity).toSorted()).toEqual(['notice', 'warning', 'warning', 'warning'])
    expect(findings.map((finding) => finding.message).join('\n')).toMatch(/publishes only Ready members[\s\S]*never purges[\s\S]*readiness probe asks only/)
  })

  test.each(['examples/manifests/zookeeper-five.yaml', 'examples/manifests/zookeeper-tutorial-services.yaml', 'examples/manifests/cassandra.yaml'])('%s, made here, has nothing to warn of', async (file) => {
    const { findings } = await loadManifests(parseInputs({ INPUT_MANIFESTS: file }), diskIo(root), signal)
    expect(findings).toEqual([])
  })
})

const workflowSchema = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  concurrency: z.object({ group: z.string(), 'cancel-in-progress': z.literal(false) }),
  jobs: z.record(z.string(), z.looseObject({ 'timeout-minutes': z.number(), steps: z.array(z.looseObject({ id: z.string().optional(), uses: z.string().optional(), with: z.record(z.string(), z.string()).optional() })) })),
})

describe('workflows', () => {
  test.each(globSync('examples/workflows/*.yml', { cwd: root }).sort().map((file) => [basename(file), file]))('%s uses inputs and outputs that there are', (_name, file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const workflow = workflowSchema.parse(parse(text))
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps).filter((step) => step.uses?.includes('zk-ensemble-action'))
    expect(steps.length).toBeGreaterThan(0)
    for (const step of steps) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
      // Expressions stand for texts that the parser can't know.
      const env = Object.entries(step.with ?? {}).map(([id, value]) => [`INPUT_${id.toUpperCase()}`, value.replaceAll(/\$\{\{.*?\}\}/g, '7')] as const)
      expect(parseInputs(Object.fromEntries(env)).warnings).toEqual([])
    }
    const outputs = [...text.matchAll(/steps\.zookeeper\.outputs\.([\w-]+)/g)].map((match) => match[1] ?? '')
    expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(outputs))
  })

  test.each(globSync('examples/workflows/*.yml', { cwd: root }).sort())("%s pins others' actions to a commit", (file) => {
    for (const [, uses] of readFileSync(join(root, file), 'utf8').matchAll(/uses: (?!org\/zk-ensemble-action)(\S+)/g)) expect(uses).toMatch(/@[0-9a-f]{40}$/)
  })
})
