// Which lists and maps the API merges by key and which it takes whole: what server-side apply needs
// to know of the schema (from the server's OpenAPI).

import type { Fields, Json } from './json.ts'
import { at, isFields, parse } from './json.ts'

const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  podIPs: ['ip'],
  conditions: ['type'],
  addresses: ['type'],
  ownerReferences: ['uid'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
}
const ATOMIC_MAPS = new Set([
  'selector',
  'labelSelector',
  'namespaceSelector',
  'podSelector',
  'nodeSelector',
  'requiredDuringSchedulingIgnoredDuringExecution',
  'configMapKeyRef',
  'secretKeyRef',
  'fieldRef',
  'resourceFieldRef',
  'fileKeyRef',
  'dataSource',
  'secretRef',
  'involvedObject',
  'roleRef',
])
/** What an apply doesn't own: identity, and what the server writes. */
const UNOWNED = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
])

/** How a list is merged: by keys, as a set of scalars, or not at all. */
export function listKeys(
  field: string,
  list: readonly Json[],
): readonly string[] | 'set' | 'atomic' {
  if (field === 'finalizers') return 'set'
  if (field === 'ports') {
    if (list.every((item) => at(item, 'containerPort') !== undefined))
      return ['containerPort', 'protocol']
    return list.every((item) => at(item, 'port') !== undefined && at(item, 'endPort') === undefined)
      ? ['port', 'protocol']
      : 'atomic'
  }
  return LIST_KEYS[field] ?? 'atomic'
}

/** The element of a path that names an item: `k:{"name":"x"}`. */
export function itemElement(item: Json, keys: readonly string[]): string {
  const found: Fields = {}
  for (const key of keys) found[key] = at(item, key) ?? (key === 'protocol' ? 'TCP' : '')
  return `k:${JSON.stringify(found)}`
}

export function isAtomicMap(field: string, value: Fields): boolean {
  return ATOMIC_MAPS.has(field) || Object.keys(value).length === 0
}

/**
 * Paths of fields, written as in managedFields (`f:spec`, `k:{…}`, `v:…`), joined by a line break.
 */
export type FieldSet = Map<string, Json>

export const SEPARATOR = '\n'

/**
 * Every path that an object sets with its value: leaves, whole atomic parts, and the items of keyed
 * lists.
 */
export function pathsOf(object: Fields): FieldSet {
  const found: FieldSet = new Map()
  const { apiVersion: _version, kind: _kind, status: _status, metadata, ...rest } = object
  const owned: Fields = {}
  for (const [key, value] of Object.entries(isFields(metadata) ? metadata : {}))
    if (!UNOWNED.has(key)) owned[key] = value
  walk(found, [], '', Object.keys(owned).length === 0 ? rest : { metadata: owned, ...rest }, true)
  return found
}

function walk(
  found: FieldSet,
  path: readonly string[],
  field: string,
  value: Json,
  root = false,
): void {
  const own = path.join(SEPARATOR)
  if (isFields(value)) {
    if (!root && isAtomicMap(field, value)) found.set(own, value)
    else
      for (const [key, entry] of Object.entries(value))
        if (entry !== null) walk(found, [...path, `f:${key}`], key, entry)
    return
  }
  if (!Array.isArray(value)) {
    found.set(own, value)
    return
  }
  const keys = listKeys(field, value)
  if (keys === 'atomic' || value.length === 0) {
    found.set(own, value)
    return
  }
  for (const item of value) {
    const element = keys === 'set' ? `v:${JSON.stringify(item)}` : itemElement(item, keys)
    found.set([own, element].join(SEPARATOR), true)
    if (keys !== 'set') walk(found, [...path, element], '', item, true)
  }
}

/** A set of paths as managedFields writes it. */
export function encode(paths: Iterable<string>): Fields {
  const root: Fields = {}
  for (const path of [...paths].sort()) {
    let here = root
    for (const element of path.split(SEPARATOR)) {
      const next = here[element]
      if (isFields(next)) here = next
      else here = here[element] = {}
    }
    here['.'] = {}
  }
  dropDots(root)
  return root
}

/** A leaf is `{}`; only what has fields below it and is owned itself carries a dot. */
function dropDots(node: Fields): void {
  if (Object.keys(node).length === 1 && node['.'] !== undefined) delete node['.']
  for (const [key, value] of Object.entries(node))
    if (key !== '.' && isFields(value)) dropDots(value)
}

export function decode(node: Json | undefined, path: readonly string[] = []): Set<string> {
  const found = new Set<string>()
  const entries = Object.entries(isFields(node) ? node : {})
  if (path.length > 0 && (entries.length === 0 || at(node, '.') !== undefined))
    found.add(path.join(SEPARATOR))
  for (const [key, value] of entries)
    if (key !== '.') for (const deeper of decode(value, [...path, key])) found.add(deeper)
  return found
}

/** A path as messages write it: `.spec.template.spec.containers[name="x"].image`. */
export function printable(path: string): string {
  return path
    .split(SEPARATOR)
    .map((element) => {
      const rest = element.slice(2)
      if (element.startsWith('f:')) return `.${rest}`
      if (element.startsWith('v:')) return `[=${rest}]`
      const parsed = parse(rest)
      const keys = Object.entries(isFields(parsed) ? parsed : {}).map(
        ([key, value]) => `${key}=${JSON.stringify(value)}`,
      )
      return `[${keys.join(',')}]`
    })
    .join('')
}
