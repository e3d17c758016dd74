// The books of the availability writer: which writes were acknowledged, when none was, and for how
// much of that time nothing is known. No effects.

import type { WitnessReport } from '../profile.ts'
import type { Found } from './voice.ts'

/** A time without writes is listed when it is longer than this. */
const LISTED_MS = 1_000

/**
 * How often the ledger is told that the run itself continues, and after how long without a word it
 * stood still (a stopped process, a machine that slept): nobody wrote then.
 */
export const BEAT_MS = 250
const STILL_MS = 1_500

/** One write: the value carries its number, so that what is found tells which write it is from. */
export interface Write {
  readonly number: number
  readonly version: number
}

/** All times in milliseconds since the epoch, and none before the one told before it. */
export interface Ledger {
  /** From here on writes were to be expected; only the first call counts. */
  begin(at: number): void
  acknowledge(write: Write, at: number): void
  /** It was sent, and no answer came. */
  leaveUnknown(): void
  /** The run itself continues. */
  beat(at: number): void
  /** No tunnel to any member can be had from here on. */
  lose(at: number): void
  /** A tunnel was had, or the API server told why there is none. */
  hear(at: number): void
  /**
   * How many acknowledged writes are above what was found after a sync; `numberOf` reads a write's
   * number from a value, undefined when it is nobody's.
   */
  missing(found: Found | undefined, numberOf: (value: string) => number | undefined): number
  /** What is missing is lost for good: the writer continues from what was found. */
  writeOff(count: number): void
  /** `missing`: at the end, undefined when nobody could be asked. */
  report(missing: number | undefined, at: number): WitnessReport
}

export function openLedger(): Ledger {
  const standing: Write[] = []
  const gaps = measureGaps()
  let acknowledged = 0
  let unknown = 0
  let writtenOff = 0
  return {
    begin: gaps.begin,
    beat: gaps.beat,
    lose: gaps.lose,
    hear: gaps.hear,
    acknowledge(write, at) {
      gaps.close(at)
      acknowledged += 1
      standing.push(write)
    },
    leaveUnknown() {
      unknown += 1
    },
    missing(found, numberOf) {
      if (found === undefined) return standing.length
      const number = numberOf(found.value)
      const above = standing.filter(
        (write) => write.version > found.version || (number !== undefined && write.number > number),
      ).length
      // Overwritten by somebody else: the last one at least is not there any more.
      return number === undefined && standing.length > 0 ? Math.max(1, above) : above
    },
    writeOff(count) {
      writtenOff += count
      standing.splice(standing.length - count)
    },
    report(missing, at) {
      gaps.close(at)
      const lost = missing === undefined ? undefined : missing + writtenOff
      return { acknowledged, unknown, lost, ...gaps.found() }
    },
  }
}

/** The times in which no write was acknowledged, and what of them is not known. */
interface Gaps extends Pick<Ledger, 'begin' | 'beat' | 'lose' | 'hear'> {
  /** Ends the time since the last acknowledged write, and begins the next. */
  close(at: number): void
  found(): Pick<WitnessReport, 'longestGapMs' | 'gaps' | 'unmeasuredMs' | 'stillMs'>
}

function measureGaps(): Gaps {
  const listed: { readonly from: number; readonly ms: number }[] = []
  let longest = 0
  let unmeasured = 0
  let still = 0
  /** The last acknowledged write, or the beginning. */
  let since: number | undefined
  let unmeasuredSince = 0
  let awayFrom: number | undefined
  let beaten: number | undefined

  const beat = (at: number): void => {
    const ms = beaten === undefined ? 0 : at - beaten
    beaten = at
    // Time without a tunnel is not measured anyhow.
    if (ms < STILL_MS || awayFrom !== undefined) return
    still += ms - BEAT_MS
    unmeasuredSince += ms - BEAT_MS
  }
  const hear = (at: number): void => {
    if (awayFrom === undefined) return
    unmeasured += at - awayFrom
    unmeasuredSince += at - awayFrom
    awayFrom = undefined
  }
  return {
    begin(at) {
      since ??= at
    },
    beat,
    lose(at) {
      awayFrom ??= at
    },
    hear,
    close(at) {
      // An answer may be read before the timer that was due.
      if (beaten !== undefined) beat(at)
      hear(at)
      const from = since
      since = at
      if (from === undefined) return
      const ms = Math.max(0, at - from - unmeasuredSince)
      longest = Math.max(longest, ms)
      if (ms > LISTED_MS) listed.push({ from, ms })
      unmeasuredSince = 0
    },
    found: () => ({
      longestGapMs: longest,
      gaps: listed,
      unmeasuredMs: unmeasured,
      stillMs: still,
    }),
  }
}
