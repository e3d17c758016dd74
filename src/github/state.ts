// What main leaves for post: one JSON, written before each thing that post would have to release.
// It holds names and identities, never a credential.

import { z } from 'zod'
import type { PostState } from '../run.ts'
import { appendToFile, type Env } from './command.ts'

const NAME = 'zk-ensemble'

const savedState = z.object({
  version: z.literal(1),
  lock: z.object({ namespace: z.string(), lease: z.string(), identity: z.string() }).optional(),
  nodes: z.array(z.object({ name: z.string(), ensemble: z.string() })).optional(),
})

/**
 * Replaces what was saved before: the runner keeps the last value. Throws when the file can't be
 * written, since then nothing may be taken.
 */
export function saveState(env: Env, state: PostState): void {
  appendToFile(env, 'STATE', { [NAME]: JSON.stringify({ version: 1, ...state }) })
}

/**
 * What main saved; empty when it saved nothing or it can't be read (another version of the action
 * wrote it).
 */
export function readState(env: Env): PostState {
  const text = env[`STATE_${NAME}`]
  if (text === undefined || text === '') return {}
  const parsed = savedState.safeParse(parseJson(text))
  if (!parsed.success) return {}
  const { lock, nodes } = parsed.data
  return { ...(lock === undefined ? {} : { lock }), ...(nodes === undefined ? {} : { nodes }) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
