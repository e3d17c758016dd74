// Names that would do in place of one that Kubernetes does not take: what people make of branches
// is too long, or has characters of its own.

import { createHash } from 'node:crypto'

/** Its beginning, and a hash of the whole, so that two long names stay two. */
export function shortName(name: string, most: number): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 6)
  return `${name.slice(0, most - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`
}

/** A label of DNS; undefined where nothing of the name would be left. */
export function fittingName(name: string, most: number): string | undefined {
  const plain = name
    .slice(0, 1000)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  if (plain === '') return undefined
  return plain.length <= most ? plain : shortName(plain, most)
}
