// Asks the ensemble itself: the profile's checks through every member, and beside them placement
// and service as the cluster shows them.

import { connectionString, ownPortOf } from '../open/ensemble-target.ts'
import type { Clock } from '../../clock.ts'
import { ELECTS_WITHIN_MS, patienceWith, startsOf } from '../../decide/members/patience.ts'
import { SERVING } from '../../decide/members/serving.ts'
import { checkPlacement, type StandingCheck } from '../../decide/verify/placement-check.ts'
import { checkService } from '../../decide/verify/service-check.ts'
import type { CheckResult, Member, Verification, VerifyContext } from '../../ensemble/profile.ts'
import { EnsembleError, type Finding } from '../../errors.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { toEndpoints } from '../../kube/views/endpoints.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import { lossesAhead } from './keep-data.ts'
import { readMemberLogs } from './member-logs.ts'
import { type Target, type ReachableEnsemble, checksOf } from '../open/ensemble.ts'
import type { VerifyLevel } from '../../view/profile-name.ts'
import { identityLines } from '../../report/identity-words.ts'
import type { Recorder } from '../../report/recorder.ts'

/**
 * Endpoints follow readiness by a moment; whether their slices are right says nothing of when a
 * member joins.
 */
const ENDPOINTS_LAG_MS = 2_000
const ENDPOINTS_LOOK_MS = 100

export function contextFor(
  ensemble: ReachableEnsemble,
  replicas: number,
  signal: AbortSignal,
): VerifyContext {
  return {
    reach: ensemble.reach,
    clock: ensemble.run.clock,
    signal,
    settleMs: ELECTS_WITHIN_MS,
    runId: ensemble.run.runId,
    say: (line) => ensemble.run.journal.info(line),
    replicas,
    serviceName: ensemble.target.headlessService,
    memberServices: ensemble.target.memberServices,
  }
}

export function membersOf(view: EnsembleView, target: Target): readonly Member[] {
  return memberPods(view).map((pod) => ({
    pod: pod.name,
    namespace: pod.namespace,
    ordinal: pod.ordinal ?? 0,
    uid: pod.uid,
    node: pod.node,
    container: target.container,
    clientPort: target.clientPort,
    ready: pod.ready,
    ip: pod.ip,
    created: pod.created,
    askedUser: pod.containers.find(({ name }) => name === target.container)?.runAsUser,
  }))
}

function memberPods(view: EnsembleView): readonly PodView[] {
  return view.pods
    .filter(
      (pod) =>
        pod.owner?.uid === view.set?.uid && pod.ordinal !== undefined && pod.deleting === undefined,
    )
    .toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0))
}

/** Whether a revision that passed the checks of this level counts as verified. */
export function isFull(level: VerifyLevel | 'off'): boolean {
  return level === 'full' || level === 'thorough'
}

/**
 * The checks as a phase of the run. At level `off` nobody is asked: `unchecked` is noted, and `more`
 * ends what it has begun.
 */
export async function verifyPhase(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  phase: {
    readonly level: VerifyLevel | 'off'
    readonly unchecked: string
    readonly more: () => Promise<readonly CheckResult[]>
  },
  signal: AbortSignal,
): Promise<void> {
  const { level, unchecked, more } = phase
  const {
    run: { report, journal },
  } = ensemble
  if (level === 'off') {
    await more()
    report.note(`verify: off: ${unchecked}`)
    return
  }
  await journal.phase(`Verify (${level})`, async (done) => {
    await verifyEnsemble(ensemble, view, level, more, signal)
    done(outcomeOf(report))
  })
}

/**
 * All checks of a level; the report has every one of them. `more` are made once the ensemble has
 * settled, and not at all when it has no quorum: who
 * does not serve can tell nothing. Throws EnsembleError 'failed' when a check found an error.
 */
export async function verifyEnsemble(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  level: VerifyLevel,
  more: () => Promise<readonly CheckResult[]>,
  signal: AbortSignal,
): Promise<Verification> {
  const {
    run: { report, journal, clock },
  } = ensemble
  const replicas = view.set?.replicas ?? 0
  const members = membersOf(view, ensemble.target)
  // Before the checks, which leave lines of their own.
  if (level === 'thorough') await keepLogs(ensemble, view, signal)
  const service =
    level === 'quick' || checksOf(ensemble).name === 'none'
      ? undefined
      : watchEndpoints(ensemble, signal)
  const patience = patienceWith(
    startsOf(view, ensemble.target.container),
    clock.now(),
    ensemble.memberTimeoutMs,
  )
  const verification = await checksOf(ensemble).verify(members, level, {
    ...contextFor(ensemble, replicas, signal),
    settleMs: patience.ms,
    settleWhy: patience.why,
  })
  const serves = !verification.checks.some(
    (check) => check.name === 'quorum' && check.outcome === 'failed',
  )
  const checks = [...verification.checks, ...(serves ? await more() : [])]
  const losses = await lossesAhead(ensemble.kube, view, new Set(), signal)
  if (level !== 'quick') {
    checks.push(placementCheck(ensemble, view, losses))
    checks.push(...(await serviceCheck(service, verification.members, serves)))
  }
  report.sawMembers(view)
  report.checked(level, checks, verification)
  tellAddress(ensemble, view, verification)
  for (const line of [...checks.map(checkLine), ...identityLines(report)]) journal.info(line)
  const findings = unique([
    ...verification.findings,
    ...losses,
    ...checks.flatMap((check) => check.findings),
  ])
  for (const finding of findings) if (finding.severity === 'warning') report.found(finding)
  const [first, ...rest] = findings.filter((finding) => finding.severity === 'error')
  if (first !== undefined) throw new EnsembleError('failed', [first, ...rest])
  return verification
}

/** A port that only the members' own configuration tells is known now. */
function tellAddress(
  { target, run: { report } }: ReachableEnsemble,
  { set }: EnsembleView,
  { members }: Verification,
): void {
  const port = ownPortOf(members)
  if (set !== undefined && port !== undefined)
    report.about({ connectionString: connectionString(target, set.start, set.replicas, port) })
}

function asConsequence(check: CheckResult): CheckResult {
  return {
    ...check,
    outcome: check.outcome === 'failed' ? 'warned' : check.outcome,
    findings: check.findings.map((finding) => ({ ...finding, severity: 'warning' })),
  }
}

function placementCheck(
  ensemble: ReachableEnsemble,
  view: EnsembleView,
  losses: Awaited<ReturnType<typeof lossesAhead>>,
): CheckResult {
  return timed('placement', ensemble.run.clock, () =>
    checkPlacement({
      profile: ensemble.profile.name,
      members: memberPods(view),
      claims: view.claims,
      nodes: ensemble.nodes,
      requiredByTemplate: ensemble.target.requiresDistinctNodes,
      losses,
    }),
  )
}

/** Empty where nothing can be said: no service is known, or not every member could be asked. */
async function serviceCheck(
  service: ReturnType<typeof watchEndpoints>,
  members: Verification['members'],
  serves: boolean,
): Promise<readonly CheckResult[]> {
  // Who could not be asked may serve all the same: the service can't be judged by that.
  if (members.some(({ role }) => role === 'unknown' || role === 'unreachable')) return []
  const serving = members.filter(({ role }) => SERVING.has(role)).map(({ pod }) => pod)
  const found = await service?.(serving)
  if (found === undefined) return []
  // Where clients are sent follows from who serves: a member outside of the quorum is the cause,
  // not its endpoint.
  return [serves ? found : asConsequence(found)]
}

/**
 * Who serves is Ready by now: what the service lacked then is looked at once more. Throws
 * EnsembleError 'failed' where clients are sent to somebody else.
 */
export async function lookAtServiceAgain(
  ensemble: ReachableEnsemble,
  signal: AbortSignal,
): Promise<void> {
  const { report, journal } = ensemble.run
  const before = report.checks.find(({ name }) => name === 'service')
  if (before?.outcome !== 'warned') return
  const serving = report.members.filter(({ role }) => role !== undefined && SERVING.has(role))
  const check = await watchEndpoints(ensemble, signal)?.(serving.map(({ pod }) => pod))
  if (check === undefined) return
  report.checkedAgain(check)
  journal.info(checkLine(check))
  const [first, ...rest] = check.findings.filter(({ severity }) => severity === 'error')
  if (first !== undefined) throw new EnsembleError('failed', [first, ...rest])
}

async function keepLogs(
  { kube, target, logLines, run: { report } }: ReachableEnsemble,
  view: EnsembleView,
  signal: AbortSignal,
): Promise<void> {
  if (logLines === 0)
    report.noteOnce(
      'The members’ log lines were not looked at: log-lines is 0, or the rule get pods/log is missing.',
    )
  else
    report.readLogs(
      await readMemberLogs(kube, memberPods(view), target.container, logLines, signal),
    )
}

function checkLine(check: CheckResult): string {
  return `${check.name}: ${check.outcome} – ${check.detail}${warningsOf(check)}`
}

/** A line that says `warned` says of what. */
function warningsOf({ detail, findings }: CheckResult): string {
  const told = findings.flatMap(({ severity, message }) =>
    severity === 'warning' && !detail.includes(message) ? [message] : [],
  )
  return told.length === 0 ? '' : `; ${told.join('; ')}`
}

/**
 * How the checks came out, for the line that closes the phase: one that was left out, or that
 * warned, is not one that passed.
 */
export function outcomeOf(report: Pick<Recorder, 'checks' | 'pairs'>): string {
  const named = (outcome: CheckResult['outcome']): string =>
    report.checks
      .filter((check) => check.outcome === outcome)
      .map((check) => check.name)
      .join(', ')
  const skipped = named('skipped')
  const warned = named('warned')
  const told = [
    ...(skipped === '' ? [] : [`not checked: ${skipped}`]),
    ...(warned === '' ? [] : [`warned: ${warned}`]),
  ]
  return [
    told.length === 0
      ? 'all checks passed'
      : `${warned === '' ? 'nothing found wrong' : 'no check failed'}; ${told.join('; ')}`,
    ...(report.pairs === '' ? [] : [`${report.pairs} write-then-read pairs`]),
  ].join(', ')
}

function unique(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>()
  return findings.filter((finding) => {
    const key = `${finding.code} ${finding.message}`
    return !seen.has(key) && seen.add(key)
  })
}

function timed(name: CheckResult['name'], clock: Clock, check: () => StandingCheck): CheckResult {
  const began = clock.now()
  return { name, ...check(), ms: clock.now() - began }
}

/**
 * Reads the client service's slices beside the other checks; the verdict needs to know who serves.
 */
function watchEndpoints(
  ensemble: ReachableEnsemble,
  signal: AbortSignal,
): ((serving: readonly string[]) => Promise<CheckResult>) | undefined {
  const service = ensemble.target.clientService
  if (service === undefined) return undefined
  const began = ensemble.run.clock.now()
  const read = async (): Promise<ReturnType<typeof toEndpoints> | KubeFailure> => {
    try {
      const list = await ensemble.kube.list(
        { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
        { namespace: ensemble.target.namespace, labels: `kubernetes.io/service-name=${service}` },
        signal,
      )
      return toEndpoints(service, list.items)
    } catch (error) {
      if (error instanceof KubeFailure) return error
      throw error
    }
  }
  const first = read()
  // The caller may fail before it asks for the answer.
  first.catch(() => undefined)
  return async (serving) => {
    // From here: the first look is as old as the other checks took, and may have come before the
    // last member was Ready.
    const judged = ensemble.run.clock.now()
    for (let found = await first; ; found = await read()) {
      if (found instanceof KubeFailure)
        return {
          name: 'service',
          outcome: 'skipped',
          detail: `left out: the endpoints of ${service} may not be read (${found.reason})`,
          findings: [],
          ms: ensemble.run.clock.now() - began,
        }
      const check = checkService(found, serving)
      if (check.outcome === 'passed' || ensemble.run.clock.now() - judged >= ENDPOINTS_LAG_MS)
        return { name: 'service', ...check, ms: ensemble.run.clock.now() - began }
      await ensemble.run.clock.sleep(ENDPOINTS_LOOK_MS, signal)
    }
  }
}
