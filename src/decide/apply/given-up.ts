// What an apply removes that its dry run can't show: fields that were somebody's own, become
// ours with the object, and that the manifest no longer has.

import { isTree, parseKey, type Tree } from '../../manifests/fields-v1.ts'

export interface Owners {
  /** FieldsV1 of what becomes ours. */
  readonly taken: readonly unknown[]
  /** FieldsV1 of what stays others'. */
  readonly kept: readonly unknown[]
}

/**
 * `object` without what was taken, is not in `wanted` and is nobody else's. Defaults among it come
 * back by the server.
 */
export function withoutGivenUp(object: unknown, wanted: unknown, { taken, kept }: Owners): unknown {
  return taken.reduce<unknown>(
    (left, tree) => without(left, wanted, tree, kept.filter(isTree)),
    object,
  )
}

function without(value: unknown, wanted: unknown, taken: unknown, kept: readonly Tree[]): unknown {
  if (!isTree(taken)) return value
  const steps = Object.entries(taken).filter(([key]) => key !== '.')
  if (Array.isArray(value))
    return value.flatMap((item: unknown) => itemLeft(item, wanted, steps, kept))
  if (!isTree(value)) return value
  const left: Record<string, unknown> = { ...value }
  for (const [key, below] of steps) {
    if (!key.startsWith('f:')) continue
    const name = key.slice(2)
    if (!Object.hasOwn(left, name)) continue
    const inWanted = isTree(wanted) ? wanted[name] : undefined
    const others = beneath(kept, key)
    if (inWanted === undefined && others.length === 0) delete left[name]
    else left[name] = without(left[name], inWanted, below, others.filter(isTree))
  }
  return left
}

function itemLeft(
  item: unknown,
  wanted: unknown,
  steps: readonly (readonly [string, unknown])[],
  kept: readonly Tree[],
): readonly unknown[] {
  const step = steps.find(([key]) => isItem(key, item))
  if (step === undefined) return [item]
  const [key, below] = step
  const same: unknown = Array.isArray(wanted)
    ? wanted.find((one: unknown) => isItem(key, one))
    : undefined
  const others = beneath(kept, key)
  if (same === undefined)
    return others.length === 0 ? [] : [without(item, undefined, below, others.filter(isTree))]
  return [without(item, same, below, others.filter(isTree))]
}

function beneath(trees: readonly Tree[], key: string): readonly unknown[] {
  return trees.flatMap((tree) => (Object.hasOwn(tree, key) ? [tree[key]] : []))
}

/**
 * `k:{"name":"zookeeper"}` names a list's item by its keys, `v:"x"` by its value. A key that is a
 * default may be left out of a manifest: then it does not stand against it.
 */
function isItem(key: string, item: unknown): boolean {
  const named = parseKey(key.slice(2))
  if (key.startsWith('v:')) return item === named
  if (!key.startsWith('k:') || !isTree(named) || !isTree(item)) return false
  return Object.entries(named).every(
    ([name, value]) => item[name] === value || (item[name] === undefined && name === 'protocol'),
  )
}
