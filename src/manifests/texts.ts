// A map of texts, as labels, annotations and the data of a ConfigMap are: what is no text in it is
// passed over.

export function textsOf(map: unknown): Readonly<Record<string, string>> {
  if (typeof map !== 'object' || map === null) return {}
  return Object.fromEntries(
    Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
