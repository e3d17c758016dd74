// Which nodes a drain is for: those that are asked for, or those of the drain that it continues.

import { createHash } from 'node:crypto'
import { isContinued, isDone } from '../../decide/drain/continued.ts'
import { membersOn } from '../../decide/drain/gates.ts'
import { failure } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { keptNodes } from '../../record/uncordon-left.ts'
import type { MaintenanceNode } from '../../record/record.ts'
import type { SeenNode } from '../../report/recorder.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { Locked } from '../open/hold-ensemble.ts'
import { readNodes } from '../open/read-ensemble.ts'
import { resolveNodes } from './resolve-nodes.ts'

/** What an earlier run began, and this one continues. */
interface Continued {
  readonly since: string
  readonly runUrl: string
}

export interface DrainPlan {
  readonly asked: readonly NodeView[]
  /** By name, drained already. */
  readonly done: ReadonlySet<string>
  readonly left: readonly NodeView[]
  /** As the record keeps it, so that another run of the same drain continues it. */
  readonly request: { readonly nodes: readonly string[]; readonly digest: string }
  readonly continues: Continued | undefined
  /** By name: kept cordoned for whoever uncordons them. */
  readonly handedOver: ReadonlySet<string>
}

/** Whether a node is uncordoned once it was drained well. */
export function uncordonsDrained({
  uncordon,
  maintenanceCommand,
}: Pick<Inputs, 'uncordon' | 'maintenanceCommand'>): boolean {
  return uncordon === 'after' || (uncordon === 'auto' && maintenanceCommand !== undefined)
}

/** Throws DRAIN_REFUSED while nodes of another drain are still cordoned. */
export async function planDrain(ensemble: Locked, signal: AbortSignal): Promise<DrainPlan> {
  const { inputs, run, kube, record } = ensemble
  const { namespace, name } = ensemble.target
  const digest = digestOf(inputs)
  const plan = record.current.drain ?? undefined
  const continued =
    plan !== undefined && isContinued(plan, digest, run.clock.now()) ? plan : undefined
  // Members may have moved since: the nodes of the plan are meant, those that have left the cluster
  // are done.
  const asked =
    continued === undefined
      ? await resolveNodes(kube, inputs, ensemble.before, record.stored, signal)
      : (await readNodes(kube, signal)).filter((node) => continued.nodes.includes(node.name))
  const { kept, stale } = await keptNodes(kube, record.stored, `${namespace}/${name}`, signal)
  if (stale.length > 0 && !inputs.dryRun) await record.endNodes(new Set(stale), signal)
  const names = asked.map((node) => node.name)
  refuseKept(kept.filter((one) => !names.includes(one.name)))
  const handedOver = new Set(
    kept.filter((one) => one.phase === 'handed-over').map((one) => one.name),
  )
  const before = {
    done: continued?.done ?? [],
    kept: handedOver,
    isUncordoned: uncordonsDrained(inputs),
    commands: inputs.maintenanceCommand !== undefined,
  }
  const done = new Set(asked.filter((node) => isDone(node, before)).map((node) => node.name))
  return {
    asked,
    done,
    left: asked.filter((node) => !done.has(node.name)),
    request: { nodes: continued?.nodes ?? names, digest },
    continues:
      continued === undefined ? undefined : { since: continued.since, runUrl: continued.runUrl },
    handedOver,
  }
}

function refuseKept(elsewhere: readonly MaintenanceNode[]): void {
  const [first] = elsewhere
  if (first === undefined) return
  const list = elsewhere.map((one) => one.name).join(', ')
  throw failure(
    'refused',
    'DRAIN_REFUSED',
    `${list} ${elsewhere.length === 1 ? 'was' : 'were'} drained and not uncordoned yet`,
    {
      object: `node/${first.name}`,
      fix: `Uncordon ${elsewhere.length === 1 ? 'it' : 'them'} first: operation: uncordon with nodes: ${list}.`,
    },
  )
}

/** The nodes in the report, and in the log what is done already. */
export function tellPlan(
  { run, before, record }: Locked,
  { asked, done, left, handedOver }: DrainPlan,
): void {
  const { journal, report } = run
  // Also of a drain that is no longer continued: nodes that it kept cordoned are done.
  const plan = record.current.drain ?? undefined
  const by = plan?.runUrl === undefined || plan.runUrl === '' ? '' : ` (${plan.runUrl})`
  report.listNodes(
    asked.map((node): SeenNode => ({
      node: node.name,
      outcome: done.has(node.name) ? 'drained' : 'waiting',
      placement: '',
      members: [...membersOn(before, node.name)],
      cordon: node.unschedulable ? (handedOver.has(node.name) ? 'ours' : 'theirs') : 'none',
      phases: [],
      pods: [],
      note: done.has(node.name) ? `by an earlier run${by}` : '',
    })),
  )
  report.nodesLeft(
    left.map((node) => node.name),
    [...done],
  )
  run.publish()
  if (done.size > 0)
    journal.info(
      `Continuing the drain that was begun at ${plan?.since ?? 'an earlier time'}: ${[...done].join(', ')} ${done.size === 1 ? 'is' : 'are'} done, ${left.length} left.`,
    )
}

/** Of what makes it this drain and no other. */
function digestOf({
  nodes,
  nodeSelector,
  members,
  placement,
  maintenanceCommand,
  uncordon,
  podSelector,
}: Inputs): string {
  return createHash('sha256')
    .update(
      JSON.stringify([
        nodes.toSorted(),
        nodeSelector ?? '',
        members.toSorted(),
        placement,
        maintenanceCommand ?? '',
        uncordon,
        podSelector ?? '',
      ]),
    )
    .digest('hex')
    .slice(0, 16)
}
