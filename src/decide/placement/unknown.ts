// What keeps a pod's place from being judged at all.

import type { PlacedPod, PodTerm } from '../../view/scheduling.ts'
import type { Board } from './board.ts'
import { selects } from './select.ts'

const USUAL = 'default-scheduler'

/** Undefined when it can be judged. */
export function whyUnknown(pod: PlacedPod, board: Board): string | undefined {
  const { unread } = board.cluster
  const { demands } = pod
  if (unread.nodes !== undefined) return unread.nodes
  if (unread.pods !== undefined) return unread.pods
  if (demands.scheduler !== USUAL)
    return `the scheduler ${demands.scheduler} decides on it, by rules of its own`
  if (demands.gates.length > 0)
    return `it is held by the scheduling ${demands.gates.length === 1 ? 'gate' : 'gates'} ${demands.gates.join(', ')}`
  if (demands.resourceClaims.length > 0)
    return `it has resource claims (${demands.resourceClaims.join(', ')}), which only the scheduler can allocate`
  if (unread.namespaces !== undefined && demands.affinity.some(byNamespace))
    return `its pod affinity selects namespaces, and ${unread.namespaces}`
  if (unread.limits !== undefined && board.storage.attached(pod).length > 0)
    return `its volumes count against a limit of the node, and ${unread.limits}`
  return board.storage.of(pod).doubt
}

/**
 * For a pod that nothing took: a term of anti-affinity that may not have meant it, had the
 * namespaces been known.
 */
export function whyKeptApartUnknown(
  { demands, labels }: PlacedPod,
  board: Board,
): string | undefined {
  const { namespaces } = board.cluster.unread
  if (namespaces === undefined) return undefined
  const theirs = [...board.apart].some(({ terms }) =>
    terms.some((term) => byNamespace(term) && selects(term.selector, labels)),
  )
  return theirs || demands.antiAffinity.some(byNamespace)
    ? `pods are kept apart by the labels of namespaces, and ${namespaces}`
    : undefined
}

function byNamespace({ namespaceSelector }: PodTerm): boolean {
  return (
    namespaceSelector !== undefined &&
    (Object.keys(namespaceSelector.matchLabels).length > 0 ||
      namespaceSelector.matchExpressions.length > 0)
  )
}
