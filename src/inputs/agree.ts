// The rules between inputs: what belongs to which operation, and which inputs only make sense
// together.

import type { Finding } from '../errors.ts'
import { ENSEMBLE_INPUTS, type Operation } from './inputs.ts'
import { fittingName } from '../short-name.ts'
import { quantityOf } from '../view/quantity.ts'
import { useOf, type InputId, type Values } from './schema.ts'

/**
 * Operations where an input that does nothing is refused: a person who gave it believes in an
 * effect that would not be there.
 */
const STRICT: ReadonlySet<Operation> = new Set<Operation>(['cleanup', 'drain', 'scale', 'undo'])

interface Case {
  readonly values: Values
  readonly given: ReadonlySet<InputId>
  /**
   * Inputs that could not be read and stand at their defaults: no rule may blame another input for
   * them.
   */
  readonly broken: ReadonlySet<InputId>
}

type Rule = (asked: Case) => readonly Finding[]

/** Errors and warnings about inputs that were read well one by one. */
export function judgeInputs(
  values: Values,
  given: ReadonlySet<InputId>,
  broken: ReadonlySet<InputId>,
): readonly Finding[] {
  if (broken.has('operation')) return []
  return RULES.flatMap((rule) => rule({ values, given, broken }))
}

const RULES: readonly Rule[] = [
  uselessInputs,
  namespaces,
  ensembleInputs,
  memberCount,
  heapInMemory,
  customCommands,
  verifyLevel,
  nodesNamed,
  cleanupPlace,
  sweepOfAll,
  waits,
  dryRun,
]

function uselessInputs({ values, given }: Case): readonly Finding[] {
  const { operation } = values
  return [...given].flatMap((id) => {
    const { usedBy } = useOf(id)
    // dry-run has a rule of its own: to overlook it could change a cluster that was not to be
    // touched.
    if (id === 'dry-run' || usedBy === 'all' || usedBy.includes(operation)) return []
    return [
      useless(
        operation,
        id,
        `has no effect with ${operation}`,
        `leave it out, or use it with ${usedBy.join(', ')}`,
      ),
    ]
  })
}

/** Namespaces that every cluster has: never made by this action. */
export function isClustersOwn(namespace: string): boolean {
  return namespace === 'default' || namespace.startsWith('kube-')
}

function namespaces({ values, broken }: Case): readonly Finding[] {
  const found: Finding[] = []
  const { namespace } = values
  // The manifests may name it: whether they do is seen once they are read.
  if (
    values['create-namespace'] &&
    namespace === undefined &&
    values.manifests.length === 0 &&
    !broken.has('namespace') &&
    !broken.has('manifests')
  ) {
    found.push(
      fault(
        'create-namespace',
        'needs the name of the namespace to create',
        'set namespace as well',
      ),
    )
  }
  if (values['create-namespace'] && namespace !== undefined && isClustersOwn(namespace)) {
    found.push(
      fault(
        'create-namespace',
        `${namespace} is the cluster's own and never made by this action`,
        'choose another namespace, or set create-namespace: false',
      ),
    )
  }
  if (
    values.ttl !== undefined &&
    (values.operation === 'deploy' || values.operation === 'plan') &&
    !values['create-namespace'] &&
    !broken.has('create-namespace')
  ) {
    found.push(
      fault(
        'ttl',
        'is the life of a namespace that this action makes',
        'set create-namespace: true as well, or leave ttl out',
      ),
    )
  }
  return found
}

/**
 * With given manifests the manifests say it all: an override would leave two truths. The image
 * alone is safe, it touches one field of one container.
 */
function ensembleInputs({ values, given, broken }: Case): readonly Finding[] {
  const { operation } = values
  if (operation !== 'deploy' && operation !== 'plan') return []
  if (values.manifests.length > 0) {
    return ENSEMBLE_INPUTS.filter((id) => id !== 'image' && given.has(id)).map((id) =>
      fault(
        id,
        'belongs to the built-in ensemble and cannot change given manifests',
        'change it in the manifests, or leave manifests out',
      ),
    )
  }
  const found: Finding[] = []
  if (values.profile !== 'auto' && values.profile !== 'zookeeper' && !broken.has('manifests')) {
    found.push(
      fault(
        'profile',
        `${values.profile} has no built-in ensemble, that one is ZooKeeper`,
        'give manifests',
      ),
    )
  }
  const name = values.name
  if (name !== undefined && !/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) {
    found.push(
      fault(
        'name',
        `${name} cannot name the services of the built-in ensemble`,
        `begin with a letter, use no dots and at most 40 characters, for instance ${fittingName(`zk-${name}`, 40) ?? 'zk'}`,
      ),
    )
  }
  return found
}

function memberCount({ values, broken }: Case): readonly Finding[] {
  const { replicas } = values
  if (replicas === undefined)
    return values.operation === 'scale' && !broken.has('replicas')
      ? [fault('replicas', 'is not set', 'set the number of members to reach')]
      : []
  // Whether the members of an ensemble that runs vote is known once it is seen.
  const ringOrNone = values.profile === 'cassandra' || values.profile === 'none'
  if (replicas % 2 === 1 || values.operation === 'scale' || ringOrNone) return []
  return [
    warning(
      'replicas',
      `${replicas} members tolerate no more failures than ${replicas - 1}`,
      `use ${replicas - 1} or ${replicas + 1}`,
    ),
  ]
}

function heapInMemory({ values }: Case): readonly Finding[] {
  if (values.heap === undefined || values.memory === undefined) return []
  const memory = quantityOf(values.memory)
  if (memory === undefined || values.heap * 2 ** 20 < memory) return []
  return [
    fault(
      'heap',
      `${values.heap}M of heap do not fit into ${values.memory} of memory: the server would be killed`,
      'set heap to two thirds of memory or less',
    ),
  ]
}

function customCommands({ values, given, broken }: Case): readonly Finding[] {
  const commands = ['write-command', 'read-command'] as const
  const usedBy = useOf('write-command').usedBy
  if (usedBy === 'all' || !usedBy.includes(values.operation) || broken.has('profile')) return []
  if (values.profile === 'custom') {
    if (values.verify === 'off') return []
    return commands
      .filter((id) => values[id] === undefined)
      .map((id) =>
        fault(
          id,
          'is not set, and profile: custom has no other way to check',
          `give a command that uses $MARKER${values.operation === 'verify' ? '' : ', or set verify: off'}`,
        ),
      )
  }
  return [...commands, 'serves-command' as const]
    .filter((id) => given.has(id))
    .map((id) =>
      useless(
        values.operation,
        id,
        `has no effect with profile: ${values.profile}`,
        'set profile: custom, or leave it out',
      ),
    )
}

function verifyLevel({ values }: Case): readonly Finding[] {
  return values.operation === 'verify' && values.verify === 'off'
    ? [fault('verify', 'off leaves operation: verify nothing to do', 'use quick, full or thorough')]
    : []
}

function nodesNamed({ values, broken }: Case): readonly Finding[] {
  // An uncordon that names none takes those that drains of the ensemble left cordoned.
  if (values.operation !== 'drain') return []
  const none =
    values.nodes.length === 0 &&
    values['node-selector'] === undefined &&
    values.members.length === 0
  const unread = broken.has('nodes') || broken.has('node-selector') || broken.has('members')
  return none && !unread
    ? [fault('nodes', 'no node is named', 'set nodes, node-selector or members')]
    : []
}

function cleanupPlace({ values, broken }: Case): readonly Finding[] {
  if (values.operation !== 'cleanup' || values.sweep || values.namespace !== undefined) return []
  if (broken.has('namespace') || broken.has('sweep')) return []
  return [
    fault(
      'namespace',
      'cleanup needs to be told where',
      'set namespace (with name or manifests), or sweep: true',
    ),
  ]
}

/** Who names one would not expect all others to go. */
function sweepOfAll({ values }: Case): readonly Finding[] {
  if (values.operation !== 'cleanup' || !values.sweep) return []
  const named = [
    ...(values.namespace === undefined ? [] : (['namespace'] as const)),
    ...(values.name === undefined ? [] : (['name'] as const)),
    ...(values.manifests.length === 0 ? [] : (['manifests'] as const)),
  ]
  return named.map((id) =>
    fault(
      id,
      'has no meaning with sweep, which goes through all previews of this repository',
      `leave ${id} out, or set sweep: false to delete that one`,
    ),
  )
}

function waits({ values, given }: Case): readonly Finding[] {
  const found: Finding[] = []
  if (given.has('member-timeout') && values['member-timeout'] > values.timeout) {
    found.push(
      warning(
        'member-timeout',
        'is longer than timeout, which ends the wait first',
        'raise timeout or lower member-timeout',
      ),
    )
  }
  if (
    given.has('maintenance-timeout') &&
    values.operation === 'drain' &&
    values['maintenance-command'] === undefined
  ) {
    found.push(
      useless(
        'drain',
        'maintenance-timeout',
        'has no effect without maintenance-command',
        'set maintenance-command, or leave it out',
      ),
    )
  }
  return found
}

/** A plan is a dry run as it is. */
function dryRun({ values }: Case): readonly Finding[] {
  const { usedBy } = useOf('dry-run')
  if (!values['dry-run'] || values.operation === 'plan') return []
  if (usedBy === 'all' || usedBy.includes(values.operation)) return []
  return [
    fault(
      'dry-run',
      `has no effect with ${values.operation}, which changes nothing anyhow`,
      'leave it out',
    ),
  ]
}

function fault(input: InputId, message: string, fix: string): Finding {
  return { code: 'INPUT_INVALID', severity: 'error', message: `${input}: ${message}`, fix, input }
}

function warning(input: InputId, message: string, fix: string): Finding {
  return { ...fault(input, message, fix), severity: 'warning' }
}

function useless(operation: Operation, input: InputId, message: string, fix: string): Finding {
  return STRICT.has(operation) ? fault(input, message, fix) : warning(input, message, fix)
}
