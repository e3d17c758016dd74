// A part of the summary that can be shortened item by item without breaking its markup.

import { byteLength } from '../escape.ts'

export interface Section {
  /** Escaped already, where it holds text of others. */
  readonly title: string
  /** Behind a line that says how much there is. */
  readonly folded: boolean
  /** Lines that always stand before the items, such as a table's head. */
  readonly lead: readonly string[]
  /** Each complete in itself: a table row, a list entry, a folded log. */
  readonly items: readonly string[]
  /**
   * Which end of the items is kept when there is no room for all: a table's first rows, a
   * timeline's last.
   */
  readonly keep: 'first' | 'last'
  /** Text between two items: a table's rows may have no empty line between them. */
  readonly between: '\n' | '\n\n'
  /** Items that were cut already. */
  readonly cut: number
}

export function section(
  title: string,
  items: readonly string[],
  more: Partial<Pick<Section, 'lead' | 'keep' | 'between' | 'folded'>> = {},
): Section {
  return {
    title,
    items,
    folded: more.folded ?? false,
    lead: more.lead ?? [],
    keep: more.keep ?? 'first',
    between: more.between ?? '\n',
    cut: 0,
  }
}

/** A table; every cell must be escaped already, and not empty. */
export function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  more: Partial<Pick<Section, 'keep' | 'folded'>> = {},
): Section {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return section(title, rows.map(row), {
    lead: [row(head), `|${head.map(() => ' --- |').join('')}`],
    ...more,
  })
}

export function render(part: Section): string {
  const rest =
    part.cut === 0
      ? []
      : [
          `${part.cut} ${part.keep === 'first' ? 'more' : 'earlier'} left out to keep this page within its limit; the JSON report has all.`,
        ]
  const body = [...part.lead, part.items.join(part.between)]
    .filter((text) => text !== '')
    .join('\n')
  const shown = [body, ...rest].filter((text) => text !== '')
  return part.folded
    ? [`<details><summary>${part.title}</summary>`, ...shown, '</details>'].join('\n\n')
    : [...(part.title === '' ? [] : [`### ${part.title}`]), ...shown].join('\n\n')
}

export function sizeOf(part: Section): number {
  return byteLength(render(part))
}

/**
 * The section with half of its items, or without any when one was left; undefined when it has none
 * to give.
 */
export function halve(part: Section): Section | undefined {
  if (part.items.length === 0) return undefined
  const left = Math.floor(part.items.length / 2)
  const items =
    part.keep === 'first' ? part.items.slice(0, left) : part.items.slice(part.items.length - left)
  return { ...part, items, cut: part.cut + part.items.length - left }
}
