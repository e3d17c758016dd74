// Room on the node: the number of pods, and every resource that the pod requests. All that is
// lacking is told at once, as the scheduler does.

import type { Filter, Reason } from './filter.ts'

const FULL: Reason = { text: 'Too many pods', byPods: true }

export const resources: Filter = ({ demands }) => {
  const wanted = Object.entries(demands.requests).map(([name, amount]) => ({
    name,
    amount,
    lacking: { text: `Insufficient ${name}`, byPods: true } satisfies Reason,
  }))
  return (node) => {
    let lacking: Reason[] | undefined
    if (node.slots < 1) lacking = [FULL]
    for (const one of wanted)
      if (one.amount > (node.free.get(one.name) ?? 0)) (lacking ??= []).push(one.lacking)
    return lacking
  }
}
