// Inputs that nobody sends on purpose, from seeds that make them again: whole ones, changed in a
// few places, cut, doubled, mixed with what parsers stumble over.

/**
 * What breaks parsers: ends, numbers beyond their range, names of prototypes, halves of characters.
 */
const TRICKS = [
  '',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  '=',
  ';',
  ',',
  '"',
  '{',
  '}',
  '[',
  ']',
  '%',
  '-1',
  '0',
  '99999999999999999999',
  '1e999',
  'NaN',
  'null',
  'true',
  '__proto__',
  'constructor',
  'toString',
  '\ud800',
  '\u2028',
  '\u001b[',
  '::error::',
  '*a',
  '&a',
  '!!js',
  '<<: ',
  '0x',
  '2Gi',
  '1.5.5',
  '9'.repeat(400),
  '(',
  '\\',
  '🐘',
  'x'.repeat(3000),
]

/** A text near one of the seeds. */
export function nearText(seeds: readonly string[], random: () => number): string {
  const pick = <T>(list: readonly T[], otherwise: T): T =>
    list[Math.floor(random() * list.length)] ?? otherwise
  let text = pick(seeds, '')
  const changes = 1 + Math.floor(random() * 5)
  for (let change = 0; change < changes; change += 1) {
    const at = Math.floor(random() * (text.length + 1))
    const length = Math.floor(random() * 12)
    const kind = random()
    if (kind < 0.3) text = text.slice(0, at) + pick(TRICKS, '') + text.slice(at)
    else if (kind < 0.5) text = text.slice(0, at) + text.slice(at + length)
    else if (kind < 0.65)
      text =
        text.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + text.slice(at + 1)
    else if (kind < 0.75) text = text.slice(0, at)
    else if (kind < 0.85) text = text.slice(0, at) + text.slice(Math.max(0, at - length * 5))
    else text = text.slice(0, at) + pick(seeds, '').slice(Math.floor(random() * 40))
    if (text.length > 20_000) text = text.slice(0, 20_000)
  }
  return text
}

/** Bytes near one of the seeds: flips, cuts, and lengths beyond what is there. */
export function nearBytes(seeds: readonly Buffer[], random: () => number): Buffer {
  const bytes = Buffer.from(seeds[Math.floor(random() * seeds.length)] ?? Buffer.alloc(0))
  const changes = 1 + Math.floor(random() * 6)
  for (let change = 0; change < changes && bytes.length > 0; change += 1) {
    const at = Math.floor(random() * bytes.length)
    const kind = random()
    if (kind < 0.5) bytes[at] = Math.floor(random() * 256)
    else if (kind < 0.75)
      bytes.writeInt32BE(
        [-1, 0, 1, 0x7fffffff, -0x80000000, 0x00400001][Math.floor(random() * 6)] ?? 0,
        Math.min(at, Math.max(0, bytes.length - 4)) * (bytes.length >= 4 ? 1 : 0),
      )
    else bytes.copy(bytes, 0, at)
    if (bytes.length < 4) break
  }
  return random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes
}

/** A value near one of the seeds: fields of other types, missing, doubled, deep. */
export function nearValue(seeds: readonly unknown[], random: () => number): unknown {
  const value = seeds[Math.floor(random() * seeds.length)]
  const strange: readonly unknown[] = [
    null,
    undefined,
    0,
    -1,
    1e308,
    '',
    'x',
    [],
    {},
    [null],
    true,
    TRICKS[Math.floor(random() * TRICKS.length)],
    { __proto__: null, a: [[[[]]]] },
  ]
  const change = (at: unknown, depth: number): unknown => {
    if (random() < 0.04 + depth * 0.01) return strange[Math.floor(random() * strange.length)]
    if (Array.isArray(at))
      return at.flatMap((item: unknown): unknown[] =>
        random() < 0.05
          ? []
          : random() < 0.05
            ? [item, change(item, depth + 1)]
            : [change(item, depth + 1)],
      )
    if (typeof at !== 'object' || at === null) return at
    return Object.fromEntries(
      Object.entries(at).flatMap(([key, item]) =>
        random() < 0.04
          ? []
          : [
              [
                random() < 0.02 ? (TRICKS[Math.floor(random() * TRICKS.length)] ?? key) : key,
                change(item, depth + 1),
              ],
            ],
      ),
    )
  }
  return change(value, 0)
}
