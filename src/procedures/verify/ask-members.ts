// Asks every member once how it stands and says it, a line for each; who may not or cannot ask says
// that instead. Nothing is written.

import { memberStandings, ownPods } from '../../decide/members/members.ts'
import { patienceWith, startsOf } from '../../decide/members/patience.ts'
import { judgeServing, type ServingVerdict } from '../../decide/members/serving.ts'
import type { MemberState, Profile } from '../../ensemble/profile.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import { contextFor, membersOf } from './verify-ensemble.ts'
import type { ReachableEnsemble } from '../open/ensemble.ts'

/** One look without a word; the report's members are filled. */
export async function lookQuietly(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<ServingVerdict> {
  const {
    profile,
    run: { clock, report },
    target,
    memberTimeoutMs,
  } = ensemble
  report.sawMembers(view)
  if (profile.onlyReady === true) return unasked(profile)
  const states = await statesOf(ensemble, view, signal)
  report.heardMembers(states)
  const { why } = patienceWith(startsOf(view, target.container), clock.now(), memberTimeoutMs)
  const ready = new Set(
    ownPods(view)
      .filter((pod) => pod.ready)
      .map((pod) => pod.name),
  )
  return judgeServing(states, view.set?.replicas ?? 0, ready, why)
}

/** Nobody can tell these kinds more than their pods do. */
function unasked({ name }: Profile): ServingVerdict {
  return {
    outcome: 'skipped',
    detail: `profile ${name}: nothing was asked beyond the pods${name === 'custom' ? '; with serves-command the members are' : ''}`,
    findings: [],
    onTheWay: false,
  }
}

/** Where no server runs nobody answers: to ask there would only bring a long error. */
async function statesOf(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<readonly MemberState[]> {
  const { profile, target } = ensemble
  const running = new Set(
    view.pods
      .filter((pod) =>
        pod.containers.some(
          ({ name, state }) => name === target.container && state.kind === 'running',
        ),
      )
      .map((pod) => pod.name),
  )
  const members = membersOf(view, target)
  const heard = await profile.look(
    members.filter((member) => running.has(member.pod)),
    { ...contextFor(ensemble, view.set?.replicas ?? 0, signal), settleMs: 0 },
  )
  const silent = members
    .filter((member) => !running.has(member.pod))
    .map(({ pod, ordinal }): MemberState => ({
      pod,
      ordinal,
      id: undefined,
      role: 'down',
      version: undefined,
      zxid: undefined,
      trouble: undefined,
    }))
  return [...heard, ...silent].toSorted((a, b) => a.ordinal - b.ordinal)
}

/** The look as a phase of its own, with the members one by one. */
export async function askMembers(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<ServingVerdict> {
  const { clock, journal, report } = ensemble.run
  return journal.phase('Ask the members', async (done) => {
    const began = clock.now()
    const serving = await lookQuietly(ensemble, view, signal)
    tellMembers(ensemble, view)
    report.looked({ name: 'quorum', ...serving, ms: clock.now() - began })
    done(serving.detail)
    return serving
  })
}

function tellMembers(
  { run: { clock, journal, report } }: ReachableEnsemble,
  view: EnsembleView,
): void {
  for (const member of memberStandings(view, clock.now())) {
    const row = report.members.find((one) => one.pod === member.pod)
    const restarts = row?.restarts ?? 0
    const revision =
      member.revision === undefined || member.text.includes(member.revision)
        ? ''
        : `revision ${member.revision}`
    // Why nobody could be asked is said once, in the line that closes the phase.
    const said = row?.role === 'unknown' ? [] : [row?.role ?? '', row?.trouble ?? '']
    const facts = [
      member.text,
      ...said,
      revision,
      restarts === 0 ? '' : `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`,
    ]
    journal.info(`${member.pod}: ${facts.filter((fact) => fact !== '').join('; ')}`)
  }
}
