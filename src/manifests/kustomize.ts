// Kustomizations are built by the kubectl of the runner, so that they come out as the user's own
// `kubectl apply -k` would have them.

import { relative } from 'node:path'
import { z } from 'zod'
import type { Finding } from '../errors.ts'
import type { ProgramOutcome } from '../program.ts'
import { sourceFault } from './findings.ts'
import type { ManifestIo } from './io.ts'
import type { SourceText } from './parse.ts'

const LONGEST_BUILD_MS = 60_000
/** More than any cluster takes in one deploy; bytes. */
const LONGEST_BUILD = 16 * 1024 * 1024

interface Built {
  readonly key: string
  readonly text: SourceText
}

export async function buildKustomization(
  source: string,
  path: string,
  io: ManifestIo,
  signal: AbortSignal,
): Promise<Built | Finding> {
  try {
    const ended = await io.run(
      {
        command: 'kubectl',
        args: ['kustomize', path],
        needs: 'little',
        env: {},
        timeoutMs: LONGEST_BUILD_MS,
        longest: LONGEST_BUILD,
      },
      signal,
    )
    return builtBy(ended, source, path, io)
  } catch (error) {
    signal.throwIfAborted()
    if (isMissing(error))
      return sourceFault(
        source,
        'is a kustomization, and there is no kubectl on this runner to build it',
        'install kubectl in a step before this one, or build it elsewhere and give the output as a file',
      )
    throw error
  }
}

/** What kubectl has built, or why that is nothing. */
function builtBy(
  ended: ProgramOutcome,
  source: string,
  path: string,
  { workspace }: Pick<ManifestIo, 'workspace'>,
): Built | Finding {
  switch (ended.kind) {
    case 'timed-out':
      return sourceFault(
        source,
        'took more than a minute to build',
        'build it in a step of its own and give its output',
      )
    case 'too-long':
      return unbuildable(source, 'it comes to more than 16 MiB')
    case 'exited': {
      const { code, stdout, stderr } = ended
      const file = `${relative(workspace, path) || '.'} (built by kubectl kustomize)`
      if (code === 0)
        return { key: `kustomization ${path}`, text: { file, text: stdout, lines: false } }
      const first =
        stderr
          .trim()
          .split('\n')[0]
          ?.replace(/^error: /, '') ?? ''
      return unbuildable(source, first || `kubectl exited with ${code}`)
    }
  }
}

function unbuildable(source: string, why: string): Finding {
  return {
    code: 'MANIFEST_INVALID',
    severity: 'error',
    message: `kustomization ${source} cannot be built: ${why}`,
    fix: `try it by hand: kubectl kustomize ${source}`,
    input: 'manifests',
  }
}

function isMissing(error: unknown): boolean {
  return z.looseObject({ code: z.literal('ENOENT') }).safeParse(error).success
}
