// The check `data` of every profile: what is written through each member is read through every
// other. Its cells and their count; how to write and to read each profile knows itself.

import type { Cell, Matrix } from './profile.ts'

/**
 * A row for each writer, a column for each reader. `tried`: what came of a pair; undefined for one
 * that was not tried.
 */
export function cellsOf<T>(
  all: readonly T[],
  tried: (writer: T, reader: T) => Cell | undefined,
): Matrix['cells'] {
  return all.map((writer) =>
    all.map((reader): Cell =>
      writer === reader ? { kind: 'self' } : (tried(writer, reader) ?? { kind: 'not tried' }),
    ),
  )
}

/** `why`: what was wrong with what was read; undefined for nothing. */
export function readCell(why: string | undefined, ms: number): Cell {
  return why === undefined ? { kind: 'ok', ms } : { kind: 'failed', why }
}

/** `6/6`; undefined when no pair was tried. */
export function countPairs(cells: Matrix['cells']): string | undefined {
  const tried = cells.flat().filter((cell) => cell.kind === 'ok' || cell.kind === 'failed')
  const good = tried.filter((cell) => cell.kind === 'ok')
  return tried.length === 0 ? undefined : `${good.length}/${tried.length}`
}
