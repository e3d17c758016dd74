// What a cleanup would delete, and what it does not touch with the data in it, in words.

import { formatSpan } from '../../clock.ts'
import { objectName } from '../../kube/kube.ts'
import type { Run } from '../../run.ts'
import type { ClaimView } from '../../view/surroundings.ts'
import { keepsRecord, type CleanupRequest, type Survey } from './cleanup-survey.ts'

export function tellWhatGoes(
  { run, deleteClaims }: CleanupRequest,
  found: Survey,
  ours: boolean,
): void {
  const { report, journal } = run
  const row = (object: string, note: string): void => {
    report.row({ object, change: 'deleted', note })
    journal.info(`${object}: ${note}`)
  }
  for (const object of [...found.sets, ...found.objects])
    row(objectName(object), 'would be deleted')
  if (deleteClaims)
    for (const { name } of found.claims)
      row(`persistentvolumeclaim/${name}`, 'would be deleted, and its data')
  if (found.stored.object !== undefined && !keepsRecord(found, deleteClaims, ours))
    row(objectName(found.stored.object), 'would be deleted: the record')
  tellLeft(run, found, deleteClaims)
}

export function tellLeft(
  { report, journal }: Run,
  { left, claims, namespace }: Survey,
  deleteClaims: boolean,
): void {
  const notes = left.map(({ object, why }) => `${object} in ${namespace} is not touched: ${why}.`)
  if (!deleteClaims && claims.length > 0) {
    notes.push(
      `Claims that stay, with their data: ${claims.map(sized).join(', ')}. If that may go: delete-claims: true, or kubectl -n ${namespace} delete pvc ${claims.map(({ name }) => name).join(' ')}`,
    )
  }
  for (const note of notes) {
    report.note(note)
    journal.info(note)
  }
}

function sized({ name, capacity, size }: ClaimView): string {
  const bytes = capacity ?? size
  return bytes === undefined
    ? name
    : `${name} (${bytes >= 2 ** 30 ? `${Math.round((bytes / 2 ** 30) * 10) / 10}Gi` : `${Math.round(bytes / 2 ** 20)}Mi`})`
}

/** `3h05m`: since it was made. */
export function ageInWords(created: string | undefined, now: number): string {
  const at = Date.parse(created ?? '')
  return Number.isNaN(at) ? '' : formatSpan(Math.max(0, now - at))
}
