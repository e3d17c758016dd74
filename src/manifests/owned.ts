// The part of a live object that chosen field managers own: what one has to apply to own exactly
// that again, without the defaults that the server added.

import { isDeepStrictEqual } from 'node:util'
import type { KubeObject, ManagedFields } from '../kube/kube.ts'
import { isTree, parseKey, type Tree } from './fields-v1.ts'

/**
 * kubectl's copy of an earlier manifest: no apply may carry it, and nothing may keep it, since of a
 * Secret it holds the values.
 */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
/** The server's own fields. */
const SERVER_METADATA = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'managedFields',
  'selfLink',
])

/**
 * What the API server itself says of an object that nobody's fields were written down for, as soon
 * as somebody applies it.
 */
const BEFORE_FIRST_APPLY: ManagedFields = {
  manager: 'before-first-apply',
  operation: 'Update',
  fieldsV1: {},
}

/**
 * `owner` chooses the entries of managedFields (their format: FieldsV1, `f:` a field, `k:` an item
 * of a list by its keys, `v:` an item by its value, `i:` by its index, `.` the thing
 * itself). Items keep their live order and always carry their keys. Entries that can't be read own
 * nothing; an object without any entry belongs whole to `before-first-apply`.
 */
export function ownedPart(
  object: KubeObject,
  owner: (entry: ManagedFields) => boolean,
): KubeObject {
  const { apiVersion, kind, metadata } = object
  const entries = metadata.managedFields ?? []
  const trees = (entries.length === 0 ? [BEFORE_FIRST_APPLY] : entries)
    .filter(owner)
    .map((entry) => entry.fieldsV1)
    .filter(isTree)
  const { status: _status, ...live } = object
  const picked = pickAll(live, trees)
  const owned = isTree(picked) ? picked : {}
  const ownMetadata = isTree(owned['metadata'])
    ? Object.fromEntries(
        Object.entries(owned['metadata']).filter(([key]) => !SERVER_METADATA.has(key)),
      )
    : {}
  const named = isTree(ownMetadata['annotations'])
    ? Object.keys(ownMetadata['annotations']).filter((key) => key !== LAST_APPLIED)
    : []
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => named.includes(key)),
  )
  const { annotations: _all, ...restOfMetadata } = ownMetadata
  return {
    ...owned,
    apiVersion,
    kind,
    metadata: {
      ...restOfMetadata,
      ...(named.length === 0 ? {} : { annotations }),
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    },
  }
}

const NOTHING = Symbol('nothing')

/** The union of what each tree owns of a value. */
function pickAll(value: unknown, trees: readonly Tree[]): unknown {
  if (trees.length === 0 || value === undefined) return NOTHING
  // A leaf is owned with all that is below it.
  if (trees.some((tree) => Object.keys(tree).length === 0)) return value
  if (Array.isArray(value)) return pickItems(value, trees)
  if (!isTree(value)) return value
  const entries = Object.entries(value).flatMap(([name, field]) => {
    const picked = pickAll(field, below(trees, `f:${name}`))
    return picked === NOTHING ? [] : [[name, picked] as const]
  })
  return entries.length === 0 && !trees.some((tree) => '.' in tree)
    ? NOTHING
    : Object.fromEntries(entries)
}

function pickItems(items: readonly unknown[], trees: readonly Tree[]): unknown {
  const paths = [...new Set(trees.flatMap((tree) => Object.keys(tree)))].filter((path) =>
    /^[kvi]:/.test(path),
  )
  const picked = items.flatMap((item, index) => {
    const chosen = paths.filter((path) => isItem(path, item, index))
    if (chosen.length === 0) return []
    const found = pickAll(
      item,
      chosen.flatMap((path) => below(trees, path)),
    )
    const keys = Object.fromEntries(chosen.flatMap((path) => keysOf(path)))
    if (found === NOTHING) return isTree(item) ? [keys] : [item]
    return [isTree(found) ? { ...keys, ...found } : found]
  })
  return picked.length === 0 && !trees.some((tree) => '.' in tree) ? NOTHING : picked
}

function isItem(path: string, item: unknown, index: number): boolean {
  const wanted = parseKey(path.slice(2))
  if (path.startsWith('v:')) return isDeepStrictEqual(item, wanted)
  if (path.startsWith('i:')) return wanted === index
  return (
    isTree(wanted) &&
    isTree(item) &&
    Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(item[key], value))
  )
}

function keysOf(path: string): readonly (readonly [string, unknown])[] {
  const keys = path.startsWith('k:') ? parseKey(path.slice(2)) : undefined
  return isTree(keys) ? Object.entries(keys) : []
}

function below(trees: readonly Tree[], path: string): readonly Tree[] {
  return trees.map((tree) => tree[path]).filter(isTree)
}
