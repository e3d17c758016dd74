// A disruption budget that counts members by number must move with their number: minAvailable 2 of
// three is safe, of five it is not.

import { z } from 'zod'
import type { KubeObject } from '../kube/kube.ts'

const budgetSpec = z.looseObject({ minAvailable: z.union([z.number(), z.string()]).nullish() })

/**
 * The budget for `to` members: as many may be down as before, at least one of three and more, never
 * so many that the rest is no majority. One that counts by
 * `maxUnavailable` or in percent is right for any number and stays as it is (the same object).
 */
export function budgetFor(budget: KubeObject, from: number, to: number): KubeObject {
  const spec = budgetSpec.safeParse(budget['spec']).data
  if (typeof spec?.minAvailable !== 'number') return budget
  const down = Math.min(
    Math.max(from - spec.minAvailable, to >= 3 ? 1 : 0),
    Math.floor((to - 1) / 2),
  )
  const minAvailable = to - Math.max(0, down)
  return minAvailable === spec.minAvailable
    ? budget
    : { ...budget, spec: { ...spec, minAvailable } }
}
