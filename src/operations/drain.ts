// drain: empties nodes one after the other under a quorum. Nothing is touched before every node was
// judged; each is judged again when its turn comes; what fails is uncordoned.

import { Deadline } from '../clock.ts'
import { graceBeyond } from '../decide/drain/grace.ts'
import { nextNode } from '../decide/drain/node-order.ts'
import { LEARNS_WITHIN_MS } from '../decide/members/patience.ts'
import { failure } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { announce } from '../kube/announce.ts'
import { parseSet } from '../manifests/shapes.ts'
import { drainNode } from '../procedures/drain/drain-node.ts'
import { lastSeen } from '../procedures/open/last-seen.ts'
import type { Drain } from '../procedures/drain/drain-under-way.ts'
import { judgeNodes, standOn, type Here } from '../procedures/drain/judge-nodes.ts'
import { holdForNodes } from '../procedures/drain/nodes-alone.ts'
import {
  planDrain,
  tellPlan,
  uncordonsDrained,
  type DrainPlan,
} from '../procedures/drain/plan-drain.ts'
import { whereWeAre } from '../procedures/drain/runner-place.ts'
import {
  rightsToCordon,
  rightsToEvict,
  rightsToFollowNode,
  rightsToSeeCluster,
} from '../procedures/open/access.ts'
import type { Locked } from '../procedures/open/hold-ensemble.ts'
import { readNodes } from '../procedures/open/read-ensemble.ts'
import { awaitServing, servingInWords } from '../procedures/rollout/await-serving.ts'
import { createLooker } from '../procedures/rollout/looker.ts'
import { watchData, type DataWatch } from '../procedures/verify/data-watch.ts'
import { verifyPhase } from '../procedures/verify/verify-ensemble.ts'
import { uncordonByHand } from '../record/cordon.ts'
import { uncordonLeft, leftCordoned } from '../record/uncordon-left.ts'
import type { DrainBegun } from '../record/held-record.ts'
import { begunInWords, nodesUnderMaintenance } from '../record/record.ts'
import { cordonsInWords, drainedInWords } from '../report/cordon-words.ts'
import type { Run } from '../run.ts'
import type { EnsembleView, NodeView } from '../view/surroundings.ts'

/**
 * After a failure members come back to nodes that were uncordoned: so long that is looked at, until
 * the last of them may have found its peers, and a pod's start before that.
 */
const AFTERMATH_MS = LEARNS_WITHIN_MS + 30_000

export async function drain(inputs: Inputs, run: Run): Promise<void> {
  const alone = [
    ...rightsToCordon(),
    ...rightsToSeeCluster().filter(({ resource }) => resource === 'pods'),
  ]
  await holdForNodes(
    inputs,
    run,
    { rights: (namespace) => [...alone, ...rightsToEvict(namespace)], alone, limit: 'own' },
    (ensemble, signal) => drainAll({ ...ensemble, told: new Map() }, signal),
  )
}

async function drainAll(ensemble: Locked, signal: AbortSignal): Promise<void> {
  const { inputs, run, record } = ensemble
  const { journal, report } = run
  noteLongGrace(ensemble)
  const plan = await planDrain(ensemble, signal)
  tellPlan(ensemble, plan)
  await uncordonWhatDiedLeft(ensemble, signal)

  const job = jobOf(ensemble, signal)
  const here = await findRunner(ensemble, plan.asked, signal)
  const order = await journal.phase(
    'Judge every node before the first is touched',
    async (said) => {
      const sorted = await judgeNodes(job, plan, here, signal)
      said(inTurn(sorted) || 'nothing is left to drain')
      return sorted
    },
  )
  await noteSlowBudgets(ensemble, signal)
  if (here.node !== undefined)
    report.note(`${here.node} is the node that this run itself is on: it comes last.`)
  if (inputs.dryRun) {
    report.ends('planned')
    report.stands(`nothing was changed; ${inTurn(order) || 'no node'} would be drained`)
    return
  }
  if (plan.left.length === 0) {
    const { view } = await awaitServing(inTime(ensemble), signal)
    await verifyAll(ensemble, view, () => Promise.resolve([]), signal)
    await record.endDrain(signal)
    report.stands(`every node was drained by an earlier run${everybody(ensemble)}`)
    report.ends('unchanged')
    return
  }

  await record.beginDrain(recordOf(plan), signal)
  report.stands('no node was touched yet')
  const watch = await watchData(ensemble, ensemble.follower, signal)
  try {
    await drainNodes(job, plan.left, here.node, signal)
    // A node that left the cluster has taken its members with it, and what `pod-selector` left on a
    // node went through its maintenance.
    const { view } = await awaitServing(inTime(ensemble), signal)
    await verifyAll(ensemble, view, () => watch.finish(view, signal), signal)
    await record.endDrain(signal)
    await announceAll(ensemble, plan.asked, signal)
    report.stands(`${drainedInWords(report.nodes, job.isUncordoned)}${everybody(ensemble)}`)
    report.ends('succeeded')
  } catch (error) {
    await aftermath(job, watch)
    throw error
  }
}

/** The same with the time of one node. */
function inTime(ensemble: Locked): Locked {
  return { ...ensemble, deadline: new Deadline(ensemble.run.clock, ensemble.inputs.timeoutMs) }
}

function everybody({ set }: Locked): string {
  return set === undefined ? '' : '; every member serves'
}

function inTurn(nodes: readonly NodeView[]): string {
  return nodes.map((node) => node.name).join(', then ')
}

function noteLongGrace({ set, inputs, run }: Locked): void {
  if (set === undefined) return
  const grace =
    inputs.gracePeriodSeconds ?? parseSet(set)?.spec.template.spec.terminationGracePeriodSeconds
  const long = graceBeyond(grace, inputs.timeoutMs)
  if (long !== undefined) run.report.note(long)
}

async function noteSlowBudgets({ kube, run }: Locked, signal: AbortSignal): Promise<void> {
  if ((await kube.denied(rightsToFollowNode(), signal)).length > 0)
    run.report.note(
      'Pods and budgets of all namespaces may not be watched (pods, poddisruptionbudgets [list, watch]): evictions follow a budget some seconds late.',
    )
}

/**
 * The lock is ours, so whoever began a node and has not uncordoned it is dead: what it left comes
 * first, and nothing else before the members are whole again.
 */
async function uncordonWhatDiedLeft(ensemble: Locked, signal: AbortSignal): Promise<void> {
  const { inputs, record, run } = ensemble
  const { journal, report } = run
  if (leftCordoned(record.stored).length === 0 || inputs.dryRun) return
  await journal.phase('Uncordon what a run that died has left', async (said) => {
    const given = await uncordonLeft(record, report, journal, ensemble.lock.lost)
    if (report.changed)
      report.stands(
        `${given.done.join(', ')} was left cordoned by a run that died and is uncordoned now; no other node was touched`,
      )
    const serving = await awaitServing(inTime(ensemble), signal)
    said(`${given.done.join(', ')}; ${servingInWords(serving)}`)
  })
}

function jobOf(ensemble: Locked, signal: AbortSignal): Drain {
  const { namespace, name } = ensemble.target
  const { underWay } = ensemble.record.current
  return {
    ensemble,
    looker: createLooker(ensemble, signal),
    mark: {
      ensemble: `${namespace}/${name}`,
      identity: ensemble.lock.identity,
      runUrl: ensemble.run.report.runUrl,
      at: '',
    },
    isUncordoned: uncordonsDrained(ensemble.inputs),
    leaving: [],
    underWay: underWay === null ? undefined : begunInWords(underWay, name, ensemble.profile.name),
  }
}

async function findRunner(
  { kube, run: { hostname } }: Locked,
  nodes: readonly NodeView[],
  signal: AbortSignal,
): Promise<Here> {
  const pods = await kube.listAs(
    { apiVersion: 'v1', kind: 'Pod' },
    { fields: `metadata.name=${hostname}` },
    (object) => object,
    signal,
  )
  return whereWeAre(pods, nodes, hostname)
}

function recordOf({ request, asked, done, continues }: DrainPlan): DrainBegun {
  return {
    nodes: [...request.nodes],
    digest: request.digest,
    done: asked.flatMap((node) => (done.has(node.name) ? [node.uid] : [])),
    ...(continues === undefined ? {} : { since: continues.since }),
  }
}

/** One after the other; which comes next is judged again each time. */
async function drainNodes(
  job: Drain,
  nodes: readonly NodeView[],
  here: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { kube, run } = job.ensemble
  const { journal, report } = run
  let rest = nodes
  while (rest.length > 0) {
    const stand = await standOn(job, rest, here, true, signal)
    const next = nextNode(stand.candidates, stand.members)
    const node = rest.find((one) => one.name === next?.name)
    const row = report.nodes.find((one) => one.node === node?.name)
    if (node === undefined || row === undefined) return
    const patience = rest.length === nodes.length ? 'first' : 'further'
    await journal.phase(`Drain ${node.name}`, async (said) => {
      // Read again: it may have been cordoned, or replaced, since.
      const now = (await readNodes(kube, signal)).find((one) => one.name === node.name) ?? node
      await drainNode(job, now, row, patience, signal)
      said(
        `${row.outcome}${row.placement === '' ? '' : `, ${row.placement}`}${row.cordon === 'ours' ? '; it stays cordoned' : ''}`,
      )
    })
    rest = rest.filter((one) => one !== node)
    if (report.nodes.length > 1)
      journal.notice(
        `${node.name}: ${row.outcome} (${report.drainedNodes.length} of ${report.nodes.length} nodes)`,
      )
  }
}

async function verifyAll(
  ensemble: Locked,
  view: EnsembleView,
  more: () => ReturnType<DataWatch['finish']>,
  signal: AbortSignal,
): Promise<void> {
  const { inputs, set } = ensemble
  if (set === undefined) return
  // Of a set that is gone nobody is missing.
  if (view.set === undefined || view.set.deleting || view.set.uid !== ensemble.before.set?.uid) {
    throw failure(
      'failed',
      'CONFLICT',
      `statefulset/${ensemble.target.name} was deleted by somebody else while its nodes were being drained`,
      {
        object: `statefulset/${ensemble.target.name}`,
        fix: 'Find out who; its claims hold the data as long as nobody deletes them.',
      },
    )
  }
  await verifyPhase(
    ensemble,
    view,
    { level: inputs.verify, unchecked: 'the members were not asked for their data.', more },
    signal,
  )
}

/** Events on the set and, where that is allowed, on each node. */
async function announceAll(
  ensemble: Locked,
  nodes: readonly NodeView[],
  signal: AbortSignal,
): Promise<void> {
  const { kube, set, run } = ensemble
  const { clock, report } = run
  const url = report.runUrl === '' ? '' : ` (${report.runUrl})`
  if (set !== undefined && ensemble.rights.announce)
    await announce(
      kube,
      set,
      {
        type: 'Normal',
        reason: 'NodesDrained',
        message: `${report.drainedNodes.join(', ')} drained under quorum${url}`,
      },
      clock.now(),
      signal,
    )
  if (
    (
      await kube.denied(
        [{ verb: 'create', group: '', resource: 'events', namespace: 'default' }],
        signal,
      )
    ).length > 0
  )
    return
  await Promise.all(
    nodes
      .filter(({ name }) =>
        report.nodes.some((row) => row.node === name && row.outcome === 'drained'),
      )
      .map((node) =>
        announce(
          kube,
          { apiVersion: 'v1', kind: 'Node', metadata: { name: node.name, uid: node.uid } },
          {
            type: 'Normal',
            reason: 'Drained',
            message: `${set === undefined ? 'drained' : `drained under the quorum of ${ensemble.target.namespace}/${ensemble.target.name}`}${url}`,
          },
          clock.now(),
          signal,
        ),
      ),
  )
}

/**
 * Removes our cordons, first of all; then says how the members stand. Never throws. A cancel
 * leaves seconds: then all is done at once, and nothing waited for.
 */
async function aftermath({ ensemble, leaving }: Drain, watch: DataWatch): Promise<void> {
  const { run, lock, record } = ensemble
  const { clock, journal, report } = run
  for (const row of report.nodes)
    if (row.outcome === 'under way') report.nodeIs(row, { outcome: 'failed' })
  // By the record: one that ends before it is entered there is uncordoned.
  const keeps = new Set(
    nodesUnderMaintenance(record.stored).flatMap(({ name, keep }) => (keep === true ? [name] : [])),
  )
  const kept = report.nodes
    .filter((row) => row.outcome === 'failed' && row.cordon === 'ours' && keeps.has(row.node))
    .map((row) => row.node)
  if (kept.length > 0)
    report.note(
      `${kept.join(', ')} stays cordoned, as uncordon: never says; operation: uncordon removes the cordon.`,
    )
  report.offer(...kept.flatMap(uncordonByHand))
  const uncordoning = uncordonLeft(record, report, journal, lock.lost)
  if (report.remainingNodes.length > 0)
    journal.info(`Not drained: ${report.remainingNodes.join(', ')}`)
  const hurried = run.signal.aborted || lock.lost.aborted
  const [given] = await Promise.all([
    uncordoning,
    hurried ? watch.abandon() : undefined,
    ...leaving,
  ])
  const back = cordonsInWords(report.nodes, kept, given.left)
  report.stands(back)
  if (hurried) {
    lookOnceMore(ensemble)
    return
  }
  try {
    const serving = await awaitServing(
      {
        ...ensemble,
        deadline: new Deadline(clock, AFTERMATH_MS),
        memberTimeoutMs: Math.min(AFTERMATH_MS, ensemble.memberTimeoutMs),
      },
      AbortSignal.any([run.signal, lock.lost]),
    )
    report.stands(back, servingInWords(serving))
  } catch (error) {
    report.stands(
      back,
      `not every member serves: ${error instanceof Error ? error.message : 'unknown'}`,
    )
  }
  await watch.abandon()
}

/** Members as the watches last saw them: who was evicted is no longer told as ready. */
function lookOnceMore({ follower, run }: Locked): void {
  const view = lastSeen(follower)
  if (view === undefined) run.journal.debug('the members could not be looked at any more')
  else run.report.sawMembers(view)
}
