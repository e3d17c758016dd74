// The disruption controller: what each PodDisruptionBudget allows at the moment.

import type { Json } from '../json.ts'
import { at, compact, fields, number, put, text } from '../json.ts'
import { KINDS, kindOf } from '../kinds.ts'
import { selects } from '../select.ts'
import type { Stored } from '../store.ts'
import {
  controllerOf,
  isDeleting,
  isReady,
  labelsOf,
  nameOf,
  namespaceOf,
  podsOf,
  setCondition,
  uidOf,
} from '../store.ts'
import type { World } from '../world.ts'

const BUDGET = kindOf('PodDisruptionBudget')
const SOURCE = { component: 'controllermanager' }
/** An eviction that the controller hasn't seen through counts against the budget that long. */
const DISRUPTED_MS = 120_000

export function budgetsOf(world: World, pod: Stored): Stored[] {
  return world.store
    .list(BUDGET, namespaceOf(pod))
    .filter((budget) => selects(at(budget, 'spec', 'selector'), labelsOf(pod)))
}

export function syncBudgets(world: World): void {
  for (const budget of world.store.list(BUDGET)) sync(world, budget)
}

function scaled(value: Json | undefined, total: number): number {
  const percent = /^(\d+)%$/.exec(text(value))
  return percent === null ? Number(text(value)) : Math.ceil((total * Number(percent[1])) / 100)
}

/** The replicas that the pods' controllers want; pods of no controller are left out. */
function wantedPods(world: World, pods: readonly Stored[]): number {
  const owners = new Map<string, number>()
  for (const pod of pods) {
    const reference = controllerOf(pod)
    const kind = KINDS.find((candidate) => candidate.kind === text(reference, 'kind'))
    const owner =
      kind === undefined
        ? undefined
        : world.store.get(kind, namespaceOf(pod), text(reference, 'name'))
    if (owner !== undefined) owners.set(uidOf(owner), number(owner, ['spec', 'replicas'], 1))
  }
  return [...owners.values()].reduce((sum, replicas) => sum + replicas, 0)
}

function sync(world: World, budget: Stored): void {
  const pods = podsOf(world.store, namespaceOf(budget)).filter((pod) =>
    selects(at(budget, 'spec', 'selector'), labelsOf(pod)),
  )
  if (pods.length === 0 && at(budget, 'status', 'observedGeneration') === undefined)
    world.event(budget, 'Normal', 'NoPods', 'No matching pods found', SOURCE)
  const least = at(budget, 'spec', 'minAvailable')
  const most = at(budget, 'spec', 'maxUnavailable')
  const expected = typeof least === 'number' ? pods.length : wantedPods(world, pods)
  const desired =
    most === undefined ? scaled(least, expected) : Math.max(0, expected - scaled(most, expected))
  const disrupted = Object.entries(fields(budget, 'status', 'disruptedPods')).filter(
    ([name, since]) => {
      const pod = pods.find((candidate) => nameOf(candidate) === name)
      return (
        pod !== undefined &&
        !isDeleting(pod) &&
        Date.parse(text(since)) + DISRUPTED_MS > world.store.now()
      )
    },
  )
  const out = new Set(disrupted.map(([name]) => name))
  const healthy = pods.filter(
    (pod) => isReady(pod) && !isDeleting(pod) && !out.has(nameOf(pod)),
  ).length
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired)
  world.store.edit(BUDGET, budget, (draft) => {
    const generation = number(draft, ['metadata', 'generation'])
    const conditions = at(draft, 'status', 'conditions')
    put(
      draft,
      ['status'],
      compact({
        observedGeneration: generation,
        disruptedPods: disrupted.length === 0 ? undefined : Object.fromEntries(disrupted),
        disruptionsAllowed: allowed,
        currentHealthy: healthy,
        desiredHealthy: desired,
        expectedPods: expected,
        conditions,
      }),
    )
    setCondition(draft, world.store.now(), 'DisruptionAllowed', allowed > 0 ? 'True' : 'False', {
      observedGeneration: generation,
      reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
      message: '',
    })
  })
  if (disrupted.length > 0) world.afterReal(5000, () => world.wake())
}
