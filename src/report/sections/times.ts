// Times as people compare them with the cluster's own logs: UTC, to the second.

/** `12:04:05 UTC`; a dash for what is no time. */
export function clockTime(ms: number): string {
  const text = isoTime(ms)
  return text === '' ? '–' : `${text.slice(11, 19)} UTC`
}

/** `2026-01-31 12:04:05 UTC`, empty for what is no time. */
export function dayTime(ms: number): string {
  const text = isoTime(ms)
  return text === '' ? '' : `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
}

function isoTime(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ''
}
