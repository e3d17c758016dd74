// Times as people compare them with the cluster's own logs: UTC, to the second.

import { isoTime } from '../../clock.ts'

/** `12:04:05 UTC`; a dash for what is no time. */
export function clockTime(ms: number): string {
  const text = isoTime(ms)
  return text === '' ? '–' : `${text.slice(11, 19)} UTC`
}
