// A decision is no better than what it is given: a field that production fills with nothing (`[]`,
// `false`, `undefined`) makes its rule one that never holds, while its tables pass.

import { describe, expect, test } from '@jest/globals'
import {
  declarations,
  nameOf,
  nodesAt,
  originOf,
  walk,
  type Declaration,
  type Node,
} from '../support/source.ts'

const decisions = declarations.filter(
  ({ file, exported, node }) =>
    file.startsWith('decide/') && exported && node.type === 'FunctionDeclaration',
)

/** Types of what decisions are given, as `file name`. */
const INPUTS: ReadonlySet<string> = new Set(
  decisions.flatMap(({ file, node }) =>
    nodesAt(node, 'params').flatMap((param) => typesIn(file, param)),
  ),
)

/** What one decision makes and another is given. */
const MADE_BY_DECISIONS: ReadonlySet<string> = new Set(
  declarations
    .filter(({ file }) => file.startsWith('decide/'))
    .flatMap(({ file, node }) =>
      [...walk(node)].flatMap((one) => typesIn(file, nodesAt(one, 'returnType')[0])),
    ),
)

/** Types of our own that a node names. */
function typesIn(file: string, node: Node | undefined): readonly string[] {
  if (node === undefined) return []
  return [...walk(node)].flatMap((one) => {
    const name = one.type === 'TSTypeReference' ? nameOf(nodesAt(one, 'typeName')[0]) : undefined
    const origin = name === undefined ? undefined : originOf(file, name)
    return origin !== undefined && (origin.startsWith('decide/') || origin.startsWith('view/'))
      ? [`${origin} ${name ?? ''}`]
      : []
  })
}

/** Says nothing of the cluster, whatever that is like. */
function isConstant(node: Node): boolean {
  switch (node.type) {
    case 'ArrayExpression':
      return nodesAt(node, 'elements').length === 0
    case 'ObjectExpression':
      return nodesAt(node, 'properties').length === 0
    case 'BooleanLiteral':
    case 'NullLiteral':
      return true
    case 'Identifier':
      return nameOf(node) === 'undefined'
    case 'NewExpression':
      return (
        ['Map', 'Set'].includes(nameOf(nodesAt(node, 'callee')[0]) ?? '') &&
        nodesAt(node, 'arguments').length === 0
      )
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
      return nodesAt(node, 'expression').some(isConstant)
    default:
      return false
  }
}

/** Constants among what one declaration gives to decisions: `file function what.field`. */
function constantsIn({ file, name, node }: Declaration): readonly string[] {
  const found: string[] = []
  const variables = new Map<string, Node>()
  for (const one of walk(node)) {
    const init = one.type === 'VariableDeclarator' ? nodesAt(one, 'init')[0] : undefined
    if (init !== undefined) variables.set(nameOf(nodesAt(one, 'id')[0]) ?? '', init)
  }
  const look = (value: Node | undefined, what: string, depth: number): void => {
    if (value === undefined || depth > 4) return
    const variable = value.type === 'Identifier' ? variables.get(nameOf(value) ?? '') : undefined
    if (variable !== undefined) return look(variable, what, depth + 1)
    if (value.type !== 'ObjectExpression') return
    for (const property of nodesAt(value, 'properties')) {
      if (property.type === 'SpreadElement') look(nodesAt(property, 'argument')[0], what, depth + 1)
      const field = `${what}.${nameOf(nodesAt(property, 'key')[0]) ?? ''}`
      for (const given of nodesAt(property, 'value')) {
        if (isConstant(given)) found.push(`${file} ${name} ${field}`)
        else if (given.type === 'ObjectExpression') look(given, field, depth + 1)
      }
    }
  }
  const typed = (type: Node | undefined): string | undefined =>
    typesIn(file, type)
      .find((one) => INPUTS.has(one))
      ?.split(' ')[1]
  for (const one of walk(node)) {
    const callee = one.type === 'CallExpression' ? nameOf(nodesAt(one, 'callee')[0]) : undefined
    if (
      callee !== undefined &&
      decisions.some(
        (decision) => decision.name === callee && originOf(file, callee) === decision.file,
      )
    ) {
      nodesAt(one, 'arguments').forEach((given, index) =>
        isConstant(given)
          ? found.push(`${file} ${name} ${callee}(${index})`)
          : look(given, callee, 0),
      )
    }
    const result = typed(nodesAt(one, 'returnType')[0])
    if (result !== undefined) {
      for (const body of nodesAt(one, 'body')) look(body, result, 0)
      for (const inside of walk(one))
        if (inside.type === 'ReturnStatement') look(nodesAt(inside, 'argument')[0], result, 0)
    }
    const variable =
      one.type === 'VariableDeclarator'
        ? typed(nodesAt(nodesAt(one, 'id')[0] ?? one, 'typeAnnotation')[0])
        : undefined
    if (variable !== undefined) look(nodesAt(one, 'init')[0], variable, 0)
  }
  return found
}

/** Constant on purpose, each with its reason. */
const ON_PURPOSE: Readonly<Record<string, string>> = {
  'operations/status.ts statusIn judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'operations/status.ts conclude judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'operations/verify.ts awaitReadiness judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'operations/verify.ts verifyIn judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'procedures/verify/baseline.ts isWhole judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'procedures/verify/pod-causes.ts withPodCauses judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'procedures/rollout/until-done.ts ready judgeRollout(2)':
    'no goal of its own: the generation that is there',
  'procedures/verify/keep-data.ts saidAlone onlyInPod.othersServe':
    'asked of a single member: there are no others',
  'procedures/drain/pass-gates.ts look Standing.losses':
    'claims are read once the cheaper gates stand open, and judged then',
  'procedures/drain/pass-gates.ts look gates.losses': 'the same',
  'procedures/open/read-ensemble.ts readView EnsembleView.events':
    'a view for readiness, which no event decides; diagnoses are made on a follower’s view',
  'procedures/drain/survey.ts surveyIn sortPods(0)':
    'a node that was not asked for has no pods to sort',
  'procedures/drain/survey.ts cameSince sortPods(2)':
    'one more look at one node: of pods that came only whether there are any counts',
  'procedures/plan/foresee.ts foreseeRestart forecastRoll.changes': 'a restart changes no template',
  'procedures/plan/foresee.ts foreseeRestart forecastRoll.own':
    'a restart evicts its members and moves no partition',
  'procedures/drain/nodes-alone.ts NOBODY EnsembleView.claims':
    'nodes that are drained for no ensemble have none of it',
  'procedures/drain/nodes-alone.ts NOBODY EnsembleView.events':
    'nodes that are drained for no ensemble have none of it',
  'procedures/drain/nodes-alone.ts NOBODY EnsembleView.pods':
    'nodes that are drained for no ensemble have none of it',
  'procedures/drain/nodes-alone.ts NOBODY EnsembleView.set':
    'nodes that are drained for no ensemble have none of it',
  'kube/views/storage.ts toPlacedClass NodeTerm.fields':
    'topologies of a StorageClass are labels alone',
}

/**
 * Optional fields of inputs, `file type.field`, that nothing outside of the decisions writes: rules
 * on them never hold.
 */
function neverWritten(): readonly string[] {
  const written = new Set(
    declarations
      .filter(({ file }) => !file.startsWith('decide/'))
      .flatMap(({ node }) =>
        [...walk(node)]
          .filter(({ type }) => type === 'ObjectProperty' || type === 'ObjectMethod')
          .map((one) => nameOf(nodesAt(one, 'key')[0])),
      ),
  )
  return declarations
    .filter(
      ({ file, name }) =>
        INPUTS.has(`${file} ${name}`) && !MADE_BY_DECISIONS.has(`${file} ${name}`),
    )
    .flatMap(({ file, name, node }) =>
      [...walk(node)]
        .filter((one) => one.type === 'TSPropertySignature' && one['optional'] === true)
        .map((one) => nameOf(nodesAt(one, 'key')[0]) ?? '')
        .filter((field) => !written.has(field))
        .map((field) => `${file} ${name}.${field}`),
    )
}

const constants = [
  ...new Set(declarations.filter(({ file }) => !file.startsWith('decide/')).flatMap(constantsIn)),
]

describe('no field of a decision’s input is a constant in production', () => {
  test('there is something to look at, and a constant is seen', () => {
    expect(decisions.length).toBeGreaterThan(80)
    expect(INPUTS).toContain('decide/preflight/finding.ts PreflightInput')
    expect(INPUTS).toContain('decide/rollout/roll.ts RollSituation')
  })

  test('each is read, or has a reason', () => {
    expect(constants.filter((one) => !Object.hasOwn(ON_PURPOSE, one)).toSorted()).toEqual([])
  })

  test('no field is left out everywhere', () => {
    expect(neverWritten()).toEqual([])
  })

  test('no reason outlives its constant', () => {
    expect(Object.keys(ON_PURPOSE).filter((one) => !constants.includes(one))).toEqual([])
  })
})
