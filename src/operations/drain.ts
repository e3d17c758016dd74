// drain: empties nodes one after the other under a quorum. Nothing is touched before every node was
// judged; each is judged again when its turn comes; what fails is given back.

import { createHash } from 'node:crypto'
import { Deadline } from '../clock.ts'
import { inOrder, membersOn, nextNode, type Candidate } from '../decide/drain/disruption.ts'
import { goesOn, isDone } from '../decide/drain/drain-plan.ts'
import { graceBeyond } from '../decide/drain/grace.ts'
import { LEARNS_WITHIN_MS } from '../decide/members/patience.ts'
import type { MemberNow } from '../decide/rollout/roll.ts'
import { failure } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { parseSet } from '../manifests/shapes.ts'
import {
  rightsToCordon,
  rightsToEvict,
  rightsToFollowNode,
  rightsToSeeCluster,
} from '../procedures/open/access.ts'
import { awaitServing, servingInWords } from '../procedures/rollout/await-serving.ts'
import { uncordonByHand } from '../record/cordon.ts'
import { watchData, type DataWatch } from '../procedures/verify/data-watch.ts'
import { drainNode } from '../procedures/drain/drain-node.ts'
import { passNeighbours, surveyingOf, type Drain } from '../procedures/drain/empty-cordoned.ts'
import { giveBackNodes, keptNodes, toGiveBack, type GivingBack } from '../record/give-back.ts'
import { createLooker } from '../procedures/rollout/looker.ts'
import { leaveNeighbours, meetNeighbours } from '../procedures/drain/neighbours.ts'
import { passGates } from '../procedures/drain/pass-gates.ts'
import { readNodes } from '../procedures/open/read-ensemble.ts'
import { resolveNodes } from '../procedures/drain/resolve-nodes.ts'
import { whereWeAre } from '../procedures/drain/runner-place.ts'
import { holdForNodes } from '../procedures/drain/nodes-alone.ts'
import type { Locked } from '../procedures/open/hold-ensemble.ts'
import { asOne, refuseUnfit, surveyNodes, tellSurvey } from '../procedures/drain/survey.ts'
import { announce } from '../kube/announce.ts'
import { underWayInWords, nodesUnderMaintenance } from '../record/record.ts'
import type { Run } from '../run.ts'
import type { EnsembleView, NodeView } from '../view/surroundings.ts'
import { cordonsInWords, drainedInWords } from '../report/cordon-words.ts'
import type { SeenNode } from '../report/recorder.ts'
import { verifyPhase } from '../procedures/verify/verify-ensemble.ts'

/**
 * After a failure members come back to nodes that were given back: so long that is looked at, until
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
  const { inputs, run, kube, record, lock } = ensemble
  const { clock, journal, report } = run
  const { namespace, name } = ensemble.target
  const givenBack =
    inputs.uncordon === 'after' ||
    (inputs.uncordon === 'auto' && inputs.maintenanceCommand !== undefined)
  const giving = { record, journal, report }

  const long =
    ensemble.set === undefined
      ? undefined
      : graceBeyond(
          inputs.gracePeriodSeconds ??
            parseSet(ensemble.set)?.spec.template.spec.terminationGracePeriodSeconds,
          inputs.timeoutMs,
        )
  if (long !== undefined) report.note(long)
  const everybody = ensemble.set === undefined ? '' : '; every member serves'

  const digest = digestOf(inputs)
  const plan = record.current.drain ?? undefined
  const resumed = plan !== undefined && goesOn(plan, digest, clock.now())
  // Members may have moved since: the nodes of the plan are meant, those that have left the cluster
  // are done.
  const asked = resumed
    ? (await readNodes(kube, signal)).filter((node) => plan.nodes.includes(node.name))
    : await resolveNodes(kube, inputs, ensemble.before, record.stored, signal)
  const names = asked.map((node) => node.name)
  const { kept, stale } = await keptNodes(kube, record.stored, `${namespace}/${name}`, signal)
  if (stale.length > 0 && !inputs.dryRun) await record.endNodes(new Set(stale), signal)
  const keptElsewhere = kept.filter((one) => !names.includes(one.name))
  if (keptElsewhere.length > 0) {
    const list = keptElsewhere.map((one) => one.name).join(', ')
    throw failure(
      'refused',
      'DRAIN_REFUSED',
      `${list} ${keptElsewhere.length === 1 ? 'was' : 'were'} drained and not given back yet`,
      {
        object: `node/${keptElsewhere[0]?.name ?? ''}`,
        fix: `Give ${keptElsewhere.length === 1 ? 'it' : 'them'} back first: operation: uncordon with nodes: ${list}.`,
      },
    )
  }
  const request = { nodes: resumed ? plan.nodes : names, digest }
  const handedOver = new Set(
    kept.filter((one) => one.phase === 'handed-over').map((one) => one.name),
  )
  const before = {
    done: resumed ? plan.done : [],
    kept: handedOver,
    givenBack,
    commands: inputs.maintenanceCommand !== undefined,
  }
  const done = new Set(asked.filter((node) => isDone(node, before)).map((node) => node.name))
  const left = asked.filter((node) => !done.has(node.name))
  report.listNodes(
    asked.map((node): SeenNode => ({
      node: node.name,
      outcome: done.has(node.name) ? 'drained' : 'waiting',
      placement: '',
      members: [...membersOn(ensemble.before, node.name)],
      cordon: node.unschedulable ? (handedOver.has(node.name) ? 'ours' : 'theirs') : 'none',
      phases: [],
      pods: [],
      note: done.has(node.name)
        ? `by an earlier run${plan?.runUrl === undefined || plan.runUrl === '' ? '' : ` (${plan.runUrl})`}`
        : '',
    })),
  )
  report.nodesLeft(
    left.map((node) => node.name),
    [...done],
  )
  run.publish()
  if (done.size > 0)
    journal.info(
      `Going on with the drain that was begun at ${plan?.since ?? 'an earlier time'}: ${[...done].join(', ')} ${done.size === 1 ? 'is' : 'are'} done, ${left.length} left.`,
    )

  // The lock is ours, so whoever began a node and has not given it back is dead: what it left comes
  // first, and nothing else before the members are whole again.
  if (toGiveBack(record.stored).length > 0 && !inputs.dryRun) {
    await journal.phase('Give back what a run that died has left', async (said) => {
      const given = await giveBackNodes(giving, lock.lost)
      if (report.changed)
        report.stands(
          `${given.done.join(', ')} of a run that died was given back, no other node was touched`,
        )
      const serving = await awaitServing(
        { ...ensemble, deadline: new Deadline(clock, inputs.timeoutMs) },
        signal,
      )
      said(`${given.done.join(', ')}; ${servingInWords(serving)}`)
    })
  }

  const looker = createLooker(ensemble, signal)
  const mark = {
    ensemble: `${namespace}/${name}`,
    identity: lock.identity,
    runUrl: report.runUrl,
    at: '',
  }
  const { underWay } = record.current
  const job: Drain = {
    ensemble,
    looker,
    mark,
    givenBack,
    leaving: [],
    underWay: underWay === null ? undefined : underWayInWords(underWay, name),
  }
  const here = whereWeAre(
    await kube.listAs(
      { apiVersion: 'v1', kind: 'Pod' },
      { fields: `metadata.name=${run.hostname}` },
      (object) => object,
      signal,
    ),
    asked,
    run.hostname,
  )
  const order = await journal.phase(
    'Judge every node before the first is touched',
    async (said) => {
      const deadline = new Deadline(clock, inputs.timeoutMs)
      for (const node of ensemble.set === undefined ? [] : left)
        await passGates(
          {
            ensemble: { ...ensemble, deadline },
            looker,
            underWay: job.underWay,
            nodes: (until) => nodesNow(ensemble, until),
          },
          node.name,
          'first',
          deadline,
          signal,
        )
      const stand = await standOn(job, left, here.node, false, signal)
      const ranked = inOrder(stand.candidates, stand.members)
      const sorted = ranked.flatMap((one) => left.filter((node) => node.name === one.name))
      // Those that are done first, then as they come: a plan is read from the top.
      report.listNodes([
        ...report.nodes.filter(({ node }) => done.has(node)),
        ...sorted.flatMap(({ name: next }) => report.nodes.filter(({ node }) => node === next)),
      ])
      report.nodesLeft(sorted.map((node) => node.name))
      const surveys = await surveyNodes(
        surveyingOf(job),
        sorted.map((node) => node.name),
        signal,
      )
      for (const survey of surveys) tellSurvey(survey, inputs, run)
      if (here.pod !== undefined)
        throw failure(
          'refused',
          'DRAIN_REFUSED',
          `this run itself is pod ${here.pod} on ${here.node ?? ''}: to drain that node would end it halfway`,
          {
            object: `node/${here.node ?? ''}`,
            fix: 'Run this job on a runner elsewhere, or leave that node out.',
          },
        )
      refuseUnfit(surveys, report.changed)
      for (const survey of surveys) {
        const neighbours = await meetNeighbours(ensemble, survey, false, signal)
        try {
          await passNeighbours(ensemble, neighbours, survey.node, 'first', signal)
        } finally {
          await leaveNeighbours(neighbours)
        }
      }
      said(
        sorted.length === 0
          ? 'nothing is left to drain'
          : sorted.map((node) => node.name).join(', then '),
      )
      return sorted
    },
  )
  if ((await kube.denied(rightsToFollowNode(), signal)).length > 0)
    report.note(
      'Pods and budgets of all namespaces may not be watched (pods, poddisruptionbudgets [list, watch]): evictions follow a budget some seconds late.',
    )
  if (here.node !== undefined)
    report.note(`${here.node} is the node that this run itself is on: it comes last.`)
  if (inputs.dryRun) {
    report.ends('planned')
    report.stands(
      `nothing was changed; ${order.map((node) => node.name).join(', then ') || 'no node'} would be drained`,
    )
    return
  }
  if (left.length === 0) {
    const { view } = await awaitServing(
      { ...ensemble, deadline: new Deadline(clock, inputs.timeoutMs) },
      signal,
    )
    await verifyAll(ensemble, view, () => Promise.resolve([]), signal)
    await record.endDrain(signal)
    report.stands(`every node was drained by an earlier run${everybody}`)
    report.ends('unchanged')
    return
  }

  await record.beginDrain(
    {
      ...request,
      done: asked.flatMap((node) => (done.has(node.name) ? [node.uid] : [])),
      ...(resumed ? { since: plan.since } : {}),
    },
    signal,
  )
  report.stands('no node was touched yet')
  const watch = await watchData(ensemble, ensemble.follower, signal)
  try {
    let rest = [...left]
    while (rest.length > 0) {
      const stand = await standOn(job, rest, here.node, true, signal)
      const next = nextNode(stand.candidates, stand.members)
      const node = rest.find((one) => one.name === next?.name)
      if (node === undefined) break
      const row = report.nodes.find((one) => one.node === node.name)
      if (row === undefined) break
      await journal.phase(`Drain ${node.name}`, async (said) => {
        // Read again: it may have been cordoned, or replaced, since.
        const now = (await readNodes(kube, signal)).find((one) => one.name === node.name) ?? node
        await drainNode(job, now, row, rest.length === left.length ? 'first' : 'further', signal)
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
    // A node that left the cluster has taken its members with it, and what `pod-selector` left on a
    // node went through its maintenance.
    const { view } = await awaitServing(
      { ...ensemble, deadline: new Deadline(clock, inputs.timeoutMs) },
      signal,
    )
    await verifyAll(ensemble, view, () => watch.finish(view, signal), signal)
    await record.endDrain(signal)
    await announceAll(ensemble, asked, signal)
    report.stands(`${drainedInWords(report.nodes, givenBack)}${everybody}`)
    report.ends('succeeded')
  } catch (error) {
    await aftermath(job, watch, giving)
    throw error
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
    { level: inputs.verify, unchecked: 'nobody asked the members for their data.', more },
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
 * Gives our cordons back, first of all; then says how the members stand. Never throws. A cancel
 * leaves seconds: then all is done at once, and nothing waited for.
 */
async function aftermath(
  { ensemble, leaving }: Drain,
  watch: DataWatch,
  giving: GivingBack,
): Promise<void> {
  const { run, lock } = ensemble
  const { clock, journal, report } = run
  for (const row of report.nodes)
    if (row.outcome === 'under way') report.nodeIs(row, { outcome: 'failed' })
  // By the record: one that ends before it is entered there is given back.
  const keeps = new Set(
    nodesUnderMaintenance(ensemble.record.stored).flatMap(({ name, keep }) =>
      keep === true ? [name] : [],
    ),
  )
  const kept = report.nodes
    .filter((row) => row.outcome === 'failed' && row.cordon === 'ours' && keeps.has(row.node))
    .map((row) => row.node)
  if (kept.length > 0)
    report.note(
      `${kept.join(', ')} stays cordoned, as uncordon: never says; operation: uncordon gives it back.`,
    )
  report.offer(...kept.flatMap(uncordonByHand))
  const givingBack = giveBackNodes(giving, lock.lost)
  if (report.remainingNodes.length > 0)
    journal.info(`Not drained: ${report.remainingNodes.join(', ')}`)
  const hurried = run.signal.aborted || lock.lost.aborted
  const [given] = await Promise.all([givingBack, hurried ? watch.abandon() : undefined, ...leaving])
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
  try {
    run.report.sawMembers(follower.snapshot())
  } catch {
    run.journal.debug('the members could not be looked at any more')
  }
}

/**
 * How they stand that are on the nodes: our ensemble, or, where none is ours, each that is
 * recognised there. `fresh`: asked now.
 */
async function standOn(
  job: Drain,
  nodes: readonly NodeView[],
  here: string | undefined,
  fresh: boolean,
  signal: AbortSignal,
): Promise<{ readonly candidates: readonly Candidate[]; readonly members: readonly MemberNow[] }> {
  const { ensemble, looker } = job
  if (ensemble.set !== undefined)
    return {
      candidates: nodes.map((node) => candidateOf(node, ensemble, here)),
      members: await looker.members(ensemble.follower.snapshot(), fresh),
    }
  const met = await meetNeighbours(
    ensemble,
    asOne(
      await surveyNodes(
        surveyingOf(job),
        nodes.map(({ name }) => name),
        signal,
      ),
    ),
    false,
    signal,
  )
  try {
    const members = await Promise.all(
      met.map(async (one) =>
        (await one.looker.members(one.ensemble.follower.snapshot(), true)).map((member) => ({
          ...member,
          pod: `${one.ensemble.target.namespace}/${member.pod}`,
        })),
      ),
    )
    const pods = met.flatMap((one) => one.pods)
    return {
      candidates: nodes.map(({ name }) => ({
        name,
        members: pods
          .filter(({ node }) => node === name)
          .map((pod) => `${pod.namespace}/${pod.name}`),
        runner: name === here,
      })),
      members: members.flat(),
    }
  } finally {
    await leaveNeighbours(met)
  }
}

function candidateOf(node: NodeView, ensemble: Locked, here: string | undefined): Candidate {
  return {
    name: node.name,
    members: membersOn(ensemble.follower.snapshot(), node.name),
    runner: node.name === here,
  }
}

async function nodesNow(
  ensemble: Locked,
  signal: AbortSignal,
): Promise<readonly NodeView[] | undefined> {
  const { kube } = ensemble
  return ensemble.rights.nodes ? readNodes(kube, signal) : undefined
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
