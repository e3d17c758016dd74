// plan: what a deploy would do, and whether it would be refused: load and lint, preflight and dry
// runs without the lock, what it means for the members. Writes nothing.

import { Deadline } from '../clock.ts'
import type { Finding } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { secretsIn } from '../inputs/login.ts'
import { KubeFailure } from '../kube/failure.ts'
import { objectName, type Access, type Kube } from '../kube/kube.ts'
import { rightsInWords } from '../kube/rules.ts'
import type { Loaded } from '../manifests/load.ts'
import { refuseMissing, rightsToVerify } from '../procedures/open/access.ts'
import { foresee } from '../procedures/plan/foresee.ts'
import { loadAndLint } from '../procedures/apply/load-and-lint.ts'
import type { DeployRequest, JudgeRights } from '../procedures/apply/look-around.ts'
import { inspectUnlocked, refuseWithout, type Inspected } from '../procedures/apply/preflight.ts'
import { tellChanges, tellRendered } from '../procedures/plan/tell-plan.ts'
import { seeLock } from '../record/lock.ts'
import { underWayInWords } from '../record/record.ts'
import { warningText } from '../report/annotations.ts'
import type { Run } from '../run.ts'
import { withClusterInTime } from '../procedures/open/with-cluster.ts'

export async function plan(inputs: Inputs, run: Run): Promise<void> {
  const loaded = await loadAndLint(inputs, run)
  if (!(await run.hasCluster(inputs))) return renderedOnly(inputs, run, loaded)
  await withClusterInTime(inputs, run, (kube, signal) =>
    planIn(
      kube,
      { inputs, run, loaded, deadline: new Deadline(run.clock, inputs.timeoutMs) },
      signal,
    ),
  )
}

async function planIn(kube: Kube, request: DeployRequest, signal: AbortSignal): Promise<void> {
  const { inputs, run, loaded } = request
  const { journal, report } = run
  const ground = await journal.phase('Preflight', (done) =>
    inspectUnlocked(
      kube,
      request,
      {
        judge: inputs.operation === 'plan' ? judgeRights(run, loaded) : refuseWithout(request),
        compares: inputs.operation === 'plan',
        planned: (changes, missing) =>
          tellChanges(run, changes, {
            missing: inputs.createNamespace ? missing : undefined,
            hidden: secretsOf(inputs),
          }),
      },
      signal,
      done,
    ),
  )
  tellUntried(run, ground)
  const meaning = await journal.phase('What it means for the members', async (done) => {
    const found = await foresee(kube, request, ground, signal)
    done(found.lines[0] ?? '')
    return found
  })
  report.about({ impact: meaning.impact, meaning: [...meaning.lines] })
  if (ground.there) await tellOthers(kube, run, ground, signal)
  report.ends('planned')
}

/** A pull request from a fork has no kubeconfig: what can be said without a cluster is said. */
function renderedOnly(inputs: Inputs, run: Run, { manifests }: Loaded): void {
  const { journal, report } = run
  tellRendered(run, manifests, secretsOf(inputs))
  report.about({ namespace: inputs.namespace ?? '' })
  report.about({
    meaning: [
      `${manifests.length} ${manifests.length === 1 ? 'object was' : 'objects were'} rendered and linted, and nothing else: there is no kubeconfig here, so what would change in a cluster is not known.`,
    ],
  })
  journal.notice(report.meaning[0] ?? '')
  report.ends('planned')
}

function secretsOf({ zookeeperAuth, cassandraAuth }: Inputs): readonly string[] {
  return [zookeeperAuth, cassandraAuth].flatMap(secretsIn)
}

/**
 * A plan may have fewer rights than the deploy: what it can't do without is refused, the rest is
 * told.
 */
function judgeRights({ journal, report }: Run, { profile }: Loaded): JudgeRights {
  return (rights, namespace) => {
    const needed = ({ verb, resource }: Access): boolean =>
      (verb === 'get' || verb === 'list') && resource !== 'leases'
    refuseMissing(rights.missing.filter(needed), 'ACCESS_DENIED')
    const rest = [...rights.missing, ...rightsToVerify(rights, profile, namespace)]
    if (rest.length === 0) return
    const finding: Finding = {
      code: 'ACCESS_DENIED',
      severity: 'warning',
      message: `a deploy with these credentials would be refused, since these rights are missing${rightsInWords(rest)}`,
      fix: 'Nothing, if the deploy has credentials of its own. Else add the rules of docs/role.yaml.',
    }
    report.found(finding)
    journal.warning(
      `${finding.message}. They do not matter if the deploy has credentials of its own.`,
    )
  }
}

function tellUntried(
  { report }: Run,
  { plan: changes, there, target }: Inspected & { readonly there: boolean },
): void {
  const untried = changes
    .filter(({ compared }) => compared === true)
    .map(({ manifest }) => objectName(manifest.object))
  if (!there)
    report.note(
      `Namespace ${target.namespace} is not there yet: no object could be tried, so what the server would refuse is not known. A deploy makes it first.`,
    )
  else if (untried.length > 0)
    report.note(
      `Not tried, since this run may not patch them, which a dry run needs too: ${untried.join(', ')}. They were only compared with the cluster. So this plan does not show fields that the manifests no longer have, conflicts, defaults, and what the server would refuse.`,
    )
}

/** What other runs do, or have left undone. */
async function tellOthers(
  kube: Kube,
  { journal, report }: Run,
  { target: { name, namespace }, stored }: Inspected,
  signal: AbortSignal,
): Promise<void> {
  const { underWay } = stored.record
  if (underWay !== null)
    report.note(
      `${underWayInWords(underWay, name)}: a deploy of these manifests would take its place.`,
    )
  try {
    const lock = await seeLock(kube, namespace, name, signal)
    if (lock === undefined) return
    const finding: Finding = {
      code: 'LOCKED',
      severity: 'notice',
      message: `${lock.holder} holds the lock of ${name} now: what it changes comes on top of this plan, and a deploy would wait for it`,
    }
    report.found(finding)
    journal.notice(warningText(finding))
  } catch (error) {
    if (!(error instanceof KubeFailure) || error.status !== 403) throw error
    report.note('Whether another run holds the lock is not known: the right get leases is missing.')
  }
}
