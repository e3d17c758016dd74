// Takes secrets out of two forms of an object before they are compared for people: the values of
// Secrets, of what is named like one, and what looks like one inside of a text. What changed is
// still seen to have changed.

import { isTree } from '../manifests/fields-v1.ts'

const HIDDEN = '***'
/**
 * Names of environment variables, keys of ConfigMaps and annotations whose values are nobody's
 * business.
 */
const NAMED =
  /pass(?:word|wd|phrase)?|secret|token|credential|(?:api|access|private|signing|encryption)[-_.]?key|(?:^|[-_])auth(?:$|[-_])|jaas|digest|connection[-_]?string/i
/** Inside of a text, what stands behind such a name. */
const WITHIN =
  /((?:pass(?:word|wd|phrase)?|secret|token|credentials?|(?:api|access|private)[-_.]?key|superDigest|\buser_\w+)[\w.-]*["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s"',;]+)/gi
const IN_URL = /(\/\/[^\s/:@]*:)[^\s/@]+(?=@)/g
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g
/** Shorter values of Secrets would take parts of ordinary words out. */
const SHORTEST = 4

export interface Two {
  readonly before: unknown
  readonly after: unknown
}

/** `known`: values of Secrets, wherever they come up. */
export function withoutSecrets(two: Two, known: readonly string[]): Two {
  const values = known
    .filter((value) => value.length >= SHORTEST)
    .toSorted((a, b) => b.length - a.length)
  const secret = [two.before, two.after].some((one) => isTree(one) && one['kind'] === 'Secret')
  return both(two, { values, whole: false, secret, path: [] })
}

interface At {
  readonly values: readonly string[]
  /** Every value below is hidden. */
  readonly whole: boolean
  /** It is of a Secret. */
  readonly secret: boolean
  readonly path: readonly string[]
}

function both({ before, after }: Two, at: At): Two {
  if (isTree(before) || isTree(after))
    return maps(
      isTree(before) ? before : undefined,
      isTree(after) ? after : undefined,
      { before, after },
      at,
    )
  if (Array.isArray(before) || Array.isArray(after))
    return lists(listOf(before), listOf(after), { before, after }, at)
  return { before: leaf(before, after, 'before', at), after: leaf(after, before, 'after', at) }
}

function maps(
  before: Readonly<Record<string, unknown>> | undefined,
  after: Readonly<Record<string, unknown>> | undefined,
  whole: Two,
  at: At,
): Two {
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
  const pairs = keys.map(
    (key) =>
      [
        key,
        both({ before: before?.[key], after: after?.[key] }, beneath(at, key, before ?? after)),
      ] as const,
  )
  const side = (
    own: Readonly<Record<string, unknown>> | undefined,
    of: (two: Two) => unknown,
    other: unknown,
  ): unknown =>
    own === undefined
      ? other
      : Object.fromEntries(
          pairs.flatMap(([key, two]) => (Object.hasOwn(own, key) ? [[key, of(two)] as const] : [])),
        )
  return {
    before: side(before, (two) => two.before, whole.before),
    after: side(after, (two) => two.after, whole.after),
  }
}

function beneath(at: At, key: string, own: Readonly<Record<string, unknown>> | undefined): At {
  const path = [...at.path, key]
  const named =
    ['data', 'binaryData', 'annotations', 'labels'].includes(at.path.at(-1) ?? '') &&
    NAMED.test(key)
  const variable = key === 'value' && typeof own?.['name'] === 'string' && NAMED.test(own['name'])
  return {
    ...at,
    path,
    whole:
      at.whole ||
      named ||
      variable ||
      (at.secret && at.path.length === 0 && ['data', 'stringData', 'binaryData'].includes(key)),
  }
}

/** Items are paired by name where they have one, since one that comes moves the others. */
function lists(before: readonly unknown[], after: readonly unknown[], whole: Two, at: At): Two {
  const nameOf = (item: unknown): unknown => (isTree(item) ? item['name'] : undefined)
  const partner = (item: unknown, index: number, others: readonly unknown[]): unknown =>
    nameOf(item) === undefined ? others[index] : others.find((one) => nameOf(one) === nameOf(item))
  return {
    before: Array.isArray(whole.before)
      ? before.map(
          (item, index) => both({ before: item, after: partner(item, index, after) }, at).before,
        )
      : whole.before,
    after: Array.isArray(whole.after)
      ? after.map(
          (item, index) => both({ before: partner(item, index, before), after: item }, at).after,
        )
      : whole.after,
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function leaf(value: unknown, other: unknown, side: 'before' | 'after', at: At): unknown {
  if (value === undefined || value === null) return value
  if (at.whole)
    return other === undefined || other === null || value === other ? HIDDEN : `${HIDDEN} (${side})`
  if (typeof value !== 'string') return value
  const clean = cleaned(value, at.values)
  if (typeof other !== 'string' || clean === value) return clean
  return marked(value, clean, other, cleaned(other, at.values), side)
}

/** A text for people, such as a log, without what looks like a secret in it. */
export function withoutSecretValues(text: string): string {
  return cleaned(text, [])
}

function cleaned(text: string, values: readonly string[]): string {
  const within = text
    .replace(PEM, HIDDEN)
    .replace(WITHIN, (_, name: string) => `${name}${HIDDEN}`)
    .replace(IN_URL, `$1${HIDDEN}`)
  return values.reduce((left, value) => left.replaceAll(value, HIDDEN), within)
}

/** Lines that differ in nothing but what was taken out say so. */
function marked(
  text: string,
  clean: string,
  other: string,
  otherClean: string,
  side: 'before' | 'after',
): string {
  const [lines, shown] = [text.split('\n'), clean.split('\n')]
  if (lines.length !== shown.length)
    return clean === otherClean && text !== other ? `${clean} (${side})` : clean
  const there = new Set(other.split('\n'))
  const shownThere = new Set(otherClean.split('\n'))
  return shown
    .map((line, index) =>
      line.includes(HIDDEN) && !there.has(lines[index] ?? '') && shownThere.has(line)
        ? `${line} (${side})`
        : line,
    )
    .join('\n')
}
