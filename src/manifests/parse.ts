// Text to objects: every document of a file, the items of lists, each object with the line of each of its fields.

import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type ParsedNode, type ScalarTag, type YAMLParseError } from 'yaml'
import { z } from 'zod'
import type { Finding, Place } from '../errors.ts'
import { invalid } from './findings.ts'
import { LAST_APPLIED } from './owned.ts'
import type { Manifest } from './manifest.ts'
import { hasBareMarks, hasMarks, unrenderedField } from './unrendered.ts'

export interface ParsedText {
  readonly manifests: readonly Manifest[]
  readonly findings: readonly Finding[]
}

/** What is read: `file` as people are told it; `lines` false where the text isn't the user's own (built by a program), so that its lines would mislead. */
export interface SourceText {
  readonly file: string
  readonly text: string
  readonly lines: boolean
}

/** As kubectl reads scalars that are not quoted (sigs.k8s.io/yaml: YAML 1.1): `yes` and `off` are booleans, and what is no text stays none. YAML 1.2 alone would read text. */
const BOOLEAN: ScalarTag = { identify: () => false, default: true, tag: 'tag:yaml.org,2002:bool', test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/, resolve: (text) => /^(?:y|yes|on)$/i.test(text) }
/** What begins as a number does: Go's strconv after `_` is dropped (0b, 0o, 0x, a leading 0 as octal), a float only where it is in range. All else is text, such as the short hash of a commit, `12e4567`. */
const NUMBER: ScalarTag = { identify: () => false, default: true, tag: 'tag:yaml.org,2002:int', test: /^[-+]?\.?[0-9][0-9A-Za-z_.+-]*$/, resolve: (text, onError) => numberOf(text, onError) }
const NOT_FINITE: ScalarTag = { identify: () => false, default: true, tag: 'tag:yaml.org,2002:float', test: /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/, resolve: (_text, onError) => onError(NO_NUMBER) }
const BYTES: ScalarTag = { identify: () => false, default: false, tag: 'tag:yaml.org,2002:binary', resolve: (text) => Buffer.from(text, 'base64').toString('utf8') }
const NO_NUMBER = 'a number that JSON does not have'
const TOO_LARGE = 'a whole number beyond 9007199254740991'

function numberOf(text: string, onError: (message: string) => void): number | string {
  const plain = text.replaceAll('_', '')
  const [, sign = '', digits] = /^([-+]?)(0b[01]+|0o[0-7]+|0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(plain) ?? []
  if (digits !== undefined) {
    const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
    // It would come out as another number: kubectl's is exact.
    if (!Number.isSafeInteger(value)) onError(TOO_LARGE)
    return sign === '-' && value !== 0 ? -value : value
  }
  const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(plain) ? Number(plain) : Number.NaN
  return Number.isFinite(float) ? float : text
}

const objectSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string().min(1),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).nullish().transform((value) => value ?? undefined),
    annotations: z.record(z.string(), z.string()).nullish().transform((value) => value ?? undefined),
  }),
})

const listSchema = z.looseObject({ kind: z.string().regex(/List$/), items: z.array(z.unknown()) })

/** Objects of one text in their order; everything that is wrong with it is among the findings, MANIFEST_INVALID with its place. */
export function parseText(source: SourceText): ParsedText {
  const counter = new LineCounter()
  const long = longDocument(source)
  if (long !== undefined) return { manifests: [], findings: [long] }
  let documents
  try {
    // Its own search for repeated keys compares each with each: ours, below, takes each once.
    documents = parseAllDocuments(source.text, { lineCounter: counter, merge: true, uniqueKeys: false, customTags: (tags) => [NUMBER, NOT_FINITE, BOOLEAN, BYTES, ...tags.filter((tag) => typeof tag === 'string' || tag.tag !== BYTES.tag)], prettyErrors: false })
  } catch {
    // The parser calls itself for each level, and says so in the engine's words.
    return { manifests: [], findings: [tooDeep(source)] }
  }
  if (!Array.isArray(documents)) return { manifests: [], findings: [] }
  const manifests: Manifest[] = []
  const findings: Finding[] = []
  for (const document of documents) {
    const faults = document.errors.some((error) => STACK.test(error.message))
      ? [tooDeep(source)]
      : [...document.errors.map((error) => syntaxFault(source, counter, error)), ...structureFaults(source, counter, document)].slice(0, MOST_FAULTS)
    const raw = faults.find(({ message }) => message === NEVER_RENDERED)
    // Whatever else is wrong with it follows from that.
    if (raw !== undefined) {
      findings.push(raw)
      continue
    }
    findings.push(...faults)
    if (faults.length > 0 || document.contents === null) continue
    const value = toValue(document, source, findings)
    if (value !== null && value !== undefined) readObject(value, [], { source, counter, document, manifests, findings })
  }
  return { manifests, findings }
}

/** Aliases are expanded here; a document that would grow without bound is refused by the parser. */
function toValue(document: Document.Parsed, source: SourceText, findings: Finding[]): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return value
  } catch (error) {
    // Never the parser's words: they repeat the name of the alias, which is whatever stood behind an asterisk.
    const many = error instanceof ReferenceError && error.message.includes('Excessive')
    findings.push(invalid({ file: source.file }, `${source.file} cannot be read: ${many ? 'its aliases would make it grow without bound' : 'an alias (*) in it names nothing that is there'}`, 'write it out without aliases, and put values that begin with * in quotes'))
    return undefined
  }
}

interface Reading {
  readonly source: SourceText
  readonly counter: LineCounter
  readonly document: Document.Parsed
  readonly manifests: Manifest[]
  readonly findings: Finding[]
}

function readObject(value: unknown, base: readonly (string | number)[], reading: Reading): void {
  const list = listSchema.safeParse(value)
  if (list.success) {
    list.data.items.forEach((item, index) => readObject(item, [...base, 'items', index], reading))
    return
  }
  const placeOf = (path: readonly (string | number)[]): Place => place(reading, [...base, ...path])
  const object = objectSchema.safeParse(value)
  if (object.success) {
    const { labels, annotations, ...metadata } = object.data.metadata
    const { [LAST_APPLIED]: _copy, ...written } = annotations ?? {}
    const cleaned = { ...withoutServerFields(metadata), name: metadata.name, ...(labels === undefined ? {} : { labels }), ...(Object.keys(written).length === 0 ? {} : { annotations: written }) }
    const { status: _status, ...rest } = object.data
    const raw = unrenderedField(object.data)
    if (raw !== undefined) {
      reading.findings.push(neverRendered(placeOf(raw)))
      return
    }
    reading.manifests.push({ object: { ...rest, metadata: cleaned }, place: placeOf([]), placeOf })
    return
  }
  for (const issue of object.error.issues) {
    const path = issue.path.filter((key) => typeof key !== 'symbol')
    const at = placeOf(path)
    if (hasMarks(lineAt(reading.source, reading.counter, reading.document, at))) reading.findings.push(neverRendered(at))
    else reading.findings.push(invalid(at, `${describe(value)}: ${wordFor(path, value)}`, mendFor(path, value)))
  }
}

const NEVER_RENDERED = 'this is a template that was never rendered: its marks ({{ … }}, {% … %} or ${…}) stand where a value should be'

function neverRendered(at: Place): Finding {
  return invalid(at, NEVER_RENDERED, 'render it in a step before this one (helm template, kubectl kustomize, envsubst) and give the result')
}

function lineAt(source: SourceText, counter: LineCounter, document: Document.Parsed, at: Place): string {
  const line = at.line ?? counter.linePos(document.contents?.range?.[0] ?? 0).line
  return source.text.split('\n', line)[line - 1] ?? ''
}

/** What only the server writes: a manifest that came out of `kubectl get -o yaml` has it, and an apply would fail on it. */
const SERVER_FIELDS = ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'selfLink', 'deletionTimestamp', 'deletionGracePeriodSeconds']

function withoutServerFields(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([field]) => !SERVER_FIELDS.includes(field)))
}

function describe(value: unknown): string {
  const kind = z.looseObject({ kind: z.string() }).safeParse(value)
  return kind.success ? kind.data.kind : 'this document'
}

function wordFor(path: readonly (string | number)[], value: unknown): string {
  if (path.length === 0) return 'is not an object of Kubernetes'
  const name = path.join('.')
  const written = path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined), value)
  if (written === undefined || written === null || written === '') return `${name} is missing`
  // What stands there may be a Secret's value that slipped a level: the kind of it is enough.
  return `${name} must be ${path.at(-1) === 'metadata' ? 'a map' : 'text'}, and is ${kindOf(written)}`
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a map' : typeof value === 'string' ? 'text' : `a ${typeof value}`
}

function mendFor(path: readonly (string | number)[], value: unknown): string {
  if (path.length === 0) return 'write apiVersion, kind and metadata.name, or take the document out'
  const generated = z.looseObject({ metadata: z.looseObject({ generateName: z.string() }) }).safeParse(value)
  if (path.join('.') === 'metadata.name' && generated.success) return 'write a fixed name: a generated one would make a new object with every run'
  return path.length === 3 ? 'put the value in quotes' : `write ${path.join('.')}`
}

function syntaxFault(source: SourceText, counter: LineCounter, error: YAMLParseError): Finding {
  const { line, col } = counter.linePos(error.pos[0])
  if (hasBareMarks(source.text.split('\n', line)[line - 1] ?? '')) return neverRendered(source.lines ? { file: source.file, line, column: col } : { file: source.file })
  const at = source.lines ? { file: source.file, line, column: col } : { file: source.file }
  const mend = error.code === 'TAB_AS_INDENT' ? 'indent with spaces, YAML takes no tabs'
    : 'check the indentation and the quotes on this line and the one before it'
  return invalid(at, `not valid YAML: ${inWords(error)}`, mend)
}

/** The parser quotes what it stumbles over only in these: a name of an anchor, a tag, a character. */
function inWords(error: YAMLParseError): string {
  const line = (error.message.split('\n')[0] ?? '').replace(/\.$/, '')
  if (error.code === 'BAD_ALIAS') return 'an alias (*) that names nothing, or stands where none may'
  const own = [NO_NUMBER, TOO_LARGE].find((words) => error.message.includes(words))
  if (own !== undefined) return `${own}: put it in quotes, or write another`
  if (error.code === 'TAG_RESOLVE_FAILED') return 'a tag (!) that is not known'
  return line.replaceAll(/"[^"]*"|'[^']*'|:\s.*$/g, '').trim()
}

/** Characters. */
const LARGEST_DOCUMENT = 1024 * 1024
/** Levels. */
const DEEPEST = 200
/** Of one document: one unclosed bracket gives hundreds. */
const MOST_FAULTS = 20
/** The engine's words where the parser has called itself too often. */
const STACK = /call stack|Stack overflow/i

/** The API takes no object of more than 1.5 MiB, and to read one takes a second for each. */
function longDocument(source: SourceText): Finding | undefined {
  let from = 0
  for (const end of [...source.text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)].map(({ index }) => index).concat(source.text.length)) {
    if (end - from > LARGEST_DOCUMENT) return invalid({ file: source.file }, `a document of ${source.file} is larger than 1 MiB, more than the API takes`, 'split it into several objects')
    from = end
  }
  return undefined
}

function tooDeep(source: SourceText): Finding {
  return invalid({ file: source.file }, `${source.file} is nested too deeply to be a manifest of Kubernetes`, 'check the brackets and the indentation')
}

/** Keys that stand twice in a map, in linear time; and a nesting that no object of Kubernetes has. */
function structureFaults(source: SourceText, counter: LineCounter, document: Document.Parsed): readonly Finding[] {
  const faults: Finding[] = []
  const open: { readonly node: unknown; readonly depth: number }[] = [{ node: document.contents, depth: 0 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next
    if (depth > DEEPEST) return [tooDeep(source)]
    if (isSeq<ParsedNode>(node)) for (const item of node.items) open.push({ node: item, depth: depth + 1 })
    if (!isMap<ParsedNode, ParsedNode | null>(node)) continue
    const seen = new Set<unknown>()
    for (const { key, value } of node.items) {
      open.push({ node: value, depth: depth + 1 })
      if (isMap(key) || isSeq(key)) faults.push(mapAsKey(source, counter, key.range?.[0] ?? 0))
      if (!isScalar(key) || key.value === '<<') continue
      if (seen.has(key.value)) faults.push(repeatedKey(source, counter, key.range?.[0] ?? 0))
      seen.add(key.value)
    }
  }
  return faults
}

/** `image: {{ .Values.image }}` is YAML: a map whose key is a map, which no object has. */
function mapAsKey(source: SourceText, counter: LineCounter, offset: number): Finding {
  const { line, col } = counter.linePos(offset)
  const at = source.lines ? { file: source.file, line, column: col } : { file: source.file }
  return hasBareMarks(source.text.split('\n', line)[line - 1] ?? '') ? neverRendered(at) : invalid(at, 'not valid YAML: a map or a list stands where a key should be', 'put the value in quotes')
}

function repeatedKey(source: SourceText, counter: LineCounter, offset: number): Finding {
  const { line, col } = counter.linePos(offset)
  return invalid(source.lines ? { file: source.file, line, column: col } : { file: source.file }, 'not valid YAML: a key stands twice in this map', 'keep one of the two: only the last would count')
}

/** The place of the field, or of the nearest field around it that is written. */
function place({ source, counter, document }: Reading, path: readonly (string | number)[]): Place {
  if (!source.lines) return { file: source.file }
  let node: ParsedNode | null | undefined = document.contents
  let offset = node?.range?.[0]
  for (const key of path) {
    if (isAlias(node)) {
      const target: unknown = node.resolve(document)
      node = isParsedNode(target) ? target : undefined
    }
    const next = step(node, key)
    if (next === undefined) break
    offset = next.offset ?? offset
    node = next.value
  }
  if (offset === undefined) return { file: source.file }
  const { line, col } = counter.linePos(offset)
  return { file: source.file, line, column: col }
}

function step(node: ParsedNode | null | undefined, key: string | number): { readonly offset: number | undefined; readonly value: ParsedNode | null } | undefined {
  if (isMap<ParsedNode, ParsedNode | null>(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
    return pair === undefined ? undefined : { offset: pair.key.range?.[0], value: pair.value }
  }
  if (isSeq<ParsedNode>(node) && typeof key === 'number') {
    const item = node.items[key]
    return item === undefined ? undefined : { offset: item.range?.[0], value: item }
  }
  return undefined
}

function isParsedNode(value: unknown): value is ParsedNode {
  return isNode(value) && Array.isArray(value.range)
}
