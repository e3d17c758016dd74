// Advice that can't be followed costs a user the hour that it was to save: no text names an input
// that its operation refuses, and every command is one that kubectl takes.

import { describe, expect, test } from '@jest/globals'
import { withWayAround } from '../../src/errors.ts'
import { OPERATIONS, type Operation } from '../../src/inputs/inputs.ts'
import { readInputs, takesInput } from '../../src/inputs/parse.ts'
import { INPUT_IDS, isInputId, useOf, type InputId } from '../../src/inputs/schema.ts'
import {
  below,
  declarations,
  isNode,
  nameOf,
  nodesAt,
  reachable,
  textsOf,
  walk,
  type Node,
  type Text,
} from '../support/source.ts'

const operations = [...OPERATIONS]
/**
 * What only some operations ask of an ensemble: its checks, and the marker that outlives a change.
 * A profile is one value with all that it can do.
 */
const METHODS = ['verify', 'writeMarker', 'readMarker', 'removeMarker', 'witness']

/** Of these, what an operation never calls. */
const uncalled = new Map(
  operations.map((operation) => {
    const all = [...reachable(`operations/${operation}.ts`, operation)].filter(
      ({ file }) => !file.startsWith('ensemble/'),
    )
    const called = new Set(
      all.flatMap(({ node }) =>
        [...walk(node)]
          .filter(({ type }) => type.endsWith('CallExpression'))
          .map((call) => nameOf(nodesAt(nodesAt(call, 'callee')[0] ?? call, 'property')[0]) ?? ''),
      ),
    )
    return [operation, new Set(METHODS.filter((method) => !called.has(method)))]
  }),
)

const reach = new Map(
  operations.map((operation) => [
    operation,
    reachable(`operations/${operation}.ts`, operation, uncalled.get(operation)),
  ]),
)

function says(operation: Operation, { declaration, within }: Text): boolean {
  return (
    reach.get(operation)?.has(declaration) === true &&
    !within.some((name) => uncalled.get(operation)?.has(name) === true)
  )
}

/** All that a person may read; `inputs/` speaks of inputs that were given, and is tried below. */
const texts = declarations
  .filter(({ file }) => !file.startsWith('inputs/'))
  .flatMap((declaration) => textsOf(declaration))
  .filter(({ parts }) => parts.join(' ').includes(' '))

function said({ declaration, line }: Text, what: string): string {
  return `src/${declaration.file}:${line}: ${what}`
}

/** What an operation is given at least. */
function minimal(operation: Operation): Record<string, string> {
  const more: Partial<Record<Operation, Record<string, string>>> = {
    deploy: { INPUT_MANIFESTS: 'k8s' },
    plan: { INPUT_MANIFESTS: 'k8s' },
    scale: { INPUT_REPLICAS: '5' },
    drain: { INPUT_NODES: 'node-1' },
    uncordon: { INPUT_NODES: 'node-1' },
  }
  return { INPUT_OPERATION: operation, INPUT_NAMESPACE: 'shop', ...more[operation] }
}

/** Ids whose values can be told from other words: a word of no meaning is none. */
function hasValues(id: InputId): boolean {
  return readInputs({ [`INPUT_${id.toUpperCase()}`]: 'meaningless' }).broken.has(id)
}

interface Mention {
  readonly id: InputId
  readonly value: string | undefined
  /** The operation that the text gives it to. */
  readonly operation: Operation | undefined
}

const MENTION = new RegExp(
  `(?<![\\w-])(${[...INPUT_IDS]
    .toSorted((a, b) => b.length - a.length)
    .join('|')})(?:: ([A-Za-z0-9-]+)|(?![\\w-]))|([.;](?=\\s))`,
  'g',
)

/**
 * Words that never come to be said there: status and plan give no command that writes, status waits
 * by timeout alone, uncordon asks no member.
 */
const NEVER_SAID: ReadonlySet<string> = new Set([
  'procedures/rollout/attend.ts status member-timeout',
  ...[
    'status write-command',
    'status read-command',
    'plan write-command',
    'plan read-command',
    'uncordon write-command',
    'uncordon read-command',
    'uncordon serves-command',
  ].map((what) => `ensemble/custom/look.ts ${what}`),
])

/** `verify: off`, and names that can only be an input's (`to-revision`). */
function mentions(text: string): readonly Mention[] {
  const found: Mention[] = []
  let operation: Operation | undefined
  for (const [, id = '', value, stop] of text.matchAll(MENTION)) {
    if (stop !== undefined) operation = undefined
    if (!isInputId(id)) continue
    if (id === 'operation') operation = operations.find((one) => one === value) ?? operation
    else if (value === undefined) found.push({ id, value: undefined, operation })
    else if (hasValues(id))
      found.push({
        id,
        value: readInputs({ [`INPUT_${id.toUpperCase()}`]: value }).broken.has(id)
          ? undefined
          : value,
        operation,
      })
  }
  return found
}

function refuses(operation: Operation, { id, value }: Mention): boolean {
  const { usedBy } = useOf(id)
  if (usedBy !== 'all' && !usedBy.includes(operation)) return true
  return (
    value !== undefined &&
    value !== minimal(operation)[`INPUT_${id.toUpperCase()}`] &&
    !takesInput(minimal(operation), id, value)
  )
}

describe('inputs', () => {
  test('there is something to look at', () => {
    expect(texts.length).toBeGreaterThan(1500)
    expect(
      texts.filter((text) => mentions(text.parts.join('§')).length > 0).length,
    ).toBeGreaterThan(25)
    expect(mentions('Set verify: off.')).toEqual([
      { id: 'verify', value: 'off', operation: undefined },
    ])
    expect(mentions('Use operation: undo with to-revision somewhere')).toEqual([
      { id: 'to-revision', value: undefined, operation: 'undo' },
    ])
    expect(refuses('verify', { id: 'verify', value: 'off', operation: undefined })).toBe(true)
    expect(refuses('scale', { id: 'force-conflicts', value: 'true', operation: undefined })).toBe(
      true,
    )
  })

  test('no text names an input that an operation refuses which can say it', () => {
    const wrong = texts.flatMap((text) => {
      const words = text.parts.join('§')
      const by = operations.filter((operation) => says(operation, text))
      return mentions(words).flatMap((mention) => {
        // What no operation names is said by what all of them are given.
        const who =
          mention.operation !== undefined ? [mention.operation] : by.length > 0 ? by : operations
        // Of a plain word that is no value of it ("heap: it must fit"): the word is meant, not the
        // input.
        if (mention.value === undefined && !mention.id.includes('-')) return []
        return who
          .filter(
            (operation) =>
              refuses(operation, mention) &&
              !NEVER_SAID.has(`${text.declaration.file} ${operation} ${mention.id}`),
          )
          .map((operation) =>
            said(
              text,
              `${mention.id}${mention.value === undefined ? '' : `: ${mention.value}`} is refused by ${operation}: ${words}`,
            ),
          )
      })
    })
    expect(wrong).toEqual([])
  })

  test('every operation that a text sends to is built', () => {
    const wrong = texts.flatMap((text) =>
      [...text.parts.join('§').matchAll(/operation: ([a-z]+)/g)]
        .filter(([, name = '']) => !operations.some((one) => one === name))
        .map(([all]) => said(text, all)),
    )
    expect(wrong).toEqual([])
  })

  test('a way around is an input with a value that some operation takes', () => {
    const ways = declarations.flatMap((declaration) =>
      [...walk(declaration.node)]
        .filter((node) => isWayAround(node))
        .map((node) => ({
          declaration,
          input: textAt(node, 'input'),
          value: textAt(node, 'value'),
        })),
    )
    expect(ways.length).toBeGreaterThan(6)
    expect(
      ways.filter(
        ({ input, value }) =>
          !operations.some((operation) => takesInput(minimal(operation), input, value)),
      ),
    ).toEqual([])
  })

  test('a way around is told only where this run would take it', () => {
    const finding = {
      code: 'CHECK_IMPOSSIBLE',
      severity: 'error',
      message: 'x',
      fix: 'Give it a certificate',
      orSet: { input: 'verify', value: 'off' },
    } as const
    const told = (env: Record<string, string>): string | undefined =>
      withWayAround(finding, (input, value) => takesInput(env, input, value)).fix
    expect(told(minimal('deploy'))).toBe('Give it a certificate. Or set verify: off.')
    expect(told(minimal('verify'))).toBe('Give it a certificate')
    expect(told(minimal('status'))).toBe('Give it a certificate')
    expect(told({ ...minimal('deploy'), INPUT_VERIFY: 'off' })).toBe('Give it a certificate')
    expect(
      withWayAround({ ...finding, fix: 'Add this rule:\n- verbs: [get]' }, () => true).fix,
    ).toBe('Or set verify: off. Add this rule:\n- verbs: [get]')
  })

  /** One value that is given and sound for each input whose values are few. */
  const GIVEN: Partial<Record<InputId, string>> = {
    'create-namespace': 'true',
    ttl: '72h',
    replicas: '4',
    heap: '64M',
    timeout: '1m',
    'member-timeout': '20m',
    verify: 'off',
    pace: 'controller',
    'on-failure': 'keep',
    'to-revision': '3',
    wait: 'true',
    nodes: 'node-1',
    placement: 'in-place',
    'maintenance-command': 'true',
    'maintenance-timeout': '5m',
    uncordon: 'never',
    'evict-unmanaged': 'true',
    'grace-period': '5',
    'any-cordon': 'true',
    'delete-claims': 'true',
    'force-conflicts': 'true',
    'dry-run': 'true',
    'write-command': 'w',
    'read-command': 'r',
    'serves-command': 's',
    'zookeeper-auth': 'a:b',
    'cassandra-auth': 'a:b',
    'check-path': '/x',
    lint: 'warn',
    profile: 'custom',
  }

  test.each(operations)('what the inputs of %s advise of each other is taken', (operation) => {
    const wrong = Object.entries(GIVEN).flatMap(([id, value]) => {
      const env = { ...minimal(operation), [`INPUT_${id.toUpperCase()}`]: value }
      const { inputs, faults } = readInputs(env)
      return [...faults, ...inputs.warnings].flatMap(({ message, fix = '' }) =>
        mentions(fix)
          .filter(
            (mention) =>
              mention.value !== undefined &&
              mention.operation === undefined &&
              !takesInput(env, mention.id, mention.value),
          )
          .map((mention) => `${message}: ${fix} (${mention.id})`),
      )
    })
    expect(wrong).toEqual([])
  })
})

function isWayAround(node: Node): boolean {
  return (
    node.type === 'ObjectExpression' &&
    textAt(node, 'input') !== '' &&
    textAt(node, 'value') !== '' &&
    isInputId(textAt(node, 'input')) &&
    textAt(node, 'message') === ''
  )
}

function textAt(node: Node, field: string): string {
  const property = nodesAt(node, 'properties').find(
    (one) => nameOf(nodesAt(one, 'key')[0]) === field,
  )
  return nameOf(property === undefined ? undefined : nodesAt(property, 'value')[0]) ?? ''
}

/**
 * kubectl's verbs as far as we name them: their flags (with or without a value), and how many
 * arguments they take.
 */
const ANY = { flags: ['-n', '--namespace', '-A', '--all-namespaces'], least: 0, most: 99 } as const
const VERBS: Readonly<
  Record<
    string,
    { readonly flags: readonly string[]; readonly least: number; readonly most: number }
  >
> = {
  get: {
    flags: [
      '-o',
      '-w',
      '--show-managed-fields',
      '--show-labels',
      '--field-selector',
      '--sort-by',
      '-l',
    ],
    least: 1,
    most: 9,
  },
  describe: { flags: ['-l'], least: 1, most: 9 },
  delete: {
    flags: ['--cascade', '--wait', '--force', '--grace-period', '-l', '--now'],
    least: 2,
    most: 9,
  },
  logs: { flags: ['-c', '--tail', '--previous', '-p'], least: 1, most: 1 },
  exec: { flags: ['-c', '-i', '-t'], least: 1, most: 1 },
  patch: { flags: ['-p', '--type', '--subresource'], least: 2, most: 9 },
  scale: { flags: ['--replicas'], least: 1, most: 2 },
  cordon: { flags: [], least: 1, most: 9 },
  uncordon: { flags: [], least: 1, most: 9 },
  'taint nodes': { flags: [], least: 2, most: 9 },
  annotate: { flags: ['--overwrite'], least: 3, most: 9 },
  edit: { flags: [], least: 1, most: 2 },
  'create namespace': { flags: [], least: 1, most: 1 },
  'auth can-i': { flags: ['--list'], least: 0, most: 3 },
  'rollout undo': { flags: ['--to-revision'], least: 1, most: 1 },
  'config current-context': { flags: [], least: 0, most: 0 },
  'cluster-info': { flags: [], least: 0, most: 0 },
  kustomize: { flags: [], least: 1, most: 1 },
}
/** Flags that take the next word where it isn't in one with them. */
const TAKES_WORD = new Set(['-n', '--namespace', '-o', '-c', '-p', '-l', '--field-selector'])
const KINDS = new Set(
  'pod pods pv pvc persistentvolumeclaim persistentvolumeclaims persistentvolume statefulset statefulsets service services node nodes namespace namespaces lease leases configmap crd volumeattachments storageclasses events poddisruptionbudget poddisruptionbudgets resourcequotas,limitranges sample'.split(
    ' ',
  ),
)

/** Words as a POSIX shell splits them. */
function words(command: string): readonly string[] {
  return [...command.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replaceAll(
      /'([^']*)'|"([^"]*)"/g,
      (_all, single: string | undefined, double: string | undefined) => single ?? double ?? '',
    ),
  )
}

/** Undefined for a command that kubectl would take. */
function fault(command: string): string | undefined {
  const [, ...all] = words(command)
  const end = all.indexOf('--')
  const given = end < 0 ? all : all.slice(0, end)
  const flags: string[] = []
  const args: string[] = []
  for (let index = 0; index < given.length; index += 1) {
    const word = given[index] ?? ''
    if (!word.startsWith('-')) args.push(word)
    else {
      flags.push(word.split('=')[0] ?? '')
      if (TAKES_WORD.has(word)) {
        index += 1
        if (given[index] === undefined) return `${word} has no value`
        if (word === '-p' && args[0] === 'patch') {
          try {
            JSON.parse(given[index] ?? '')
          } catch {
            return 'the patch is not JSON'
          }
        }
      }
    }
  }
  const [first = '', second = ''] = args
  const verb = VERBS[`${first} ${second}`] ?? VERBS[first]
  if (verb === undefined) return `kubectl has no ${first}`
  const rest = args.slice(VERBS[`${first} ${second}`] === undefined ? 1 : 2)
  if (rest.length < verb.least || rest.length > verb.most) return `${rest.length} arguments`
  const unknown = flags.find(
    (flag) => !verb.flags.includes(flag) && !ANY.flags.some((one) => one === flag),
  )
  if (unknown !== undefined) return `${first} has no ${unknown}`
  if (
    ['get', 'describe', 'delete', 'patch', 'edit'].includes(first) &&
    !KINDS.has(rest[0]?.split('/')[0] ?? '')
  )
    return `what is a ${rest[0] ?? ''}?`
  return first === 'exec' && end < 0 ? 'exec without --' : undefined
}

/**
 * The commands of a text, samples in its holes. A word that only names a command (`kubectl set`) is
 * none.
 */
function commandsOf({ parts, holes }: Text): readonly string[] {
  const text = parts
    .map(
      (part, index) =>
        `${part}${index < holes.length ? sampleFor(holes[index], part, parts[index + 1] ?? '') : ''}`,
    )
    .join('')
  return [
    ...text.matchAll(
      /\bkubectl (?:'[^']*'|"[^"]*"|[^'"])*?(?=$|[,;)](?:[\s,;.]|$)|[.:?](?:\s|$)| #| &&| > | \(| (?:or|and|says|shows|names|which|for|on|does|to|exited|renders?)\b)/g,
    ),
  ]
    .map(([command]) => command)
    .filter((command) => !command.includes('…'))
}

function sampleFor(hole: Node | undefined, before: string, after: string): string {
  const name = hole === undefined ? '' : (nameOf(hole) ?? '')
  if (name === 'kubectl') return 'kubectl -n shop'
  // An option with its value and a space: `kubectl ${of}delete`.
  if (/\bkubectl $/.test(before) && /^\w/.test(after)) return '-n shop '
  return 'sample'
}

/** Names of commands and of tools, not commands. */
const NAMES =
  /^kubectl (?:kustomize(?: DIRECTORY)?|set|patch|edit|rollout|apply|scale|describe pod|logs|reads it|edit pvc|-n sample)$|^kubectl (?:exited|on this|in a step|commands that) /

describe('commands', () => {
  const commands = texts
    .flatMap((text) => commandsOf(text).map((command) => ({ text, command })))
    .filter(({ command }) => !NAMES.test(command))

  test('there is something to look at, and what is wrong is seen', () => {
    expect(commands.length).toBeGreaterThan(50)
    expect(fault('kubectl -n shop delete pod zk-0 --force')).toBeUndefined()
    expect(fault('kubectl patch pv a -p \'{"spec":{}}\'')).toBeUndefined()
    expect(fault('kubectl patch pv a -p \'{"spec":}\'')).toBe('the patch is not JSON')
    expect(fault('kubectl delete zk-0')).toBe('1 arguments')
    expect(fault('kubectl -n shop remove pod zk-0')).toBe('kubectl has no remove')
    expect(fault('kubectl -n shop exec zk-0 ls')).toBe('2 arguments')
    expect(fault('kubectl get pods --watchful')).toBe('get has no --watchful')
  })

  test('every command that a text names is one that kubectl takes', () => {
    expect(
      commands.flatMap(({ text, command }) =>
        fault(command) === undefined ? [] : [said(text, `${fault(command) ?? ''}: ${command}`)],
      ),
    ).toEqual([])
  })
})

// The tree is read by what it is, not by luck.
test('a text is found wherever it stands', () => {
  expect(declarations.some(({ node }) => below(node).every(isNode))).toBe(true)
})
