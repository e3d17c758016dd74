// After the job: releases what a killed main left, its cordons and its lock, as long as they
// still carry our own identity. Nothing depends on this step.

import type { Kube } from './kube/kube.ts'
import { freeLease } from './record/lock.ts'
import type { PostState } from './run.ts'

/**
 * The runner ends the whole job five minutes after a cancel; a lock that isn't released expires
 * after one. Milliseconds.
 */
const LIMIT_MS = 20_000
/**
 * A node that stays cordoned costs a member its place: people are told soon, and how to do it by
 * hand. Milliseconds.
 */
const NODES_LIMIT_MS = 8_000

export async function post(
  state: PostState,
  connect: () => Promise<Kube>,
  say: (line: string) => void,
): Promise<void> {
  if (state.lock === undefined) return
  const { lock, nodes = [] } = state
  const left = new Set(nodes.map(({ name }) => name))
  try {
    const kube = await connect()
    try {
      await uncordonLeft(kube, { lock, nodes }, left, say)
      const freed = await freeLease(
        kube,
        { name: lock.lease, namespace: lock.namespace },
        lock.identity,
        AbortSignal.timeout(LIMIT_MS),
      )
      if (freed)
        say(`The lock ${lock.namespace}/${lock.lease} was left by a killed step and was released.`)
    } finally {
      kube.close()
    }
  } catch (error) {
    tellLeft(left, error, say)
    say(
      `The lock ${lock.namespace}/${lock.lease} could not be released (${nameOf(error)}); it expires within a minute.`,
    )
  }
}

/**
 * `left`: names of the nodes about which something is still to be said. Never throws: the lock is
 * freed all the same.
 */
async function uncordonLeft(
  kube: Kube,
  state: Required<PostState>,
  left: Set<string>,
  say: (line: string) => void,
): Promise<void> {
  if (left.size === 0) return
  try {
    // Loaded only here: most runs cordon nothing.
    const { uncordonInPost } = await import('./procedures/drain/post-nodes.ts')
    await uncordonInPost(
      kube,
      state,
      (name) => left.delete(name),
      say,
      AbortSignal.timeout(NODES_LIMIT_MS),
    )
  } catch (error) {
    tellLeft(left, error, say)
    left.clear()
  }
}

function tellLeft(left: ReadonlySet<string>, error: unknown, say: (line: string) => void): void {
  for (const name of left)
    say(
      `Node ${name} may still be cordoned by this run (${nameOf(error)}): see kubectl get node ${name}, and uncordon it with kubectl uncordon ${name}; the next run does it, too.`,
    )
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown'
}
