// After the job: gives back the lock that a killed main left, as long as it still carries our own identity. Nothing depends on this step.

import type { Kube } from './kube/kube.ts'
import { freeLease } from './record/lock.ts'
import type { PostState } from './services.ts'

/** The runner ends the whole job five minutes after a cancel; a lock that isn't given back expires after one. */
const LIMIT_MS = 20_000

export async function post(state: PostState, connect: () => Promise<Kube>, say: (line: string) => void): Promise<void> {
  if (state.lock === undefined) return
  const { lock } = state
  try {
    const kube = await connect()
    try {
      const freed = await freeLease(kube, { name: lock.lease, namespace: lock.namespace }, lock.identity, AbortSignal.timeout(LIMIT_MS))
      if (freed) say(`The lock ${lock.namespace}/${lock.lease} was left by a killed step and has been given back.`)
    } finally {
      kube.close()
    }
  } catch (error) {
    say(`The lock ${lock.namespace}/${lock.lease} could not be given back (${error instanceof Error ? error.name : 'unknown'}); it frees itself within a minute.`)
  }
}
