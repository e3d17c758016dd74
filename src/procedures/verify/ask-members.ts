// Asks every member once how it stands and says it, a line for each; who may not or cannot ask says
// that instead. Nothing is written.

import { memberStandings } from '../../decide/members/members.ts'
import { patienceWith, startsOf } from '../../decide/members/patience.ts'
import { judgeServing, type ServingVerdict } from '../../decide/members/serving.ts'
import { chooseProfile } from '../../ensemble/choose.ts'
import type { MemberState } from '../../ensemble/profile.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import type { Kube } from '../../kube/kube.ts'
import type { Run } from '../../run.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { Rights } from '../open/access.ts'
import { membersOf } from './verify-ensemble.ts'
import type { Target } from '../open/ensemble.ts'
import { profileOptions, reachThrough } from '../open/reach.ts'
import type { ProfileName } from '../../view/profile-name.ts'

export interface Asking {
  readonly kube: Kube
  readonly inputs: Inputs
  readonly run: Run
  readonly rights: Rights
  readonly profile: ProfileName
  readonly target: Target
}

/** One look without a word; the report's members are filled. */
export async function lookQuietly(
  asking: Asking,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<ServingVerdict> {
  const { kube, inputs, run, rights, target, profile } = asking
  const { clock, report, journal } = run
  const replicas = view.set?.replicas ?? 0
  const ready = new Set(
    view.pods.filter((pod) => pod.ready && pod.owner?.uid === view.set?.uid).map((pod) => pod.name),
  )
  report.sawMembers(view)
  // Nobody can tell these kinds more than their pods do.
  if (profile === 'none' || (profile === 'custom' && inputs.servesCommand === undefined))
    return {
      outcome: 'skipped',
      detail: `profile ${profile}: nothing was asked beyond the pods${profile === 'custom' ? '; with serves-command the members are' : ''}`,
      findings: [],
      onTheWay: false,
    }
  // A look that was asked for writes nothing.
  const asked = await chooseProfile(profile, {
    ...profileOptions(inputs),
    writeCommand: undefined,
    readCommand: undefined,
  })
  const context = {
    reach: reachThrough(kube, rights),
    clock,
    signal,
    settleMs: 0,
    runId: run.runId,
    say: (line: string) => journal.info(line),
    replicas,
    serviceName: target.headlessService,
  }
  const running = new Set(
    view.pods
      .filter((pod) =>
        pod.containers.some(
          (container) => container.name === target.container && container.state.kind === 'running',
        ),
      )
      .map((pod) => pod.name),
  )
  const members = membersOf(view, target)
  // Where no server runs nobody answers: to ask there would only bring a long error.
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
  const states = [
    ...(await asked.look(
      members.filter((member) => running.has(member.pod)),
      context,
    )),
    ...silent,
  ].toSorted((a, b) => a.ordinal - b.ordinal)
  report.heardMembers(states)
  const { why } = patienceWith(startsOf(view, target.container), clock.now(), inputs.timeoutMs)
  return judgeServing(states, replicas, ready, why)
}

/** The look as a phase of its own, with the members one by one. */
export async function askMembers(
  asking: Asking,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<ServingVerdict> {
  const { clock, journal, report } = asking.run
  return journal.phase('Ask the members', async (done) => {
    const began = clock.now()
    const serving = await lookQuietly(asking, view, signal)
    tellMembers(asking, view)
    report.looked({ name: 'quorum', ...serving, ms: clock.now() - began })
    done(serving.detail)
    return serving
  })
}

function tellMembers({ run: { clock, journal, report } }: Asking, view: EnsembleView): void {
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
