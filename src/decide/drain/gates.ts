// The gates of a drain: what speaks against taking a node from an ensemble now, and whether time
// alone may end it. All that hold are named, in this order:
//
// 1. The StatefulSet is gone or going: nothing else is asked.
// 2. Another change of it is under way, or members run different revisions (`rollUnderWay`).
// 3. A member on the node would lose its data (`losses`).
// 4. A member, wherever it is, is away, outside of the quorum, or could not be asked (`membersAway`).
// 5. Not exactly one member leads (`leaderOf`).
// 6. The node of another member is not Ready (`nodesNotReady`).
// 7. Without the members on the node there is no quorum (`quorumLeft`).
// 8. Their disruption budgets don't allow it, or there is not exactly one (`budgetGate`).
//
// 3, 7 and 8 are not asked for a node without a member. Of another ensemble on the node 1 means that
// it has no gates, and in 8 a missing budget is no obstacle: that is not ours to fix. Which node is next: node-order.ts.

import { majority } from '../../majority.ts'
import type { Finding } from '../../errors.ts'
import type { EnsembleView, NodeView } from '../../view/surroundings.ts'
import type { SetView } from '../../view/workload.ts'
import type { BudgetVerdict } from './budget.ts'
import { memberStandings, observed, ownPods } from '../members/members.ts'
import { isUnreached, serves, type MemberNow } from '../rollout/roll.ts'

/** How the ensemble stands before a node is taken. */
export interface Standing {
  readonly view: EnsembleView
  readonly members: readonly MemberNow[]
  /** Whether the members elect a leader. */
  readonly elects: boolean
  /** Undefined where nodes can't be read. */
  readonly nodes: readonly NodeView[] | undefined
  /**
   * Names and verdict of the budgets that select its members; undefined where they may not be read.
   */
  readonly budgets:
    | { readonly names: readonly string[]; readonly verdict: BudgetVerdict }
    | undefined
  /** Somebody else's ensemble: that it has no budget is not ours to fix. */
  readonly neighbour?: boolean
  /** What the record says to be under way, in words, and what ends it. */
  readonly underWay: { readonly words: string; readonly end: string } | undefined
  /** What members that go would lose for good. */
  readonly losses: readonly Finding[]
}

/**
 * A reason not to take a node. `passes`: time alone may end it, so it is worth a wait; `blocked`: a
 * budget that may allow it later.
 */
export interface Obstacle {
  readonly what: string
  readonly fix: string
  readonly passes: boolean
  readonly blocked?: boolean
}

/** Members that stand on this node. */
export function membersOn(view: EnsembleView, node: string): readonly string[] {
  return ownPods(view)
    .filter((pod) => pod.node === node && pod.phase !== 'Succeeded' && pod.phase !== 'Failed')
    .map((pod) => pod.name)
}

/**
 * Everything that speaks against draining the node now; empty: it may be drained. A node without a
 * member waits too while the ensemble is hurt: no member is to lose a place to go to.
 */
export function gates(standing: Standing, node: string): readonly Obstacle[] {
  const { view, members, elects } = standing
  const { set } = view
  // Of somebody else's that is gone or going there is no quorum left to keep: its pods are evicted
  // like any other, as kubectl drain does.
  if (standing.neighbour === true && (set === undefined || set.deleting)) return []
  const name = set?.name ?? 'the ensemble'
  if (set === undefined || set.deleting)
    return [
      {
        what: `${set === undefined ? 'its StatefulSet' : `statefulset/${name}`} is not there any more`,
        fix: 'Check name and namespace.',
        passes: false,
      },
    ]
  const on = membersOn(view, node)
  return [
    ...rollUnderWay(standing),
    ...(on.length === 0
      ? []
      : standing.losses.map(({ message, fix = '' }): Obstacle => ({
          what: message,
          fix,
          passes: false,
        }))),
    ...membersAway(standing, node),
    ...(elects ? leaderOf(members) : []),
    ...nodesNotReady(standing, node),
    ...(on.length === 0 ? [] : [...quorumLeft(members, on), ...budgetGate(standing, name)]),
  ]
}

function rollUnderWay({ view, underWay, members }: Standing): readonly Obstacle[] {
  const { set } = view
  if (set === undefined) return []
  if (underWay !== undefined)
    return [
      {
        what: underWay.words,
        fix: underWay.end,
        passes: false,
      },
    ]
  if (!observed(set))
    return [
      {
        what: `the StatefulSet controller has not seen the last change of ${set.name} yet`,
        fix: 'Wait until it has; operation: status says what it waits for.',
        passes: true,
      },
    ]
  const rolling =
    set.status.currentRevision !== set.status.updateRevision &&
    members.some((member) => !member.atRevision || member.state === 'old-revision')
  const waits =
    set.strategy.type === 'OnDelete'
      ? ownPods(view).filter((pod) => pod.revision !== set.status.updateRevision)
      : []
  if (waits.length > 0)
    return [
      {
        what: `${waits.map((pod) => pod.name).join(', ')} would come back at another revision (updateStrategy OnDelete)`,
        fix: 'Finish the rollout with a deploy or a restart first.',
        passes: false,
      },
    ]
  return rolling
    ? [
        {
          what: `a rollout of ${set.name} is under way: members run different revisions`,
          fix: 'Finish it with a deploy, or roll it back with operation: undo.',
          passes: false,
        },
      ]
    : []
}

/**
 * What somebody else has done to the set since `before`: who may go was judged by that one, and the
 * controller takes members down without asking any budget. Undefined: nothing.
 */
export function overtaken(
  before: SetView | undefined,
  view: EnsembleView,
  now: number,
): Pick<Obstacle, 'what' | 'passes'> | undefined {
  const { set } = view
  const name = before?.name ?? ''
  if (before === undefined || set === undefined || set.uid !== before.uid || set.deleting)
    return { what: `statefulset/${name} was deleted`, passes: false }
  if (set.replicas !== before.replicas)
    return {
      what: `statefulset/${name} was scaled from ${before.replicas} to ${set.replicas}`,
      passes: false,
    }
  if (!observed(set))
    return {
      what: `the StatefulSet controller has not seen the last change of ${name} yet`,
      passes: true,
    }
  const rolling =
    set.status.updateRevision !== before.status.updateRevision ||
    (set.generation !== before.generation &&
      memberStandings(view, now).some(({ atRevision, uid }) => uid !== undefined && !atRevision))
  return rolling ? { what: `a rollout of ${name} was begun`, passes: false } : undefined
}

function membersAway(standing: Standing, node: string): readonly Obstacle[] {
  return standing.members.flatMap((member) => {
    const fix = `${offBrokenNode(standing, member, node)}operation: status says why; kubectl -n ${standing.view.set?.namespace ?? ''} describe pod ${member.pod}`
    if (member.state === 'extra')
      return [{ what: `${member.pod} is ${member.text}`, fix, passes: true }]
    if (member.state !== 'available' && member.state !== 'old-revision')
      return [{ what: `${member.pod} is ${member.text}`, fix, passes: member.state !== 'failed' }]
    if (isUnreached(member))
      return [
        {
          what: `${member.pod} could not be reached: whether it serves is not known`,
          fix: `operation: verify says why it could not be reached; ${fix}`,
          passes: true,
        },
      ]
    return serves(member)
      ? []
      : [
          {
            what: `${member.pod} is available, but does not serve (${member.role ?? 'not asked'})`,
            fix,
            passes: true,
          },
        ]
  })
}

/**
 * A node may be drained because of just what ails its member: how that one gets off it by hand,
 * where nobody is served by it and all the others serve.
 */
function offBrokenNode(
  { view, members, nodes }: Standing,
  member: MemberNow,
  node: string,
): string {
  const there = ownPods(view).some((pod) => pod.uid === member.uid && pod.node === node)
  if (
    !there ||
    serves(member) ||
    isUnreached(member) ||
    members.some((other) => other !== member && !serves(other))
  )
    return ''
  if (nodes?.find(({ name }) => name === node)?.ready === false) {
    return `${node} itself is not Ready: bring it back. Only if its machine is off for certain, have its pods made on other nodes: kubectl taint nodes ${node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute; remove that taint before the machine is started again. `
  }
  if (member.state === 'terminating') return ''
  return `It serves nobody, so it can be moved by hand if another node has room for it: kubectl cordon ${node} && kubectl delete pod ${member.pod} -n ${view.set?.namespace ?? ''}. Drain ${node} once it serves on that node. `
}

function leaderOf(members: readonly MemberNow[]): readonly Obstacle[] {
  // Who could not be asked may be the leader: what is not known is told elsewhere, and refused
  // where it matters.
  const silent = members
    .filter(
      (member) =>
        member.state === 'available' && (member.role === undefined || member.role === 'unknown'),
    )
    .map((member) => member.pod)
  if (silent.length > 0) {
    return [
      {
        what: `${silent.join(', ')} could not be asked who leads`,
        fix: 'Allow pods/portforward or pods/exec, and see that the client port answers without TLS.',
        passes: true,
      },
    ]
  }
  const leaders = members.filter((member) => member.role === 'leader').map((member) => member.pod)
  if (leaders.length === 1) return []
  const alone = members.length === 1 && members[0]?.role === 'standalone'
  if (alone) return []
  return [
    {
      what:
        leaders.length === 0
          ? 'no member leads'
          : `${leaders.join(' and ')} all say that they lead`,
      fix: 'Wait for the election to end; operation: verify shows who follows whom.',
      passes: true,
    },
  ]
}

/** Nodes of the other members: one that is lost meanwhile would be the second. */
function nodesNotReady({ view, nodes }: Standing, node: string): readonly Obstacle[] {
  if (nodes === undefined) return []
  const homes = new Map(
    ownPods(view).flatMap((pod) => (pod.node === undefined ? [] : [[pod.node, pod.name] as const])),
  )
  return nodes
    .filter((one) => one.name !== node && homes.has(one.name) && !one.ready)
    .map((one) => ({
      what: `node ${one.name} with ${homes.get(one.name) ?? 'a member'} is not Ready`,
      fix: `Fix node ${one.name} first.`,
      passes: true,
    }))
}

/** Observers have no vote. Who is away for the moment is told by itself. */
function quorumLeft(members: readonly MemberNow[], on: readonly string[]): readonly Obstacle[] {
  const voters = members.filter((member) => member.state !== 'extra' && member.role !== 'observer')
  const stay = voters.filter((member) => !on.includes(member.pod))
  const needed = majority(voters.length)
  if (stay.length >= needed || voters.every((member) => !on.includes(member.pod))) return []
  return [
    {
      what: `without ${on.join(' and ')} only ${stay.length} of ${voters.length} voting members are left, and the quorum needs ${needed}`,
      fix:
        voters.length < 3
          ? 'An ensemble of fewer than three members has an outage with every drain: scale it to 3 first.'
          : 'Spread the members over more nodes first.',
      passes: false,
    },
  ]
}

function budgetGate({ budgets, neighbour, view }: Standing, name: string): readonly Obstacle[] {
  const kubectl = `kubectl -n ${view.set?.namespace ?? ''}`
  if (budgets === undefined || (neighbour === true && budgets.names.length === 0)) return []
  const { names, verdict } = budgets
  if (names.length === 0)
    return [
      {
        what: `no disruption budget selects the members of ${name}: somebody else's drain could take a second one meanwhile`,
        fix: `Create a PodDisruptionBudget with maxUnavailable: 1 for the members' labels.`,
        passes: false,
      },
    ]
  if (names.length > 1)
    return [
      {
        what: `the members have ${names.length} disruption budgets (${names.join(', ')}), and the eviction API takes no pod with more than one`,
        fix: `Keep one: ${kubectl} delete poddisruptionbudget ${names.slice(1).join(' ')}`,
        passes: false,
      },
    ]
  switch (verdict.kind) {
    case 'allows':
      return []
    case 'waits':
      return [
        {
          what: verdict.reason,
          fix: `${kubectl} describe poddisruptionbudget ${names.join(' ')}`,
          passes: true,
          blocked: true,
        },
      ]
    case 'never':
      return [
        {
          what: verdict.reason,
          fix: `Change it to maxUnavailable: 1, in your manifests too: ${kubectl} edit poddisruptionbudget ${names.join(' ')}`,
          passes: false,
        },
      ]
  }
}
