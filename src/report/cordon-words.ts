// How nodes and our cordons on them stand at the end of a drain, in words.

import type { SeenNode } from './recorder.ts'

/** How nodes stand that were all drained. */
export function drainedInWords(
  rows: readonly Pick<SeenNode, 'node' | 'cordon'>[],
  uncordoned: boolean,
): string {
  const but = rows
    .filter(({ cordon }) => cordon === (uncordoned ? 'theirs' : 'none'))
    .map(({ node }) => node)
  if (uncordoned)
    return `every node was drained and uncordoned${but.length === 0 ? '' : `, but for ${but.join(', ')}: cordoned by somebody else, and left so`}`
  if (but.length > 0 && but.length === rows.length)
    return 'every node was drained, and none is cordoned any more'
  return `every node was drained, and stays cordoned${but.length === 0 ? '' : `, but for ${but.join(', ')}: not cordoned any more`}`
}

/**
 * How our cordons stand after a drain that ended early. `kept`: nodes that were to stay cordoned
 * whatever happens; `left`: those that could not be uncordoned.
 */
export function cordonsInWords(
  rows: readonly Pick<SeenNode, 'node' | 'cordon' | 'outcome' | 'phases'>[],
  kept: readonly string[],
  left: readonly string[],
): string {
  const handed = rows
    .filter(
      ({ node, outcome, cordon }) =>
        outcome === 'drained' && cordon === 'ours' && !left.includes(node),
    )
    .map(({ node }) => node)
  const stay = [
    ...(kept.length === 0 ? [] : [`${kept.join(', ')} stays cordoned (uncordon: never)`]),
    ...(left.length === 0 ? [] : [`${left.join(', ')} may still be cordoned by us`]),
    ...(handed.length === 0
      ? []
      : [
          `${handed.join(', ')} ${handed.length === 1 ? 'was drained and stays' : 'were drained and stay'} cordoned`,
        ]),
  ]
  const begun = rows.filter(({ phases }) => phases.some(({ phase }) => phase === 'cordon'))
  const back = begun.filter(
    ({ node, cordon }) => cordon !== 'theirs' && ![...kept, ...left, ...handed].includes(node),
  )
  const words = [
    ...stay,
    ...(back.length === 0 ? [] : [`our ${stay.length === 0 ? '' : 'other '}cordons were removed`]),
  ]
  return words.length > 0
    ? words.join(', ')
    : begun.length > 0
      ? 'no cordon of ours is left'
      : 'no node was cordoned'
}
