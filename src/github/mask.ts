// Hides secrets from every log, summary and annotation of the job. Only a token, a password or a
// key is masked: the runner masks each line of a value, so masking a whole kubeconfig would star
// out lines such as `apiVersion: v1` everywhere.

import type { Env } from './command.ts'

/** Shorter values would star out parts of ordinary words. */
const SHORTEST = 4

/**
 * Hands these values to `setSecret` (that of @actions/core); what is empty, very short or plainly a
 * whole document is not touched. Outside of Actions nobody would
 * remove the command again, and it would show what it should hide: nothing is written there.
 */
export function maskSecrets(
  setSecret: (secret: string) => void,
  secrets: readonly (string | undefined)[],
  env: Env,
): void {
  if (env['GITHUB_ACTIONS'] !== 'true') return
  for (const secret of new Set(secrets)) {
    if (secret === undefined || secret.trim().length < SHORTEST || isDocument(secret)) continue
    setSecret(secret)
  }
}

/**
 * maskSecrets with the toolkit's setSecret, loaded late: only a run that connects has secrets to
 * hide, and it loads more than that. `aside` makes sure that the runner listens.
 */
export async function loadMasker(
  env: Env,
  aside: (work: () => void) => void,
): Promise<(secrets: readonly (string | undefined)[]) => void> {
  const { setSecret } = await import('@actions/core')
  return (secrets) => maskSecrets((secret) => aside(() => setSecret(secret)), secrets, env)
}

/** A kubeconfig or a manifest, plain; a PEM key has no `key: value` lines. */
function isDocument(text: string): boolean {
  return (
    /^\s*(?:apiVersion|kind|clusters|users|contexts)\s*:/m.test(text) ||
    /^\s*\{[\s\S]*"apiVersion"/.test(text)
  )
}
