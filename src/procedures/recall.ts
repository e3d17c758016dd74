// What the record of earlier runs tells, for an operation that can do without it: why it is silent is a note, never a failure.

import { EnsembleError } from '../errors.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { Kube } from '../kube/kube.ts'
import { readRecord, recordName, type StoredRecord } from '../record/record.ts'

export type Recalled = { readonly kind: 'known'; readonly stored: StoredRecord } | { readonly kind: 'silent'; /** One sentence. */ readonly why: string }

/** Rejects only with failures that concern more than the record (the API is away, the run was cancelled). */
export async function recall(kube: Kube, namespace: string, ensemble: string, signal: AbortSignal): Promise<Recalled> {
  const map = `configmap/${recordName(ensemble)}`
  try {
    const stored = await readRecord(kube, namespace, ensemble, signal)
    return stored.object === undefined ? { kind: 'silent', why: `There is no record of this ensemble (${map}): no run of this action has changed it, so what was verified is not known.` } : { kind: 'known', stored }
  } catch (error) {
    if (error instanceof KubeFailure && error.status === 403) return { kind: 'silent', why: `The record (${map}) may not be read, the right get configmaps is missing: what was verified, and whether a change is under way, is not known.` }
    if (error instanceof EnsembleError && error.code === 'CONFLICT') return { kind: 'silent', why: `${error.message}: what was verified, and whether a change is under way, is not known.` }
    throw error
  }
}

/** `a deploy was begun at 2026-01-31 12:04:05 UTC and has not ended (https://…)`; undefined when nothing is under way. */
export function unfinished({ record }: StoredRecord): string | undefined {
  const { underWay } = record
  if (underWay === null) return undefined
  const since = Number.isNaN(Date.parse(underWay.since)) ? underWay.since : `${new Date(underWay.since).toISOString().slice(0, 19).replace('T', ' ')} UTC`
  return `${/^[aeiou]/.test(underWay.operation) ? 'an' : 'a'} ${underWay.operation} was begun at ${since} and has not been recorded as finished${underWay.runUrl === '' ? '' : ` (${underWay.runUrl})`}`
}
