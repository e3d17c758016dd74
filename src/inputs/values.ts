// How the text of one input becomes a value: durations, switches, Kubernetes names and quantities,
// each fault with its fix.

import { z } from 'zod'
import { fittingName } from '../short-name.ts'

/**
 * A fault of one input: what is wrong, without the input's name and without its value where that
 * may be a secret; and what to write instead.
 */
interface Fault {
  readonly message: string
  readonly fix: string
}

export type Read<T> = { readonly value: T } | Fault

/** Text in, value out, faults carried as zod issues with the fix in `params`. */
function reading<T>(read: (text: string) => Read<T>) {
  return z.string().transform((text, context): T => {
    const result = read(text)
    if ('value' in result) return result.value
    context.addIssue({ code: 'custom', message: result.message, params: { fix: result.fix } })
    return z.NEVER
  })
}

/** The same, with nothing given read as undefined. */
export function optional<T>(read: (text: string) => Read<T>) {
  return reading<T | undefined>((text) => (text === '' ? { value: undefined } : read(text)))
}

const NUMBER_AND_UNIT = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/**
 * A duration as Go's time.ParseDuration reads it, in whole milliseconds; undefined when it isn't
 * one. Signs and bare numbers aren't taken.
 */
export function parseDuration(text: string): number | undefined {
  let at = 0
  let sum = 0
  for (const [all, amount, unit] of text.matchAll(NUMBER_AND_UNIT)) {
    at += all.length
    sum += Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
  }
  return at === text.length && at > 0 && Number.isFinite(sum) ? Math.round(sum) : undefined
}

function readDuration(
  text: string,
  least: number,
  leastText: string,
  most: number,
  mostText: string,
): Read<number> {
  if (/^\d+(\.\d+)?$/.test(text))
    return {
      message: `${text} has no unit`,
      fix: `write ${text}s for seconds or ${text}m for minutes`,
    }
  const days = /^(\d+)d$/.exec(text)
  if (days !== null)
    return {
      message: `${text}: days are not a unit of durations`,
      fix: `write ${Number(days[1]) * 24}h`,
    }
  const value = parseDuration(text)
  if (value === undefined)
    return {
      message: `${quote(text)} is not a duration`,
      fix: 'write a number with a unit, such as 90s, 10m or 1h30m',
    }
  if (value < least || value > most)
    return {
      message: `${text} is out of bounds`,
      fix: `write a duration from ${leastText} to ${mostText}`,
    }
  return { value }
}

export function waitingTime() {
  return reading((text) => readDuration(text, 1000, '1s', 24 * 3_600_000, '24h'))
}

export function lifeTime() {
  return optional((text) => readDuration(text, 60_000, '1m', 365 * 24 * 3_600_000, '8760h'))
}

/** The six spellings of YAML 1.2's core schema, as the runner's own toolkit takes them. */
export function flag() {
  return reading<boolean>((text) => {
    if (['true', 'True', 'TRUE'].includes(text)) return { value: true }
    if (['false', 'False', 'FALSE'].includes(text)) return { value: false }
    return { message: `${quote(text)} is neither true nor false`, fix: 'write true or false' }
  })
}

export function choice<const T extends string>(values: readonly T[]) {
  return reading<T>((text) => {
    const value = values.find((candidate) => candidate === text)
    return value === undefined
      ? { message: `${quote(text)} is not known`, fix: `write one of ${values.join(', ')}` }
      : { value }
  })
}

function readCount(text: string, least: number, most: number): Read<number> {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most
    ? { value }
    : {
        message: `${quote(text)} is not a whole number from ${least} to ${most}`,
        fix: `write a number from ${least} to ${most}`,
      }
}

export function count(least: number, most: number) {
  return reading((text) => readCount(text, least, most))
}

export function optionalCount(least: number, most: number) {
  return optional((text) => readCount(text, least, most))
}

export function text() {
  return optional((value) => ({ value }))
}

export function matching(pattern: RegExp, what: string, example: string) {
  return optional((value) =>
    pattern.test(value)
      ? { value }
      : { message: `${quote(value)} is not ${what}`, fix: `write something like ${example}` },
  )
}

/** For values that no message may repeat. */
export function secretMatching(pattern: RegExp, message: string, fix: string) {
  return optional((value) => (pattern.test(value) ? { value } : { message, fix }))
}

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

function readName(value: string, pattern: RegExp, most: number): Read<string> {
  // A set's name has room for its ordinals and the hash of its revision.
  const fits = fittingName(value, most === 253 ? 40 : most)
  const instance = fits === undefined ? '' : `, for instance ${fits}`
  if (value.length > most)
    return {
      message: `${quote(value)} is longer than ${most} characters`,
      fix: `write a name of at most ${most} characters${instance}`,
    }
  if (!pattern.test(value))
    return {
      message: `${quote(value)} is not a name that Kubernetes takes`,
      fix: `use lower-case letters, digits and dashes, beginning and ending with a letter or digit${instance}`,
    }
  return { value }
}

/** One label of DNS (RFC 1123), at most `most` characters. */
export function label(most: number) {
  return optional((value) => readName(value, LABEL, most))
}

export function subdomain() {
  return optional((value) => readName(value, SUBDOMAIN, 253))
}

/** One a line; empty lines are dropped. */
export function lines() {
  return reading<readonly string[]>((value) => ({ value: splitLines(value) }))
}

/** Kubernetes names, one a line or separated by commas. */
export function nameLines() {
  return reading<readonly string[]>((value) => {
    const names = splitLines(value).flatMap((line) =>
      line
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    for (const name of names) {
      const read = readName(name, SUBDOMAIN, 253)
      if (!('value' in read)) return read
    }
    return { value: [...new Set(names)] }
  })
}

function splitLines(value: string): string[] {
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

export function quote(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ')
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 77)}...` : line)
}
