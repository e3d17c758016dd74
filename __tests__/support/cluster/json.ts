// The simulated cluster keeps objects as plain JSON, as the API sees them: reading by path,
// comparing and patching live here.

export type Json = null | boolean | number | string | Json[] | Fields
export interface Fields {
  [field: string]: Json
}
export type Path = readonly (string | number)[]

/** Text → JSON; throws what JSON.parse throws. */
export function parse(text: string): Json {
  const parsed: unknown = JSON.parse(text)
  if (!isJson(parsed)) throw new TypeError('not JSON')
  return parsed
}

/** What JSON.parse gives is nothing else: its inside is not looked at. */
function isJson(value: unknown): value is Json {
  return value !== undefined && typeof value !== 'function'
}

/** One that nobody else holds; structuredClone takes several times as long. */
export function copy<T extends Json | undefined>(value: T): T
export function copy(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => copy(item))
  if (!isFields(value)) return value
  const made: Fields = {}
  for (const [field, inner] of Object.entries(value)) made[field] = copy(inner)
  return made
}

export function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function at(value: Json | undefined, ...path: Path): Json | undefined {
  let here = value
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    if (!Array.isArray(here)) here = here[step]
    else here = typeof step === 'number' ? here[step] : undefined
  }
  return here
}

/** The string at the path; '' when there is none. */
export function text(value: Json | undefined, ...path: Path): string {
  const found = at(value, ...path)
  return typeof found === 'string'
    ? found
    : typeof found === 'number' || typeof found === 'boolean'
      ? String(found)
      : ''
}

export function number(value: Json | undefined, path: Path, fallback = 0): number {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : fallback
}

/** The object at the path; an empty one that belongs to nobody when there is none. */
export function fields(value: Json | undefined, ...path: Path): Fields {
  const found = at(value, ...path)
  return isFields(found) ? found : {}
}

export function items(value: Json | undefined, ...path: Path): Json[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

export function strings(value: Json | undefined, ...path: Path): string[] {
  return items(value, ...path).filter((item) => typeof item === 'string')
}

/** Sets a field, making the objects on the way; undefined removes it. */
export function put(
  root: Fields,
  path: readonly [string, ...string[]],
  value: Json | undefined,
): void {
  let here = root
  for (const step of path.slice(0, -1)) {
    const next = here[step]
    if (isFields(next)) here = next
    else here = here[step] = {}
  }
  const last = path[path.length - 1] ?? path[0]
  if (value === undefined) delete here[last]
  else here[last] = value
}

/** Sets a field that has no value yet. */
export function fill(root: Fields, path: readonly [string, ...string[]], value: Json): void {
  if (at(root, ...path) === undefined) put(root, path, value)
}

/**
 * Deep equality; not node:util's, which takes equal objects of two realms (a test runner has two)
 * for different.
 */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => same(item, b[index]))
  if (!isFields(a) || !isFields(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => same(a[key], b[key]))
}

/** Without the fields that are absent, so that objects can be written with optional parts. */
export function compact(value: { readonly [field: string]: Json | undefined }): Fields {
  const result: Fields = {}
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) result[key] = entry
  return result
}

/** JSON merge patch (RFC 7386). */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isFields(patch)) return copy(patch)
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

/**
 * JSON patch (RFC 6902): add, replace, remove and test; undefined when an operation doesn't fit.
 */
export function jsonPatch(target: Fields, operations: readonly Json[]): Fields | undefined {
  const root: Fields = { '': copy(target) }
  for (const operation of operations) {
    const steps = text(operation, 'path')
      .split('/')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = steps.pop()
    const parent = steps.reduce<Json | undefined>(
      (here, step) => (Array.isArray(here) ? here[Number(step)] : at(here, step)),
      root,
    )
    const value = at(operation, 'value')
    if (last === undefined || !change(parent, last, text(operation, 'op'), value)) return undefined
  }
  return fields(root[''])
}

function change(
  parent: Json | undefined,
  key: string,
  op: string,
  value: Json | undefined,
): boolean {
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : Number(key)
    const present = index < parent.length
    if (op === 'test') return same(parent[index], value)
    if (op === 'remove') return present && parent.splice(index, 1).length === 1
    if (value === undefined || (op === 'replace' && !present)) return false
    parent.splice(index, op === 'replace' ? 1 : 0, value)
    return true
  }
  if (!isFields(parent)) return false
  if (op === 'test') return same(parent[key], value)
  if (op !== 'add' && parent[key] === undefined) return false
  if (op === 'remove') delete parent[key]
  else if (value !== undefined) parent[key] = value
  return true
}
