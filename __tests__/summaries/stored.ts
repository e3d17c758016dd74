// The pages that are kept in the repository: where they lie, and what of them differs from run to
// run and so is not compared.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export function pathOf(name: string): string {
  return join(import.meta.dirname, `${name}.md`)
}

export function storedPage(name: string): string {
  const path = pathOf(name)
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/**
 * A page without its ids, its times of day and its durations: a busy machine may be later by a
 * tick. What they are is tested elsewhere; that they stand there is compared.
 */
export function masked(page: string): string {
  return (
    page
      .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '(uid)')
      .replaceAll(/\b\d{4}-\d\d-\d\d(?=[ T]\d\d:)/g, '(date)')
      .replaceAll(/\b\d\d:\d\d:\d\d(\.\d+)?\b/g, '(time)')
      .replaceAll(/\b(\d+h)?(\d+m)?\d+(\.\d+)? ?m?s\b/g, '(span)')
      .replaceAll(/^( {2}tickInterval) .*$/gm, '$1 (span)')
      // A busy machine may not see the moment between a change and the end of the first pod.
      .replaceAll(
        /^\|[^|]*\|[^|]*\| available on \S+ at another revision \S+, to be replaced \|\n/gm,
        '',
      )
      .replaceAll(/\b[1-9]\d* writes acknowledged/g, '(some) writes acknowledged')
      .replaceAll(/Timeline: \d+ steps/g, 'Timeline: (some) steps')
  )
}
