// From the runner's environment to the typed inputs, once, with every fault of every input.

import { z } from 'zod'
import type { Finding } from '../errors.ts'
import { judgeInputs } from './agree.ts'
import type { Inputs } from './inputs.ts'
import { INPUT_IDS, isInputId, SCHEMA, useOf, type InputId, type Values } from './schema.ts'

const fixSchema = z.object({ fix: z.string() })

/**
 * Reads `INPUT_<ID>` (upper case, dashes kept, as the runner sets them); an unset or empty input
 * has its default. All faults at once (INPUT_INVALID); inputs at
 * fault stand at their defaults, and `broken` has the ids of those that could not be read. What is
 * only odd is in `inputs.warnings`.
 */
export function readInputs(env: Readonly<Record<string, string | undefined>>): {
  readonly inputs: Inputs
  readonly faults: readonly Finding[]
  readonly broken: ReadonlySet<string>
} {
  const raw = readRaw(env)
  const first = SCHEMA.safeParse(raw)
  const faults = first.success ? [] : faultsOf(first.error)
  // Inputs at fault take their defaults for a moment, so that the rules between inputs are judged
  // in the same run.
  const values = first.success
    ? first.data
    : SCHEMA.parse({ ...raw, ...defaultsOf(faults.map((fault) => fault.input)) })
  const given = givenIn(raw)
  const broken = new Set(faults.map((fault) => fault.input))
  const judged = judgeInputs(values, given, broken)
  const warnings = judged.filter((finding) => finding.severity === 'warning')
  return {
    inputs: toInputs(values, given, warnings),
    faults: [...faults, ...judged.filter((finding) => finding.severity === 'error')],
    broken,
  }
}

/**
 * Whether a run that is otherwise the same would take another value of an input, so that it may be
 * advised.
 */
export function takesInput(
  env: Readonly<Record<string, string | undefined>>,
  input: string,
  value: string,
): boolean {
  const id = `INPUT_${input.toUpperCase()}`
  if (env[id]?.trim() === value) return false
  const { inputs, faults } = readInputs({ ...env, [id]: value })
  return (
    isInputId(input) && ![...faults, ...inputs.warnings].some((finding) => finding.input === input)
  )
}

function readRaw(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    INPUT_IDS.map((id) => {
      const value = env[`INPUT_${id.toUpperCase()}`]?.trim() ?? ''
      return [id, value === '' ? useOf(id).default : value]
    }),
  )
}

function givenIn(raw: Readonly<Record<string, string>>): ReadonlySet<InputId> {
  return new Set(
    Object.keys(raw)
      .filter(isInputId)
      .filter((id) => raw[id] !== useOf(id).default),
  )
}

function defaultsOf(ids: readonly InputId[]): Record<string, string> {
  return Object.fromEntries(ids.map((id) => [id, useOf(id).default]))
}

function faultsOf(error: z.ZodError): (Finding & { readonly input: InputId })[] {
  return error.issues.flatMap((issue) => {
    const id = issue.path[0]
    if (typeof id !== 'string' || !isInputId(id)) return []
    const params = fixSchema.safeParse(issue.code === 'custom' ? issue.params : undefined)
    return [
      {
        code: 'INPUT_INVALID',
        severity: 'error',
        message: `${id}: ${issue.message}`,
        input: id,
        ...(params.success ? { fix: params.data.fix } : {}),
      },
    ]
  })
}

function toInputs(
  values: Values,
  given: ReadonlySet<string>,
  warnings: readonly Finding[],
): Inputs {
  return {
    operation: values.operation,
    manifests: values.manifests,
    name: values.name,
    namespace: values.namespace,
    createNamespace: values['create-namespace'],
    ttlMs: values.ttl,
    profile: values.profile,
    replicas: values.replicas,
    image: values.image,
    storage: values.storage,
    storageClass: values['storage-class'],
    cpu: values.cpu,
    memory: values.memory,
    heap: values.heap,
    timeoutMs: values.timeout,
    memberTimeoutMs: values['member-timeout'],
    verify: values.verify,
    pace: values.pace,
    onFailure: values['on-failure'],
    toRevision: values['to-revision'],
    wait: values.wait,
    nodes: values.nodes,
    nodeSelector: values['node-selector'],
    members: values.members,
    placement: values.placement,
    maintenanceCommand: values['maintenance-command'],
    maintenanceTimeoutMs: values['maintenance-timeout'],
    uncordon: values.uncordon,
    ignoreDaemonsets: values['ignore-daemonsets'],
    deleteEmptydirData: values['delete-emptydir-data'],
    evictUnmanaged: values['evict-unmanaged'],
    gracePeriodSeconds: values['grace-period'],
    podSelector: values['pod-selector'],
    anyCordon: values['any-cordon'],
    deleteClaims: values['delete-claims'],
    sweep: values.sweep,
    forceConflicts: values['force-conflicts'],
    dryRun: values['dry-run'],
    writeCommand: values['write-command'],
    readCommand: values['read-command'],
    servesCommand: values['serves-command'],
    zookeeperAuth: values['zookeeper-auth'],
    checkPath: values['check-path'] ?? useOf('check-path').default,
    cassandraAuth: values['cassandra-auth'],
    lint: values.lint,
    kubeconfig: values.kubeconfig,
    context: values.context,
    logLines: values['log-lines'],
    summary: values.summary,
    given,
    warnings,
  }
}
