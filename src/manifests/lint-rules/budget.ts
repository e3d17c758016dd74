// Disruption budgets: one that counts exactly the members, lets one go at a time and never the
// quorum.

import { z } from 'zod'
import type { Finding } from '../../errors.ts'
import { selects, type BudgetShape, type Shaped } from '../shapes.ts'
import { majority } from '../../majority.ts'
import { fault, warning, type LintSubject, type Rule } from './rule.ts'

export const disruptionBudget: Rule = (subject) => {
  const { set, budgets, labels, profile } = subject
  if (profile === 'none') return []
  const [budget, second] = budgets.filter(({ shape }) => selects(shape.spec.selector, labels))
  if (budget === undefined)
    return subject.replicas !== undefined && subject.replicas > 1 ? [missing(subject)] : []
  const found = [...otherPods(budget, subject), ...amount(budget, subject)]
  if (second === undefined) return found
  const name = budget.manifest.object.metadata.name
  return [
    ...found,
    fault(
      second.manifest,
      ['spec', 'selector'],
      `a second budget for the members of ${set.manifest.object.metadata.name} (the first is ${name}): Kubernetes then refuses every eviction`,
      'keep one of the two',
    ),
  ]
}

function missing({ set, budgets }: LintSubject): Finding {
  const fix =
    'add a PodDisruptionBudget (policy/v1) with maxUnavailable: 1 and the selector of the set'
  const [stray] = budgets
  if (stray === undefined)
    return warning(
      set.manifest,
      ['spec'],
      'these manifests have no disruption budget for the members: unless another one has, drains of several nodes may take all at once',
      fix,
    )
  return warning(
    stray.manifest,
    ['spec', 'selector'],
    `budget ${stray.manifest.object.metadata.name} doesn't select the members of ${set.manifest.object.metadata.name}, and no other budget does`,
    'give it the selector of the set',
  )
}

const templateSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
    }),
  }),
})

/** A budget over foreign pods shows more healthy members than there are. */
function otherPods(
  budget: Shaped<BudgetShape>,
  { manifests, set, namespace }: LintSubject,
): readonly Finding[] {
  return manifests.flatMap((manifest) => {
    const labels = templateSchema.safeParse(manifest.object).data?.spec.template.metadata.labels
    if (
      manifest === set.manifest ||
      labels === undefined ||
      (manifest.object.metadata.namespace ?? namespace) !==
        (budget.manifest.object.metadata.namespace ?? namespace) ||
      !selects(budget.shape.spec.selector, labels)
    )
      return []
    const other = `${manifest.object.kind.toLowerCase()}/${manifest.object.metadata.name}`
    return [
      fault(
        budget.manifest,
        ['spec', 'selector'],
        `the budget counts the pods of ${other} as members as well`,
        'narrow the selector to the members',
      ),
    ]
  })
}

function amount(
  budget: Shaped<BudgetShape>,
  { replicas: members, profile }: LintSubject,
): readonly Finding[] {
  const { manifest, shape } = budget
  const { minAvailable, maxUnavailable } = shape.spec
  const field = ['spec', minAvailable === undefined ? 'maxUnavailable' : 'minAvailable']
  const fix = 'write maxUnavailable: 1'
  if (minAvailable !== undefined && maxUnavailable !== undefined)
    return [
      fault(
        manifest,
        field,
        'minAvailable and maxUnavailable exclude each other',
        'keep maxUnavailable: 1',
      ),
    ]
  if (members === undefined) return []
  const allowed = allowedBy(shape.spec, members)
  if (allowed <= 0) return [warning(manifest, field, letsNoneGo(members), fix)]
  // Nobody is left to keep a quorum. Of two members neither may go, and no budget that lets drains
  // through can help it: the number of members has its own warning.
  if (members < 2 || (members === 2 && allowed === 1)) return []
  if (profile === 'zookeeper' && members - allowed < majority(members))
    return [
      fault(
        manifest,
        field,
        `the budget lets ${allowed} of ${members} members go at once, the quorum needs ${majority(members)}`,
        fix,
      ),
    ]
  const doubts = [
    allowed > 1
      ? `the budget lets ${allowed} members go at once: a failure in that time costs the quorum`
      : undefined,
    typeof minAvailable === 'number'
      ? `minAvailable: ${minAvailable} is right for ${members} members only and says the wrong thing after scaling`
      : undefined,
  ]
  return doubts.flatMap((doubt) =>
    doubt === undefined ? [] : [warning(manifest, field, doubt, fix)],
  )
}

/** How many of the members it lets go at once. */
function allowedBy({ minAvailable, maxUnavailable }: BudgetShape['spec'], members: number): number {
  return maxUnavailable === undefined
    ? members - share(minAvailable ?? 1, members)
    : share(maxUnavailable, members)
}

function letsNoneGo(members: number): string {
  return members < 2
    ? 'the budget never lets the only member go: every drain of its node will be refused'
    : `the budget lets none of ${members} members go: every drain will be refused`
}

/** Percentages are rounded up, as the disruption controller does. */
function share(value: number | string, members: number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d+)%$/.exec(value)?.[1]
  return percent === undefined ? Number(value) || 0 : Math.ceil((Number(percent) / 100) * members)
}
