// Text to objects: every document of a file, the items of lists, each object with the line of each
// of its fields.

import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Document,
  type ParsedNode,
  type ScalarTag,
  type YAMLParseError,
} from 'yaml'
import { z } from 'zod'
import type { Finding, Place } from '../errors.ts'
import { invalid } from './findings.ts'
import { LAST_APPLIED } from './owned.ts'
import type { Manifest } from './manifest.ts'
import { hasBareMarks, hasMarks, unrenderedField } from './unrendered.ts'
import {
  keyFaults,
  MOST_DOCUMENTS,
  TooDeepYaml,
  TooMuchYaml,
  yamlDocuments,
  type YamlAllowance,
  type YamlOptions,
} from '../yaml-text.ts'

export interface ParsedText {
  readonly manifests: readonly Manifest[]
  readonly findings: readonly Finding[]
}

/**
 * What is read: `file` as people are told it; `lines` false where the text isn't the user's own
 * (built by a program), so that its lines would mislead.
 */
export interface SourceText {
  readonly file: string
  readonly text: string
  readonly lines: boolean
}

/**
 * As kubectl reads scalars that are not quoted (sigs.k8s.io/yaml: YAML 1.1): `yes` and `off` are
 * booleans, and what is no text stays none. YAML 1.2 alone would read text.
 */
const BOOLEAN: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/,
  resolve: (text) => /^(?:y|yes|on)$/i.test(text),
}
/**
 * What begins as a number does: Go's strconv after `_` is dropped (0b, 0o, 0x, a leading 0 as
 * octal), a float only where it is in range. All else is text, such as the short hash of a commit,
 * `12e4567`.
 */
const NUMBER: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:int',
  test: /^[-+]?\.?[0-9][0-9A-Za-z_.+-]*$/,
  resolve: (text, onError) => numberOf(text, onError),
}
const NOT_FINITE: ScalarTag = {
  identify: () => false,
  default: true,
  tag: 'tag:yaml.org,2002:float',
  test: /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  resolve: (_text, onError) => onError(NO_NUMBER),
}
const BYTES: ScalarTag = {
  identify: () => false,
  default: false,
  tag: 'tag:yaml.org,2002:binary',
  resolve: (text) => Buffer.from(text, 'base64').toString('utf8'),
}
const NO_NUMBER = 'a number that JSON does not have'
const TOO_LARGE = 'a whole number beyond 9007199254740991'

function numberOf(text: string, onError: (message: string) => void): number | string {
  const plain = text.replaceAll('_', '')
  const [, sign = '', digits] =
    /^([-+]?)(0b[01]+|0o[0-7]+|0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(plain) ?? []
  if (digits !== undefined) {
    const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
    // It would come out as another number: kubectl's is exact.
    if (!Number.isSafeInteger(value)) onError(TOO_LARGE)
    return sign === '-' && value !== 0 ? -value : value
  }
  const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(plain)
    ? Number(plain)
    : Number.NaN
  return Number.isFinite(float) ? float : text
}

const objectSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string().min(1),
    namespace: z.string().optional(),
    labels: z
      .record(z.string(), z.string())
      .nullish()
      .transform((value) => value ?? undefined),
    annotations: z
      .record(z.string(), z.string())
      .nullish()
      .transform((value) => value ?? undefined),
  }),
})

const listSchema = z.looseObject({ kind: z.string().regex(/List$/), items: z.array(z.unknown()) })

const OPTIONS: YamlOptions = {
  merge: true,
  logLevel: 'error',
  customTags: (tags) => [
    NUMBER,
    NOT_FINITE,
    BOOLEAN,
    BYTES,
    ...tags.filter((tag) => typeof tag === 'string' || tag.tag !== BYTES.tag),
  ],
}

/** Of all texts of a run, in words and marks: some 150,000 lines. */
export function manifestAllowance(): YamlAllowance {
  return { left: 1_200_000 }
}

/**
 * Objects of one text in their order, in steps; everything that is wrong with it is among the
 * findings, MANIFEST_INVALID with its place.
 */
export function* readText(
  source: SourceText,
  allowance: YamlAllowance,
): Generator<undefined, ParsedText> {
  const counter = new LineCounter()
  const long = longDocument(source)
  if (long !== undefined) return { manifests: [], findings: [long] }
  const manifests: Manifest[] = []
  const findings: Finding[] = []
  try {
    for (const document of yamlDocuments(source.text, OPTIONS, allowance, counter)) {
      yield undefined
      if (document !== undefined) readDocument({ source, counter, document, manifests, findings })
      if (findings.length >= MOST_OF_A_TEXT) break
    }
  } catch (error) {
    if (error instanceof TooDeepYaml) findings.push(tooDeep(source))
    else if (error instanceof TooMuchYaml) findings.push(tooMuch(source))
    else throw error
  }
  return { manifests, findings }
}

function readDocument(reading: Reading): void {
  const { source, counter, document, findings } = reading
  const faults = [
    ...document.errors.slice(0, MOST_FAULTS).map((error) => syntaxFault(source, counter, error)),
    ...keyFaults(document)
      .slice(0, MOST_FAULTS)
      .map(({ what, offset }) =>
        (what === 'repeated' ? repeatedKey : mapAsKey)(source, counter, offset),
      ),
  ].slice(0, MOST_FAULTS)
  const raw = faults.find(({ message }) => message === NEVER_RENDERED)
  // Whatever else is wrong with it follows from that.
  findings.push(...(raw === undefined ? faults : [raw]))
  if (faults.length > 0 || document.contents === null) return
  const value = toValue(document, source, findings)
  if (value !== null && value !== undefined) readObject(value, [], reading)
}

/** Aliases are expanded here; a document that would grow without bound is refused by the parser. */
function toValue(document: Document.Parsed, source: SourceText, findings: Finding[]): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return value
  } catch (error) {
    // Never the parser's words: they repeat the name of the alias, which is whatever stood behind
    // an asterisk.
    const many = error instanceof ReferenceError && error.message.includes('Excessive')
    findings.push(
      invalid(
        { file: source.file },
        `${source.file} cannot be read: ${many ? 'its aliases would make it grow without bound' : 'an alias (*) in it names nothing that is there'}`,
        'write it out without aliases, and put values that begin with * in quotes',
      ),
    )
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
    for (const [index, item] of list.data.items.entries()) {
      if (reading.findings.length >= MOST_OF_A_TEXT) return
      readObject(item, [...base, 'items', index], reading)
    }
    return
  }
  const placeOf = (path: readonly (string | number)[]): Place => place(reading, [...base, ...path])
  const object = objectSchema.safeParse(value)
  if (object.success) {
    const { labels, annotations, ...metadata } = object.data.metadata
    const { [LAST_APPLIED]: _copy, ...written } = annotations ?? {}
    const cleaned = {
      ...withoutServerFields(metadata),
      name: metadata.name,
      ...(labels === undefined ? {} : { labels }),
      ...(Object.keys(written).length === 0 ? {} : { annotations: written }),
    }
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
    if (hasMarks(lineAt(reading, at))) reading.findings.push(neverRendered(at))
    else
      reading.findings.push(
        invalid(at, `${describe(value)}: ${wordFor(path, value)}`, fixFor(path, value)),
      )
  }
}

const NEVER_RENDERED =
  'this is a template that was never rendered: its marks ({{ … }}, {% … %} or ${…}) stand where a value should be'

function neverRendered(at: Place): Finding {
  return invalid(
    at,
    NEVER_RENDERED,
    'render it in a step before this one (helm template, kubectl kustomize, envsubst) and give the result',
  )
}

function lineAt({ source, counter, document }: Reading, at: Place): string {
  return lineOf(
    source,
    counter,
    at.line ?? counter.linePos(document.contents?.range?.[0] ?? 0).line,
  )
}

function lineOf({ text }: SourceText, { lineStarts }: LineCounter, line: number): string {
  return text.slice(lineStarts[line - 1], lineStarts[line])
}

/**
 * What only the server writes: a manifest that came out of `kubectl get -o yaml` has it, and an
 * apply would fail on it.
 */
const SERVER_FIELDS = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
]

function withoutServerFields(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(metadata).filter(([field]) => !SERVER_FIELDS.includes(field)),
  )
}

function describe(value: unknown): string {
  const kind = z.looseObject({ kind: z.string() }).safeParse(value)
  return kind.success ? kind.data.kind : 'this document'
}

function wordFor(path: readonly (string | number)[], value: unknown): string {
  if (path.length === 0) return 'is not an object of Kubernetes'
  const name = path.join('.')
  const written = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
    value,
  )
  if (written === undefined || written === null || written === '') return `${name} is missing`
  // What stands there may be a Secret's value that slipped a level: the kind of it is enough.
  return `${name} must be ${path.at(-1) === 'metadata' ? 'a map' : 'text'}, and is ${kindOf(written)}`
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object'
    ? 'a map'
    : typeof value === 'string'
      ? 'text'
      : `a ${typeof value}`
}

function fixFor(path: readonly (string | number)[], value: unknown): string {
  if (path.length === 0) return 'write apiVersion, kind and metadata.name, or take the document out'
  const generated = z
    .looseObject({ metadata: z.looseObject({ generateName: z.string() }) })
    .safeParse(value)
  if (path.join('.') === 'metadata.name' && generated.success)
    return 'write a fixed name: a generated one would make a new object with every run'
  return path.length === 3 ? 'put the value in quotes' : `write ${path.join('.')}`
}

/** Where in the text; generated texts have no lines that anybody could open. */
function placeIn(source: SourceText, counter: LineCounter, offset: number): Place {
  const { line, col } = counter.linePos(offset)
  return source.lines ? { file: source.file, line, column: col } : { file: source.file }
}

function syntaxFault(source: SourceText, counter: LineCounter, error: YAMLParseError): Finding {
  const [offset] = error.pos
  const at = placeIn(source, counter, offset)
  if (hasBareMarks(lineOf(source, counter, counter.linePos(offset).line))) return neverRendered(at)
  const fix =
    error.code === 'TAB_AS_INDENT'
      ? 'indent with spaces, YAML takes no tabs'
      : 'check the indentation and the quotes on this line and the one before it'
  return invalid(at, `not valid YAML: ${inWords(error)}`, fix)
}

/**
 * The parser quotes what it stumbles over only in these: a name of an anchor, a tag, a character.
 */
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
/** Of one document: one unclosed bracket gives hundreds. */
const MOST_FAULTS = 20
/** Of one text, of which no more is read then. */
const MOST_OF_A_TEXT = 200

/** The API takes no object of more than 1.5 MiB, and to read one takes a second for each. */
function longDocument(source: SourceText): Finding | undefined {
  let from = 0
  let count = 0
  const isLong = (end: number): boolean => end - from > LARGEST_DOCUMENT
  for (const { index } of source.text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)) {
    count += 1
    if (count > MOST_DOCUMENTS) return tooMuch(source)
    if (isLong(index)) break
    from = index
  }
  return isLong(source.text.length)
    ? invalid(
        { file: source.file },
        `a document of ${source.file} is larger than 1 MiB, more than the API takes`,
        'split it into several objects',
      )
    : undefined
}

function tooDeep(source: SourceText): Finding {
  return invalid(
    { file: source.file },
    `${source.file} is nested too deeply to be a manifest of Kubernetes`,
    'check the brackets and the indentation',
  )
}

function tooMuch(source: SourceText): Finding {
  return invalid(
    { file: source.file },
    `${source.file} holds more values than manifests of one ensemble do`,
    'give the ensemble its own files, and put large data in block scalars (|) or outside of the manifests',
  )
}

/** `image: {{ .Values.image }}` is YAML: a map whose key is a map, which no object has. */
function mapAsKey(source: SourceText, counter: LineCounter, offset: number): Finding {
  const at = placeIn(source, counter, offset)
  return hasBareMarks(lineOf(source, counter, counter.linePos(offset).line))
    ? neverRendered(at)
    : invalid(
        at,
        'not valid YAML: a map or a list stands where a key should be',
        'put the value in quotes',
      )
}

function repeatedKey(source: SourceText, counter: LineCounter, offset: number): Finding {
  return invalid(
    placeIn(source, counter, offset),
    'not valid YAML: a key stands twice in this map',
    'keep one of the two: only the last would count',
  )
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

function step(
  node: ParsedNode | null | undefined,
  key: string | number,
): { readonly offset: number | undefined; readonly value: ParsedNode | null } | undefined {
  if (isMap<ParsedNode, ParsedNode | null>(node)) {
    const pair = node.items.find(
      (item) => isScalar(item.key) && String(item.key.value) === String(key),
    )
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
