// pods/eviction: what the budgets say, in the order and the words of the real server.

import type { Fields } from './json.ts'
import { at, fields, number, put, text } from './json.ts'
import { kindOf } from './kinds.ts'
import { budgetsOf } from './controllers/budgets.ts'
import { checkPreconditions, removeObject } from './deletion.ts'
import { ApiError, badRequest, internal, notFound, tooManyRequests } from './status.ts'
import type { Stored } from './store.ts'
import { isDeleting, isReady, nameOf, setCondition, timestamp } from './store.ts'
import type { World } from './world.ts'

const POD = kindOf('Pod')
const BUDGET = kindOf('PodDisruptionBudget')
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."

/** Evicts, or only asks when it is a dry run; throws the server's refusal. */
export function evict(
  world: World,
  namespace: string,
  name: string,
  body: Fields,
  dryRun: boolean,
): Fields {
  const asked = text(body, 'metadata', 'name')
  if (asked !== '' && asked !== name)
    throw badRequest('name in URL does not match name in Eviction object')
  const pod = world.store.get(POD, namespace, name)
  if (pod === undefined) throw notFound(POD, name)
  const home = world.store.get(kindOf('Namespace'), '', namespace)
  if (home !== undefined && isDeleting(home)) throw terminating(name, namespace)
  const options = fields(body, 'deleteOptions')
  const unguarded =
    isDeleting(pod) || ['Pending', 'Succeeded', 'Failed'].includes(text(pod, 'status', 'phase'))
  if (!unguarded) checkBudgets(world, pod, dryRun)
  checkPreconditions(POD, pod, options)
  if (!dryRun && !isDeleting(pod)) {
    const marked = world.store.edit(POD, pod, (draft) =>
      setCondition(draft, world.store.now(), 'DisruptionTarget', 'True', {
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      }),
    )
    removeObject(world, POD, marked ?? pod, options)
  }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
}

function checkBudgets(world: World, pod: Stored, dryRun: boolean): void {
  const budgets = budgetsOf(world, pod)
  if (budgets.length > 1)
    throw internal(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  const budget = budgets[0]
  if (budget === undefined) return
  const status = fields(budget, 'status')
  const healthy = number(status, ['currentHealthy'])
  const desired = number(status, ['desiredHealthy'])
  if (
    !isReady(pod) &&
    (text(budget, 'spec', 'unhealthyPodEvictionPolicy') === 'AlwaysAllow' ||
      (desired > 0 && healthy >= desired))
  )
    return
  if (number(status, ['observedGeneration']) < number(budget, ['metadata', 'generation'])) {
    throw tooManyRequests(
      REFUSED,
      [
        {
          reason: 'DisruptionBudget',
          message: `The disruption budget ${nameOf(budget)} is still being processed by the server.`,
        },
      ],
      10,
    )
  }
  if (number(status, ['disruptionsAllowed']) <= 0) {
    throw tooManyRequests(REFUSED, [
      {
        reason: 'DisruptionBudget',
        message: `The disruption budget ${nameOf(budget)} needs ${desired} healthy pods and has ${healthy} currently`,
      },
    ])
  }
  if (dryRun) return
  world.store.edit(BUDGET, budget, (draft) => {
    put(
      draft,
      ['status', 'disruptionsAllowed'],
      number(draft, ['status', 'disruptionsAllowed']) - 1,
    )
    put(draft, ['status', 'disruptedPods'], {
      ...fields(at(draft, 'status', 'disruptedPods')),
      [nameOf(pod)]: timestamp(world.store.now()),
    })
  })
}

function terminating(name: string, namespace: string): ApiError {
  const message = `pods "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`
  const causes = [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ]
  return new ApiError(403, 'Forbidden', message, { name, kind: 'pods', causes })
}
