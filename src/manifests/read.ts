// The objects of the input manifests, read and parsed, and nothing judged: for who wants to know
// which ensemble is meant.

import { EnsembleError, type Finding } from '../errors.ts'
import { unhurried } from '../unhurried.ts'
import { chooseSet } from './ensemble.ts'
import type { ManifestIo } from './io.ts'
import type { Manifest } from './manifest.ts'
import { secretValues } from './secret-values.ts'
import { shapesOf } from './shapes.ts'

/** The parser is loaded only where there is something to parse. */
export async function readManifests(
  sources: readonly string[],
  io: ManifestIo,
  signal: AbortSignal,
  findings: Finding[],
): Promise<readonly Manifest[]> {
  const [{ readSources }, { manifestAllowance, readText }] = await Promise.all([
    import('./sources.ts'),
    import('./parse.ts'),
  ])
  const read = await readSources(sources, io, signal)
  findings.push(...read.findings)
  const allowance = manifestAllowance()
  const manifests: Manifest[] = []
  for (const text of read.texts) {
    const parsed = await unhurried(readText(text, allowance), signal)
    findings.push(...parsed.findings)
    for (const manifest of parsed.manifests) manifests.push(manifest)
  }
  return manifests
}

/**
 * Name of the StatefulSet that the manifests bring; throws an EnsembleError where they can't be
 * read, or bring none or several.
 */
export async function setNameIn(
  sources: readonly string[],
  io: ManifestIo,
  signal: AbortSignal,
): Promise<string> {
  const findings: Finding[] = []
  const manifests = await readManifests(sources, io, signal, findings)
  const secrets = secretValues(manifests)
  if (secrets.length > 0) io.hide(secrets)
  const { sets, findings: odd } = shapesOf(manifests)
  const [first, ...rest] = [...findings, ...odd].filter(({ severity }) => severity === 'error')
  if (first !== undefined) throw new EnsembleError('refused', [first, ...rest])
  const chosen = chooseSet(sets, undefined)
  if ('message' in chosen) throw new EnsembleError('refused', [chosen])
  return chosen.manifest.object.metadata.name
}
