// The form in which managedFields say whose a field is (FieldsV1): a tree of maps, and JSON in the
// keys of list items.

export type Tree = Readonly<Record<string, unknown>>

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields of an object; none of what isn't one. */
export function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return isTree(value) ? value : {}
}

/** What stands behind `k:`, `v:` or `i:` in a key; undefined where it is no JSON. */
export function parseKey(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
