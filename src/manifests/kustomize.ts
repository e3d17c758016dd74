// Kustomizations are built by the kubectl of the runner, so that they come out as the user's own `kubectl apply -k` would have them.

import { relative } from 'node:path'
import { z } from 'zod'
import { abortReason } from '../clock.ts'
import type { Finding } from '../errors.ts'
import { sourceFault } from './findings.ts'
import type { ManifestIo } from './io.ts'
import type { SourceText } from './parse.ts'

/** The names by which kustomize knows its directories. */
export const KUSTOMIZATIONS: readonly string[] = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']

const LONGEST_BUILD_MS = 60_000

export async function buildKustomization(source: string, path: string, io: ManifestIo, signal: AbortSignal): Promise<{ readonly key: string; readonly text: SourceText } | Finding> {
  const timeout = AbortSignal.timeout(LONGEST_BUILD_MS)
  try {
    const end = AbortSignal.any([signal, timeout])
    const built = await Promise.race([io.run('kubectl', ['kustomize', path], end), ended(end)])
    if (built.exitCode === 0) return { key: `kustomization ${path}`, text: { file: `${relative(io.workspace, path) || '.'} (built by kubectl kustomize)`, text: built.stdout, lines: false } }
    const why = built.stderr.trim().split('\n')[0]?.replace(/^error: /, '') ?? ''
    return { code: 'MANIFEST_INVALID', severity: 'error', message: `kustomization ${source} cannot be built: ${why || `kubectl exited with ${built.exitCode}`}`, mend: `try it by hand: kubectl kustomize ${source}`, input: 'manifests' }
  } catch (error) {
    signal.throwIfAborted()
    if (timeout.aborted) return sourceFault(source, 'took more than a minute to build', 'look for remote bases that do not answer, or build it in a step of its own and give its output')
    if (isMissing(error)) return sourceFault(source, 'is a kustomization, and there is no kubectl on this runner to build it', 'install kubectl in a step before this one, or build it elsewhere and give the output as a file')
    throw error
  }
}

/** Rejects when the signal does: a program that can't be ended must not hold up the run. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true }))
}

/** `code` ENOENT of node:child_process, or the toolkit's own words for a program that is nowhere on the PATH. */
function isMissing(error: unknown): boolean {
  return z.looseObject({ code: z.literal('ENOENT') }).safeParse(error).success || (error instanceof Error && /unable to locate executable file/i.test(error.message))
}
