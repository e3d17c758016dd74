// Kustomizations are built by the kubectl of the runner, so that they come out as the user's own
// `kubectl apply -k` would have them.

import { relative } from 'node:path'
import { z } from 'zod'
import type { Finding } from '../errors.ts'
import { sourceFault } from './findings.ts'
import type { ManifestIo } from './io.ts'
import type { SourceText } from './parse.ts'

const LONGEST_BUILD_MS = 60_000
/** More than any cluster takes in one deploy; bytes. */
const LONGEST_BUILD = 16 * 1024 * 1024

export async function buildKustomization(
  source: string,
  path: string,
  io: ManifestIo,
  signal: AbortSignal,
): Promise<{ readonly key: string; readonly text: SourceText } | Finding> {
  const cannot = (why: string): Finding => ({
    code: 'MANIFEST_INVALID',
    severity: 'error',
    message: `kustomization ${source} cannot be built: ${why}`,
    fix: `try it by hand: kubectl kustomize ${source}`,
    input: 'manifests',
  })
  try {
    const built = await io.run(
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
    switch (built.kind) {
      case 'timed-out':
        return sourceFault(
          source,
          'took more than a minute to build',
          'build it in a step of its own and give its output',
        )
      case 'too-long':
        return cannot('it comes to more than 16 MiB')
      case 'exited': {
        if (built.code === 0)
          return {
            key: `kustomization ${path}`,
            text: {
              file: `${relative(io.workspace, path) || '.'} (built by kubectl kustomize)`,
              text: built.stdout,
              lines: false,
            },
          }
        const why =
          built.stderr
            .trim()
            .split('\n')[0]
            ?.replace(/^error: /, '') ?? ''
        return cannot(why || `kubectl exited with ${built.code}`)
      }
    }
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

function isMissing(error: unknown): boolean {
  return z.looseObject({ code: z.literal('ENOENT') }).safeParse(error).success
}
