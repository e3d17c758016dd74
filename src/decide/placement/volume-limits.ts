// How many volumes a driver attaches to a node, and volumes that one pod alone may use.

import { reason, takesAll, type Filter } from './filter.ts'

const TOO_MANY = reason('node(s) exceed max volume count', true)
const IN_USE = reason(
  'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
  true,
)

export const volumeRestrictions: Filter = (pod, board) => {
  const { alone } = board.storage.of(pod)
  const used = alone.some(
    (name) =>
      board.tally(pod.demands, pod.namespace, false, (other) => other.claims.includes(name), name)
        .byNode.size > 0,
  )
  return used ? () => IN_USE : takesAll
}

export const volumeLimits: Filter = (pod, board) => {
  const wanted = board.storage.attached(pod)
  if (wanted.length === 0) return takesAll
  return ({ volumes, limits }) => {
    for (const [driver, limit] of limits) {
      const there = volumes.get(driver)
      const added = wanted.filter((one) => one.driver === driver && there?.has(one.handle) !== true)
      if (added.length > 0 && (there?.size ?? 0) + added.length > limit) return TOO_MANY
    }
    return undefined
  }
}
