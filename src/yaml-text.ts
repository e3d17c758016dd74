// One reader of YAML from outside: bounded by what it holds, in linear time, with places at which a
// run may listen for a cancel.

import {
  Composer,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  type Document,
  type LineCounter,
  type ParsedNode,
  type ParseOptions,
  type DocumentOptions,
  type SchemaOptions,
} from 'yaml'

/**
 * Of one document, in words and marks: the largest definitions that the API takes have half of it,
 * and to read so many takes a second.
 */
const MOST_IN_DOCUMENT = 400_000
/** Documents of one text, and what stands between them. */
export const MOST_DOCUMENTS = 20_000
/** Levels. */
const DEEPEST = 200
/** Words and marks between two places to pause: some milliseconds. */
const STRIDE = 2_048
/** The engine's words where the parser has called itself too often. */
const STACK = /call stack|Stack overflow/i

/** What may still be read, in words and marks of YAML; goes down as texts are read. */
export interface YamlAllowance {
  left: number
}

/** It holds more than is read; the words are the caller's. */
export class TooMuchYaml extends Error {}
/** It is nested more deeply than anything that is meant. */
export class TooDeepYaml extends Error {}

export type YamlOptions = ParseOptions & DocumentOptions & SchemaOptions

/**
 * The documents in their order; `undefined` is a place to pause. Keys that stand twice are the
 * caller's to look for (`keyFaults`): the parser would compare each with each. Throws TooMuchYaml
 * and TooDeepYaml.
 */
export function* yamlDocuments(
  text: string,
  options: YamlOptions,
  allowance: YamlAllowance,
  counter?: LineCounter,
): Generator<Document.Parsed | undefined, void> {
  const parser = new Parser(counter?.addNewLine)
  const composer = new Composer({ ...options, uniqueKeys: false, prettyErrors: false })
  counter?.addNewLine(0)
  let inDocument = 0
  let tokens = 0
  for (const lexeme of new Lexer().lex(text)) {
    inDocument += 1
    allowance.left -= 1
    if (inDocument > MOST_IN_DOCUMENT || allowance.left < 0) throw new TooMuchYaml()
    if (inDocument % STRIDE === 0) yield undefined
    for (const token of parser.next(lexeme)) {
      tokens += 1
      if (tokens > MOST_DOCUMENTS) throw new TooMuchYaml()
      yield undefined
      for (const document of composed(() => [...composer.next(token)])) yield document
      if (token.type === 'document') inDocument = 0
    }
  }
  const rest = [...parser.end()]
  yield undefined
  for (const token of rest)
    for (const document of composed(() => [...composer.next(token)])) yield document
  for (const document of composed(() => [...composer.end()])) yield document
}

/** The parser calls itself for each level, and makes an error with a stack for each fault. */
function composed(work: () => readonly Document.Parsed[]): readonly Document.Parsed[] {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    const documents = work()
    if (documents.some(({ errors }) => errors.some(({ message }) => STACK.test(message))))
      throw new TooDeepYaml()
    return documents
  } catch (error) {
    throw error instanceof Error && STACK.test(error.message) ? new TooDeepYaml() : error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

export interface KeyFault {
  /** It stands in its map already, or is a map or a list itself. */
  readonly what: 'repeated' | 'no scalar'
  readonly offset: number
}

/** What is wrong with keys. Throws TooDeepYaml. */
export function keyFaults(document: Document.Parsed): readonly KeyFault[] {
  const faults: KeyFault[] = []
  const open: { readonly node: unknown; readonly depth: number }[] = [
    { node: document.contents, depth: 0 },
  ]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next
    if (depth > DEEPEST) throw new TooDeepYaml()
    if (isSeq<ParsedNode>(node))
      for (const item of node.items) open.push({ node: item, depth: depth + 1 })
    if (!isMap<ParsedNode, ParsedNode | null>(node)) continue
    const seen = new Set<unknown>()
    for (const { key, value } of node.items) {
      open.push({ node: value, depth: depth + 1 })
      const offset = key.range?.[0] ?? 0
      if (isMap(key) || isSeq(key)) faults.push({ what: 'no scalar', offset })
      if (!isScalar(key) || key.value === '<<') continue
      if (seen.has(key.value)) faults.push({ what: 'repeated', offset })
      seen.add(key.value)
    }
  }
  return faults
}
