// A change that was begun and has not ended, in words: whoever has to wait for it is told what it
// is and how it comes to an end.

import type { EnsembleRecord } from './record.ts'

type UnderWay = NonNullable<EnsembleRecord['underWay']>

/** `name`: of the ensemble. */
export function underWayInWords({ operation, since }: UnderWay, name: string): string {
  return `${operation === 'undo' ? 'an' : 'a'} ${operation} of ${name} was begun at ${since} and has not ended`
}

/** A note: it was begun on a StatefulSet that is gone. */
export function droppedInWords({ operation, since }: UnderWay, name: string): string {
  return `The ${operation} that was begun at ${since} counts no more: statefulset/${name} was deleted since, and another one was made under its name.`
}

/** A mend: what ends it. */
export function endOf({ operation, replicas, runUrl }: UnderWay): string {
  const by = runUrl === '' ? '' : ` (it was begun by ${runUrl})`
  // Members that have left don't come back by an undo: only the scale itself ends it.
  if (operation === 'scale')
    return `Finish it first: run operation: scale again, with replicas: ${replicas ?? 'NUMBER'} as it was begun, or with another number${by}.`
  if (operation === 'cleanup')
    return `Finish it first: run operation: cleanup again${by}; a deploy makes it anew.`
  return operation === 'undo'
    ? `Finish it first: operation: undo goes on with it, and with to-revision somewhere else${by}.`
    : `Finish it first: run the ${operation} again, or take it back with operation: undo${by}.`
}
