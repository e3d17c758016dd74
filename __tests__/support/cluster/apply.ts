// Server-side apply and the field ownership that every write leaves behind.

import type { Fields, Json } from './json.ts'
import { at, compact, copy, fields, isFields, items, parse, put, same, text } from './json.ts'
import type { FieldSet } from './schema.ts'
import {
  SEPARATOR,
  decode,
  encode,
  isAtomicMap,
  itemElement,
  listKeys,
  pathsOf,
  printable,
} from './schema.ts'
import { ApiError } from './status.ts'
import { timestamp } from './store.ts'

interface Manager {
  readonly entry: Fields
  readonly paths: Set<string>
}

function managersOf(object: Fields): Manager[] {
  return items(object, 'metadata', 'managedFields')
    .filter(isFields)
    .map((entry) => ({ entry, paths: decode(entry['fieldsV1']) }))
}

function isEntry(manager: Manager, writer: Writer, operation: string): boolean {
  return (
    text(manager.entry, 'manager') === writer.manager &&
    text(manager.entry, 'operation') === operation &&
    text(manager.entry, 'subresource') === (writer.subresource ?? '')
  )
}

/** Who writes: named in managedFields, with the time in milliseconds since the epoch. */
export interface Writer {
  readonly manager: string
  readonly at: number
  /** `scale`: what a write through that subresource leaves. */
  readonly subresource?: string
}

function entryOf(
  writer: Writer,
  operation: string,
  apiVersion: string,
  paths: Set<string>,
): Fields {
  return compact({
    manager: writer.manager,
    operation,
    apiVersion,
    time: timestamp(writer.at),
    fieldsType: 'FieldsV1',
    fieldsV1: encode(paths),
    subresource: writer.subresource,
  })
}

function writeManagers(object: Fields, managers: readonly Manager[]): void {
  const kept = managers
    .filter((manager) => manager.paths.size > 0)
    .map(({ entry, paths }) =>
      decode(entry['fieldsV1']).size === paths.size ? entry : { ...entry, fieldsV1: encode(paths) },
    )
  put(object, ['metadata', 'managedFields'], kept.length === 0 ? undefined : kept)
}

/**
 * Paths whose value differs between two objects: those that are new or changed, and those that are
 * gone.
 */
function compare(
  before: FieldSet,
  after: FieldSet,
): { changed: Set<string>; removed: Set<string> } {
  const changed = new Set<string>()
  for (const [path, value] of after)
    if (!before.has(path) || !same(before.get(path), value)) changed.add(path)
  return { changed, removed: new Set([...before.keys()].filter((path) => !after.has(path))) }
}

/** Ownership after a write that isn't an apply: what changed belongs to the writer now. */
export function recordUpdate(
  before: Fields | undefined,
  after: Fields,
  writer: Writer,
  apiVersion: string,
): void {
  const { changed, removed } = compare(
    before === undefined ? new Map<string, Json>() : pathsOf(before),
    pathsOf(after),
  )
  if (changed.size === 0 && removed.size === 0) return
  const managers = managersOf(after)
  const own = managers.find((candidate) => isEntry(candidate, writer, 'Update'))
  for (const candidate of managers)
    for (const path of [...changed, ...removed])
      if (candidate !== own || removed.has(path)) candidate.paths.delete(path)
  const paths = new Set([...(own?.paths ?? []), ...changed])
  const rest = managers.filter((candidate) => candidate !== own)
  writeManagers(after, [...rest, { entry: entryOf(writer, 'Update', apiVersion, paths), paths }])
}

/**
 * The object that an apply makes of a live one, ownership included; throws the 409 of a conflict.
 */
export function applied(
  live: Fields | undefined,
  wanted: Fields,
  writer: Writer,
  apiVersion: string,
  force: boolean,
): Fields {
  const wantedPaths = pathsOf(wanted)
  const merged = live === undefined ? copy(wanted) : fields(merge(copy(live), wanted, ''))
  const managers = live === undefined ? [] : managersOf(live)
  const own = managers.find((candidate) => isEntry(candidate, writer, 'Apply'))
  const others = managers.filter((candidate) => candidate !== own)
  if (live !== undefined) {
    const { changed } = compare(pathsOf(live), pathsOf(merged))
    const conflicts = others.flatMap((other) =>
      [...changed].filter((path) => other.paths.has(path)).map((path) => ({ other, path })),
    )
    if (conflicts.length > 0 && !force) throw conflictError(conflicts)
    for (const { other, path } of conflicts) other.paths.delete(path)
    for (const path of own?.paths ?? [])
      if (!wantedPaths.has(path) && !others.some((other) => other.paths.has(path)))
        removePath(merged, path.split(SEPARATOR))
  }
  const paths = new Set(wantedPaths.keys())
  const unchanged =
    own !== undefined &&
    own.paths.size === paths.size &&
    [...paths].every((path) => own.paths.has(path))
  writeManagers(merged, [
    ...(unchanged ? [own] : [{ entry: entryOf(writer, 'Apply', apiVersion, paths), paths }]),
    ...others,
  ])
  return merged
}

function merge(live: Json | undefined, wanted: Json, field: string): Json {
  if (isFields(wanted) && isFields(live) && (field === '' || !isAtomicMap(field, wanted))) {
    const result: Fields = { ...live }
    for (const [key, value] of Object.entries(wanted))
      if (value !== null) result[key] = merge(live[key], value, key)
    return result
  }
  if (!Array.isArray(wanted) || !Array.isArray(live)) return copy(wanted)
  const keys = listKeys(field, wanted)
  if (keys === 'atomic') return copy(wanted)
  if (keys === 'set') return [...live, ...wanted.filter((item) => !live.includes(item))]
  const found = new Map(live.map((item) => [itemElement(item, keys), item]))
  const named = new Set(wanted.map((item) => itemElement(item, keys)))
  const kept = live.filter((item) => !named.has(itemElement(item, keys)))
  return [...wanted.map((item) => merge(found.get(itemElement(item, keys)), item, '')), ...kept]
}

/** Removes a field, and the objects above it that it leaves empty. */
function removePath(node: Json | undefined, path: readonly string[]): void {
  const [element, ...rest] = path
  if (element === undefined) return
  if (Array.isArray(node)) {
    const index = node.findIndex((item) =>
      element.startsWith('v:') ? element === `v:${JSON.stringify(item)}` : isItem(item, element),
    )
    if (index < 0) return
    if (rest.length === 0) node.splice(index, 1)
    else removePath(node[index], rest)
    return
  }
  if (!isFields(node)) return
  const key = element.slice(2)
  if (rest.length > 0) removePath(node[key], rest)
  const left = at(node, key)
  const empty = Array.isArray(left)
    ? left.length === 0
    : isFields(left) && Object.keys(left).length === 0
  if (rest.length === 0 || empty) delete node[key]
}

function isItem(item: Json, element: string): boolean {
  const keys = Object.keys(fields(parse(element.slice(2))))
  return itemElement(item, keys) === element
}

function conflictError(
  conflicts: readonly { readonly other: Manager; readonly path: string }[],
): ApiError {
  const described = conflicts.map(({ other, path }) => {
    const version =
      text(other.entry, 'operation') === 'Apply' ? '' : ` using ${text(other.entry, 'apiVersion')}`
    const part = text(other.entry, 'subresource')
    return {
      manager: `"${text(other.entry, 'manager')}"${part === '' ? '' : ` with subresource "${part}"`}${version}`,
      field: printable(path),
    }
  })
  const causes: Json[] = described.map(({ manager, field }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field,
  }))
  const managers = [...new Set(described.map(({ manager }) => manager))].sort()
  const lines = managers.flatMap((manager) => [
    `conflicts with ${manager}:`,
    ...described.filter((entry) => entry.manager === manager).map((entry) => `- ${entry.field}`),
  ])
  const first = described[0]
  const message =
    described.length === 1 && first !== undefined
      ? `1 conflict: conflict with ${first.manager}: ${first.field}`
      : `${described.length} conflicts: ${lines.join('\n')}`
  return new ApiError(409, 'Conflict', `Apply failed with ${message}`, compact({ causes }))
}
