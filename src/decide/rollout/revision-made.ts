// Which revision a pod template makes: the controller takes the one that it has where one is equal,
// and a template that anybody added a field to makes another.

import { isDeepStrictEqual } from 'node:util'
import type { RevisionView } from '../../view/revision.ts'

/**
 * Name of the revision with this template, as the cluster would keep it; undefined where the
 * history has none. What is `null` in one of them (`creationTimestamp`, by versions) is left out.
 */
export function revisionMade(
  template: unknown,
  revisions: readonly Pick<RevisionView, 'name' | 'template'>[],
): string | undefined {
  // What can't be read is equal to nothing.
  if (template === undefined) return undefined
  const wanted = withoutNulls(template)
  return revisions.find(
    (one) => one.template !== undefined && isDeepStrictEqual(withoutNulls(one.template), wanted),
  )?.name
}

function withoutNulls(value: unknown): unknown {
  const text = JSON.stringify(value, (_key, part: unknown) => (part === null ? undefined : part))
  return JSON.parse(text) as unknown
}
