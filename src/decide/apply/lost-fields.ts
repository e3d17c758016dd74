// Which fields other managers would no longer own after an apply: they are taken from them, by
// force or because their value becomes ours.

import { isTree, type Tree } from '../../manifests/fields-v1.ts'
import { handOf, pathsOf } from './hands.ts'

interface Owner {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string | undefined
  readonly fieldsV1?: unknown
}

export interface Lost {
  /** In words: `kubectl set (field manager kubectl-set)`. */
  readonly from: string
  readonly fields: readonly string[]
}

/** `own`: our field manager. An entry of status is nobody's wish. */
export function lostFields(
  before: readonly Owner[],
  after: readonly Owner[],
  own: string,
): readonly Lost[] {
  return before.flatMap((owner): readonly Lost[] => {
    const { manager, operation, subresource } = owner
    if (manager === own || subresource === 'status') return []
    const now = after.find(
      (one) =>
        one.manager === manager && one.operation === operation && one.subresource === subresource,
    )
    const fields = pathsOf(lessOf(owner.fieldsV1, now?.fieldsV1))
    if (fields.length === 0) return []
    const { name } = handOf(manager, subresource)
    return [{ from: name === manager ? name : `${name} (field manager ${manager})`, fields }]
  })
}

/** Leaves of one tree that the other doesn't have. */
function lessOf(tree: unknown, other: unknown): Tree {
  if (!isTree(tree)) return {}
  const there = isTree(other) ? other : {}
  return Object.fromEntries(
    Object.entries(tree).flatMap(([key, below]) => {
      if (!Object.hasOwn(there, key)) return [[key, below] as const]
      const less = lessOf(below, there[key])
      return Object.keys(less).length === 0 ? [] : [[key, less] as const]
    }),
  )
}
