// Everything that can be known before the first write: rights, namespace, lock, what is there already, and what an apply would do. All findings in one failure.

import type { Deadline } from '../clock.ts'
import { rollsMembers } from '../decide/changes.ts'
import { judgePreflight, looksLeftOut, type PreflightInput } from '../decide/preflight.ts'
import type { ProfileName } from '../ensemble/profile.ts'
import { EnsembleError, type Finding } from '../errors.ts'
import { addressesOf } from '../manifests/addresses.ts'
import { memberContainer } from '../manifests/ensemble.ts'
import { parseSet } from '../manifests/shapes.ts'
import { toSet } from '../kube/views/index.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import type { Loaded } from '../manifests/load.ts'
import type { Manifest } from '../manifests/manifest.ts'
import { emptyRecord, ofThisSet, readRecord, verifiedNames, type StoredRecord } from '../record/record.ts'
import { droppedInWords } from '../record/under-way.ts'
import { LOCK_WAIT_MS, leaseName, newIdentity, takeLock, type Lock } from '../record/lock.ts'
import { warningText } from '../report/annotations.ts'
import type { Services } from '../services.ts'
import type { NodeView } from '../view/surroundings.ts'
import type { LabelSelector } from '../view/workload.ts'
import { refuseMissing, reviewRights, rightsToApply, rightsToLook, rightsToRecord, rightsToVerify, type Rights } from './access.ts'
import { planChanges, refOf, type PlannedChange } from './apply.ts'
import { connectionString, targetOf } from './ensemble-target.ts'
import { keepCount, leavesCountOut, wantedCount } from './kept-count.ts'
import { lintWithCluster } from './lint-cluster.ts'
import { refuseToCreate, ensureNamespace, readNamespace } from './namespace.ts'
import { preflightInput, type Seen } from './preflight-input.ts'
import { servicesIfAllowed } from './read-ensemble.ts'
import { RELEASE_MS } from './release.ts'
import { classesIn, readClaimsInUse, readSurroundings } from './surroundings.ts'
import { tryPod } from './try-pod.ts'
import { inNamespace, resolveNamespace } from './target.ts'
import type { Target } from './verify-ensemble.ts'

/** What the way forward stands on. */
export interface Ground {
  readonly target: Target
  readonly profile: ProfileName
  readonly selector: LabelSelector
  readonly rights: Rights
  /** With their namespace, in the order in which they are applied. */
  readonly manifests: readonly Manifest[]
  readonly setManifest: Manifest
  /** Image of the member's container. */
  readonly image: string
  readonly plan: readonly PlannedChange[]
  /** The StatefulSet as it is; undefined on a first install. */
  readonly live: KubeObject | undefined
  /** The pod template changes: members will be replaced. */
  readonly rolls: boolean
  readonly nodes: readonly NodeView[] | undefined
  readonly stored: StoredRecord
  readonly lock: Lock
}

export async function inspectGround(kube: Kube, inputs: Inputs, services: Services, loaded: Loaded, deadline: Deadline, signal: AbortSignal, done: (line: string) => void): Promise<Ground> {
  const { report } = services
  const namespace = resolveNamespace(inputs.namespace, loaded.manifests, kube.namespace)
  if (inputs.createNamespace) refuseToCreate(namespace, inputs.namespace !== undefined || loaded.manifests.some(({ object }) => object.metadata.namespace !== undefined))
  report.namespace = namespace
  const given = loaded.manifests.map((manifest) => inNamespace(manifest, namespace))
  const givenSet = given[loaded.manifests.indexOf(loaded.set)] ?? loaded.set

  const needed = [...rightsToLook(namespace), ...rightsToRecord(namespace), ...rightsToApply(given, namespace)]
  const [rights, namespaceState, surroundings] = await Promise.all([reviewRights(kube, needed, namespace, signal), readNamespace(kube, namespace, services.holder.repository, signal), readSurroundings(kube, namespace, { wanted: toSet(inNamespace(loaded.set, namespace).object).claimTemplates.map(({ storageClass }) => storageClass), own: classesIn(loaded.manifests) }, signal)])
  refuseMissing(rights.missing, 'ACCESS_DENIED')
  if (inputs.verify !== 'off') refuseMissing(rightsToVerify(rights, loaded.profile, namespace), 'CHECK_IMPOSSIBLE')
  tellOmissions(services, rights)
  const there = namespaceState.kind === 'there'
  const setManifest = keepCount(givenSet, there && leavesCountOut(givenSet.object) ? await kube.get(refOf(givenSet.object), signal) : undefined)
  const manifests = given.map((manifest) => (manifest === givenSet ? setManifest : manifest))
  const target = await targetIn(kube, setManifest.object, manifests.map((manifest) => manifest.object), loaded.profile, namespace, signal)

  const claimsInUse = (surroundings.claims ?? []).length === 0 ? undefined : await readClaimsInUse(kube, namespace, signal)
  const seen: Seen = { inputs, services, manifests, setManifest, namespaceState, surroundings, claimsInUse, deadline, credentialsEnd: kube.credentialsEnd, profile: loaded.profile }
  // Without a namespace there is nothing to lock, to read or to dry-run yet: judge what can be judged before it is made.
  const lintAgain = (live: KubeObject | undefined): Promise<readonly Finding[]> => lintWithCluster(kube, loaded, { namespace, there, live, level: inputs.lint }, signal)
  if (!there) refuseFaults(seen, await planChanges(kube, manifests, { force: inputs.forceConflicts, dryRuns: false }, signal), await lintAgain(undefined))
  await ensureNamespace(kube, inputs, namespace, namespaceState, services, signal)
  if (namespaceState.kind === 'missing' && !inputs.createNamespace) await applyOwnNamespace(kube, manifests, services, signal)
  const identity = newIdentity(services.holder)
  services.remember({ lock: { namespace, lease: leaseName(target.name), identity } })
  const lock = await takeLock(kube, services.clock, { namespace, ensemble: target.name, holder: services.holder, identity, waitMs: Math.min(LOCK_WAIT_MS, deadline.left()), say: (line) => services.journal.info(line) }, signal)
  try {
    const read = namespaceState.kind === 'there' ? await readRecord(kube, namespace, target.name, signal) : { record: emptyRecord(target.name), object: undefined }
    const plan = await planChanges(kube, manifests, { force: inputs.forceConflicts, dryRuns: true, verified: verifiedNames(read.record) }, signal)
    const own = plan.find((planned) => planned.manifest === setManifest)
    const { stored, dropped } = ofThisSet<StoredRecord>(read, own?.live?.metadata.uid)
    if (dropped !== null) services.report.notes.push(droppedInWords(dropped, target.name))
    // Of a set that stays as it is no pods are made.
    const tried = own !== undefined && own.change !== 'unchanged' ? await tryPod(kube, { manifests, setManifest, runs: own.live !== undefined }, signal) : []
    refuseFaults(seen, plan, [...(there ? await lintAgain(own?.live) : []), ...tried])
    const wanted = toSet(setManifest.object)
    report.replicas = wantedCount(setManifest.object, own?.live)
    report.connectionString = connectionString(target, wanted.start, report.replicas)
    report.previousRevision = own?.live === undefined ? '' : toSet(own.live).status.updateRevision
    services.publish()
    const changing = plan.filter((planned) => planned.change !== 'unchanged').length
    done(changing === 0 ? 'nothing to change' : `${changing} of ${plan.length} objects to change`)
    return {
      target, profile: loaded.profile, selector: wanted.selector, rights, manifests, setManifest, image: memberImage(setManifest.object, loaded.profile), plan, live: own?.live,
      rolls: own?.live !== undefined && rollsMembers(own.paths), nodes: surroundings.nodes, stored, lock,
    }
  } catch (error) {
    await lock.release(AbortSignal.timeout(RELEASE_MS))
    throw error
  }
}

/** Services that the member list names may have been made elsewhere: they are looked for where the manifests don't have them. */
async function targetIn(kube: Kube, set: KubeObject, own: readonly KubeObject[], profile: ProfileName, namespace: string, signal: AbortSignal): Promise<Target> {
  const names = new Set(own.flatMap((object) => (object.kind === 'Service' ? [object.metadata.name] : [])))
  if (addressesOf(set, own, profile, namespace).kind !== 'unknown') return targetOf(set, own, profile, namespace)
  const there = (await servicesIfAllowed(kube, namespace, signal)) ?? []
  return targetOf(set, [...own, ...there.filter((object) => !names.has(object.metadata.name))], profile, namespace)
}

/** All findings of preflight and dry runs in one failure, with their lines; warnings are told once. */
function refuseFaults(seen: Seen, plan: readonly PlannedChange[], linted: readonly Finding[]): void {
  const { services, setManifest } = seen
  const input: PreflightInput = preflightInput(seen, plan)
  const judged = judgePreflight(input).map(({ path, ...finding }): Finding => (path === undefined ? finding : { ...finding, place: setManifest.placeOf(path) }))
  // The server's own words on an immutable field name no field: ours do.
  const dry = plan.flatMap((planned) => planned.findings).filter((finding) => finding.code !== 'IMMUTABLE_FIELD' || !judged.some((own) => own.code === 'IMMUTABLE_FIELD'))
  const findings = [...judged, ...linted, ...dry]
  for (const finding of findings) {
    if (finding.severity === 'error' || services.report.findings.some((known) => known.message === finding.message)) continue
    services.report.findings.push(finding)
    services.journal[finding.severity](warningText(finding), finding.place)
  }
  const leftOut = looksLeftOut(input)
  const note = `Preflight did not look at ${leftOut.join(', ')}: the rights are missing.`
  if (leftOut.length > 0 && !services.report.notes.includes(note)) services.report.notes.push(note)
  const [first, ...rest] = findings.filter((finding) => finding.severity === 'error')
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
}

function tellOmissions({ report }: Services, rights: Rights): void {
  const without = [
    [rights.events, 'Events may not be read: causes are told from the pods alone.'],
    [rights.logs, 'Logs may not be read (get pods/log): evidence comes without log lines.'],
    [rights.exec || !rights.forward, 'No right to exec: what only a look into the members can show is left out of the checks.'],
  ] as const
  for (const [allowed, note] of without) if (!allowed) report.notes.push(note)
}

function memberImage(set: KubeObject, profile: ProfileName): string {
  const spec = parseSet(set)?.spec.template.spec
  return spec === undefined ? '' : (memberContainer(spec, profile)?.image ?? '')
}

/** The manifests bring their namespace themselves: it must be there before the lock can be. */
async function applyOwnNamespace(kube: Kube, manifests: readonly Manifest[], { report, journal }: Services, signal: AbortSignal): Promise<void> {
  for (const { object } of manifests.filter((manifest) => manifest.object.kind === 'Namespace')) {
    await kube.apply(object, {}, signal)
    report.changed = true
    report.standing = `namespace ${object.metadata.name} was made; nothing else was changed`
    journal.info(`namespace/${object.metadata.name} created`)
  }
}
