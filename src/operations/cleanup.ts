// cleanup: removes what deploys of this action made: one ensemble, a preview with its namespace,
// or (sweep) every preview whose time is over. What isn't proven to be ours stays.

import { capital } from '../capital.ts'
import { Deadline, formatSpan } from '../clock.ts'
import { expiryOf, makerOf, MANAGED_LABEL } from '../decide/cleanup.ts'
import { EnsembleError, failure, type Finding } from '../errors.ts'
import type { Inputs } from '../inputs/inputs.ts'
import { KubeFailure } from '../kube/failure.ts'
import { explainFailure } from '../kube/explain.ts'
import type { Kube, KubeObject } from '../kube/kube.ts'
import { refuseMissing } from '../procedures/open/access.ts'
import { cleanUp, cleanUpDry, type Cleaned } from '../procedures/cleanup/clean-up.ts'
import type { CleanupRequest } from '../procedures/cleanup/cleanup-survey.ts'
import { ageInWords } from '../procedures/cleanup/tell-cleanup.ts'
import type { NamespaceRow } from '../report/run-report.ts'
import type { Run } from '../run.ts'
import { withCluster, within } from '../procedures/open/with-cluster.ts'

export async function cleanup(inputs: Inputs, run: Run): Promise<void> {
  const { report } = run
  const name =
    inputs.name ?? (inputs.manifests.length === 0 ? undefined : await nameIn(inputs, run))
  await withCluster(inputs, run, async (kube) => {
    report.about({ name: name ?? '', namespace: inputs.namespace ?? '' })
    if (inputs.sweep) await sweep(kube, inputs, run)
    else await cleanOne(kube, inputs, run, name)
  })
}

/** What was deployed once is not judged again: only its name is asked for. */
async function nameIn({ manifests }: Inputs, run: Run): Promise<string> {
  return (await import('../manifests/read.ts')).setNameIn(manifests, run.manifestIo, run.signal)
}

async function cleanOne(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  name: string | undefined,
): Promise<void> {
  const { report, journal } = run
  if (inputs.namespace === undefined)
    throw failure('refused', 'INPUT_INVALID', 'cleanup needs to be told where', {
      input: 'namespace',
    })
  const { namespace, deleteClaims } = inputs
  const { note } = await bounded(kube, { run, namespace, name, deleteClaims }, inputs)
  const deleted = report.changes.some(
    ({ object, change }) => object === `namespace/${namespace}` && change === 'deleted',
  )
  if (!deleted && !report.notes.some((one) => one.includes(note))) report.note(`${capital(note)}.`)
  journal.info(note)
  report.ends(inputs.dryRun ? 'planned' : report.changed ? 'succeeded' : 'unchanged')
}

/** Within the timeout, of which each namespace has its own. */
async function bounded(
  kube: Kube,
  asked: Omit<CleanupRequest, 'deadline'>,
  inputs: Inputs,
): Promise<Cleaned> {
  const { run } = asked
  return within(inputs.timeoutMs, run, (signal) => {
    const whole = { ...asked, deadline: new Deadline(run.clock, inputs.timeoutMs) }
    return inputs.dryRun ? cleanUpDry(kube, whole, signal) : cleanUp(kube, whole, signal)
  })
}

async function sweep(kube: Kube, inputs: Inputs, run: Run): Promise<void> {
  const { report, journal, signal } = run
  const { found, now } = await journal.phase('Look for previews', async (done) => {
    refuseMissing(
      await kube.denied([{ verb: 'list', group: '', resource: 'namespaces' }], signal),
      'ACCESS_DENIED',
    )
    const [{ items }, time] = await Promise.all([
      kube.list(
        { apiVersion: 'v1', kind: 'Namespace' },
        { labels: `${MANAGED_LABEL}=true` },
        signal,
      ),
      kube.time(signal),
    ])
    if (time === undefined)
      throw failure(
        'refused',
        'CHECK_IMPOSSIBLE',
        'the API server does not say what time it is (no Date header): whose time is over is not known',
        { fix: 'Check the proxy between this runner and the API server.' },
      )
    done(
      `${items.length} ${items.length === 1 ? 'namespace' : 'namespaces'} with the label of this action`,
    )
    return { found: items, now: time }
  })
  const failed: Finding[] = []
  for (const namespace of found) {
    const row: NamespaceRow = {
      namespace: namespace.metadata.name,
      age: ageInWords(namespace.metadata.creationTimestamp, now),
      verdict: 'left',
      note: whyNotDue(namespace, run.holder.repository, now) ?? '',
    }
    report.namespaceRow(row)
    if (row.note === '') failed.push(...(await sweepOne(kube, inputs, run, row, now)))
    journal.info(
      `${row.namespace} (${row.age} old): ${row.verdict}${row.note === '' ? '' : `, ${row.note}`}`,
    )
    run.publish()
  }
  const [first, ...rest] = failed
  if (first !== undefined)
    throw new EnsembleError(report.changed ? 'failed' : 'refused', [first, ...rest])
  report.stands(
    `${report.namespaces.filter(({ verdict }) => verdict === 'gone').length} previews deleted`,
  )
  report.ends(inputs.dryRun ? 'planned' : report.changed ? 'succeeded' : 'unchanged')
}

/**
 * Why a namespace with our label stays; undefined: it is this repository's, and its time is over.
 */
function whyNotDue({ metadata }: KubeObject, repository: string, now: number): string | undefined {
  const maker = makerOf(metadata, repository)
  if (maker.kind === 'another') return `made for another repository, ${maker.repository}`
  if (maker.kind !== 'ours') return 'no annotation says for which repository it was made'
  const expiry = expiryOf(metadata, now)
  switch (expiry.kind) {
    case 'over':
      return undefined
    case 'to come':
      return `its time is over in ${formatSpan(expiry.ms)}`
    case 'none':
      return 'it was made without ttl'
    case 'unreadable':
      return `its expires-at is not a time: ${expiry.text}`
  }
}

/** What fails ends this namespace alone; a cancel ends all. */
async function sweepOne(
  kube: Kube,
  inputs: Inputs,
  run: Run,
  row: NamespaceRow,
  now: number,
): Promise<readonly Finding[]> {
  const { report, signal, clock } = run
  const began = clock.now()
  report.stands(`at namespace ${row.namespace}`)
  try {
    const stillDue = (metadata: KubeObject['metadata']): boolean =>
      expiryOf(metadata, now + clock.now() - began).kind === 'over'
    const { outcome, note } = await bounded(
      kube,
      {
        run,
        namespace: row.namespace,
        name: undefined,
        deleteClaims: inputs.deleteClaims,
        stillDue,
      },
      inputs,
    )
    const verdict = inputs.dryRun
      ? outcome === 'gone'
        ? 'would go'
        : 'would stay'
      : outcome === 'not due'
        ? 'left'
        : outcome
    report.namespaceIs(row.namespace, { verdict, note })
    return []
  } catch (error) {
    signal.throwIfAborted()
    const findings =
      error instanceof EnsembleError
        ? error.findings
        : error instanceof KubeFailure
          ? [explainFailure(error)]
          : undefined
    const [first] = findings ?? []
    if (findings === undefined || first === undefined) throw error
    report.namespaceIs(row.namespace, {
      verdict: 'failed',
      note: `${first.code}: ${first.message}`,
    })
    return findings.filter(({ severity }) => severity === 'error')
  }
}
