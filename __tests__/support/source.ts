// The sources as syntax trees, for contracts about what they say and build: texts, objects, and
// which operation can reach a declaration.

import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

export const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url))

/**
 * A node of the parser that jest brings along (estree with types); what is read of it is checked
 * where it is read.
 */
export interface Node {
  readonly type: string
  readonly loc: { readonly start: { readonly line: number } }
  readonly [field: string]: unknown
}

// It has no types that node's own loader could follow; `isNode` below is what is believed of its
// answer.
const parser: unknown = createRequire(import.meta.url)('@babel/parser')

function parse(text: string): Node {
  const found: unknown =
    typeof parser === 'object' && parser !== null ? Reflect.get(parser, 'parse') : undefined
  if (typeof found !== 'function') throw new Error('the parser is not there')
  const file: unknown = Reflect.apply(found, undefined, [
    text,
    { sourceType: 'module', plugins: ['typescript'] },
  ])
  const program = isNode(file) ? file['program'] : undefined
  if (!isNode(program)) throw new Error('the parser gave no program')
  return program
}

export function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'type') === 'string'
  )
}

/** The nodes right below one. */
export function below(node: Node): readonly Node[] {
  return Object.entries(node).flatMap(([field, value]) =>
    field === 'loc' || field.endsWith('Comments')
      ? []
      : Array.isArray(value)
        ? value.filter(isNode)
        : isNode(value)
          ? [value]
          : [],
  )
}

/** A node and all below it; `enter` false leaves out what is below one. */
export function* walk(node: Node, enter: (node: Node) => boolean = () => true): Generator<Node> {
  yield node
  if (enter(node)) for (const one of below(node)) yield* walk(one, enter)
}

export function nodesAt(node: Node, field: string): readonly Node[] {
  const value = node[field]
  return Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []
}

export function nameOf(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined
  if (node.type === 'Identifier' && typeof node['name'] === 'string') return node['name']
  return node.type === 'StringLiteral' && typeof node['value'] === 'string'
    ? node['value']
    : undefined
}

/** One declaration at the top of a file; `''` for what runs when the file is loaded. */
export interface Declaration {
  readonly file: string
  readonly name: string
  readonly node: Node
  readonly exported: boolean
}

interface Imported {
  readonly file: string
  readonly name: string
  /** A type alone: nothing of it runs. */
  readonly typeOnly: boolean
}

interface Source {
  readonly file: string
  readonly declarations: ReadonlyMap<string, readonly Declaration[]>
  /** Local name → where it comes from: a file below src, and its name there. */
  readonly imports: ReadonlyMap<string, Imported>
}

const sources = new Map<string, Source>(
  readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, read(file)]),
)

export const declarations: readonly Declaration[] = [...sources.values()].flatMap((source) =>
  [...source.declarations.values()].flat(),
)

function read(file: string): Source {
  const found = new Map<string, Declaration[]>()
  const imports = new Map<string, Imported>()
  for (const statement of nodesAt(parse(readFileSync(join(SOURCES, file), 'utf8')), 'body')) {
    if (statement.type === 'ImportDeclaration') {
      const from = pathOf(file, nodesAt(statement, 'source')[0])
      if (from === undefined) continue
      for (const one of nodesAt(statement, 'specifiers'))
        imports.set(nameOf(nodesAt(one, 'local')[0]) ?? '', {
          file: from,
          name: nameOf(nodesAt(one, 'imported')[0]) ?? '',
          typeOnly: statement['importKind'] === 'type' || one['importKind'] === 'type',
        })
      continue
    }
    const inner = nodesAt(statement, 'declaration')[0] ?? statement
    const names =
      inner.type === 'VariableDeclaration'
        ? nodesAt(inner, 'declarations').map((one) => ({
            node: one,
            name: nameOf(nodesAt(one, 'id')[0]) ?? '',
          }))
        : [{ node: inner, name: nameOf(nodesAt(inner, 'id')[0]) ?? '' }]
    for (const { node, name } of names)
      found.set(name, [
        ...(found.get(name) ?? []),
        { file, name, node, exported: inner !== statement },
      ])
  }
  return { file, declarations: found, imports }
}

function pathOf(file: string, node: Node | undefined): string | undefined {
  const target = nameOf(node)
  return target?.startsWith('.') === true ? normalize(join(dirname(file), target)) : undefined
}

/** Where a name of a file comes from: that file itself, or one that it imports it from. */
export function originOf(file: string, name: string): string | undefined {
  const source = sources.get(file)
  return source?.declarations.has(name) === true ? file : source?.imports.get(name)?.file
}

/**
 * All declarations that running one can lead to: every name that it holds, wherever that is
 * declared; `without`: methods of objects that nobody calls.
 */
export function reachable(
  file: string,
  name: string,
  without: ReadonlySet<string> = new Set(),
): ReadonlySet<Declaration> {
  const found = new Set<Declaration>()
  const open = [...(sources.get(file)?.declarations.get(name) ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue
    found.add(next)
    open.push(...named(next, without))
  }
  return found
}

function named({ file, node }: Declaration, without: ReadonlySet<string>): readonly Declaration[] {
  const source = sources.get(file)
  const own = source?.declarations.get('') ?? []
  return [
    ...own,
    ...[...walk(node, (one) => !without.has(keyOf(one)))].flatMap((one): readonly Declaration[] => {
      const dynamic =
        one.type === 'ImportExpression' ||
        (one.type === 'CallExpression' && nodesAt(one, 'callee')[0]?.type === 'Import')
          ? pathOf(file, nodesAt(one, 'source')[0] ?? nodesAt(one, 'arguments')[0])
          : undefined
      // What is taken from a file that is loaded late stands beside it by name.
      if (dynamic !== undefined)
        return [...walk(node)].flatMap((beside) =>
          beside.type === 'Identifier'
            ? (sources.get(dynamic)?.declarations.get(nameOf(beside) ?? '') ?? [])
            : [],
        )
      const name = nameOf(one)
      if (name === undefined || one.type !== 'Identifier') return []
      const local = source?.declarations.get(name)
      if (local !== undefined) return local
      const imported = source?.imports.get(name)
      return imported === undefined || imported.typeOnly
        ? []
        : (sources.get(imported.file)?.declarations.get(imported.name) ?? [])
    }),
  ]
}

/** The name of a property or method of an object; `''` for what is none. */
function keyOf(node: Node): string {
  return node.type === 'ObjectProperty' || node.type === 'ObjectMethod'
    ? (nameOf(nodesAt(node, 'key')[0]) ?? '')
    : ''
}

/** A text of the sources: `holes` are the expressions between its parts. */
export interface Text {
  readonly declaration: Declaration
  readonly line: number
  readonly parts: readonly string[]
  readonly holes: readonly Node[]
  /** The properties and methods of objects that it stands in, the outermost first. */
  readonly within: readonly string[]
}

/** Every text of a declaration, templates and nested ones included. */
export function textsOf(declaration: Declaration): readonly Text[] {
  const texts: Text[] = []
  const visit = (node: Node, within: readonly string[]): void => {
    const at = { declaration, line: node.loc.start.line, within }
    if (node.type === 'StringLiteral' && typeof node['value'] === 'string')
      texts.push({ ...at, parts: [node['value']], holes: [] })
    if (node.type === 'TemplateLiteral')
      texts.push({
        ...at,
        parts: nodesAt(node, 'quasis').map(cooked),
        holes: nodesAt(node, 'expressions'),
      })
    const own = keyOf(node) === '' ? within : [...within, keyOf(node)]
    for (const one of below(node)) visit(one, own)
  }
  visit(declaration.node, [])
  return texts
}

function cooked(part: Node): string {
  const value = part['value']
  const text: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'cooked') : undefined
  return typeof text === 'string' ? text : ''
}
