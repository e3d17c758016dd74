// The figures that a roll is judged by: a gap must not be hidden, and what nobody could see must
// not be called one.

import { describe, expect, test } from '@jest/globals'
import { openLedger, type Ledger } from '../../../../src/ensemble/zookeeper/witness-ledger.ts'

const numberOf = (value: string): number | undefined =>
  /^n\d+$/.test(value) ? Number(value.slice(1)) : undefined
const found = (
  version: number,
  value: string,
): { readonly version: number; readonly value: string; readonly mzxid: bigint } => ({
  version,
  value,
  mzxid: 7n,
})

function written(...times: readonly number[]): Ledger {
  const ledger = openLedger()
  ledger.begin(times[0] ?? 0)
  for (const [index, at] of times.entries())
    ledger.acknowledge({ number: index + 1, version: index + 1 }, at)
  return ledger
}

describe('gaps', () => {
  test('the longest time between two acknowledged writes, and those of more than a second in order', () => {
    const report = written(0, 100, 1_500, 1_600, 4_000, 4_100).report(0, 4_150)
    expect(report).toMatchObject({
      acknowledged: 6,
      longestGapMs: 2_400,
      unmeasuredMs: 0,
      gaps: [
        { from: 100, ms: 1_400 },
        { from: 1_600, ms: 2_400 },
      ],
    })
  })

  test('an ensemble that takes no write from some time on has a gap until the end', () => {
    expect(written(0, 100).report(0, 9_100)).toMatchObject({
      longestGapMs: 9_000,
      gaps: [{ from: 100, ms: 9_000 }],
    })
  })

  test('so has one that never takes a write, but time before anything was tried is none', () => {
    const ledger = openLedger()
    ledger.begin(5_000)
    expect(ledger.report(undefined, 8_000)).toEqual({
      acknowledged: 0,
      unknown: 0,
      lost: undefined,
      longestGapMs: 3_000,
      gaps: [{ from: 5_000, ms: 3_000 }],
      unmeasuredMs: 0,
      stillMs: 0,
    })
    expect(openLedger().report(undefined, 8_000)).toMatchObject({ longestGapMs: 0, gaps: [] })
  })

  test('time without a tunnel to any member is unmeasured and no gap, and what is left of the gap stays one', () => {
    const ledger = written(0, 100)
    ledger.lose(1_500)
    ledger.lose(3_000)
    ledger.hear(11_500)
    ledger.acknowledge({ number: 3, version: 3 }, 12_000)
    ledger.acknowledge({ number: 4, version: 4 }, 12_700)
    expect(ledger.report(0, 12_700)).toMatchObject({
      longestGapMs: 1_900,
      unmeasuredMs: 10_000,
      gaps: [{ from: 100, ms: 1_900 }],
    })
  })

  test('time in which the run itself stood still is no gap of the ensemble, whichever is read first afterwards, the answer or the clock; what is left of the gap stays one', () => {
    const answered = written(0, 100)
    for (const at of [0, 250, 500]) answered.beat(at)
    answered.acknowledge({ number: 3, version: 3 }, 115_500)
    expect(answered.report(0, 115_600)).toMatchObject({
      longestGapMs: 650,
      stillMs: 114_750,
      gaps: [],
    })
    const beaten = written(0, 100)
    for (const at of [0, 250, 500, 115_500, 115_750, 116_000, 116_250]) beaten.beat(at)
    beaten.acknowledge({ number: 3, version: 3 }, 116_400)
    expect(beaten.report(0, 116_400)).toMatchObject({
      longestGapMs: 1_550,
      stillMs: 114_750,
      gaps: [{ from: 100, ms: 1_550 }],
    })
  })

  test('while the run continues a gap is a gap, however long, and time without a tunnel is counted once', () => {
    const alive = written(0, 100)
    for (let at = 0; at <= 30_000; at += 250) alive.beat(at)
    alive.acknowledge({ number: 3, version: 3 }, 30_100)
    expect(alive.report(0, 30_100)).toMatchObject({ longestGapMs: 30_000, stillMs: 0 })
    const away = written(0, 100)
    away.beat(100)
    away.lose(200)
    away.beat(20_200)
    away.hear(20_200)
    expect(away.report(0, 20_200)).toMatchObject({
      longestGapMs: 100,
      unmeasuredMs: 20_000,
      stillMs: 0,
    })
  })

  test('a run that ends without a tunnel does not call the rest a gap', () => {
    const ledger = written(0, 100)
    ledger.lose(200)
    expect(ledger.report(undefined, 60_200)).toMatchObject({
      longestGapMs: 100,
      unmeasuredMs: 60_000,
      gaps: [],
    })
  })
})

describe('what is missing', () => {
  test.each([
    ['the last write is there', found(3, 'n3'), 0],
    ['a later write that was never answered is there', found(5, 'n5'), 0],
    ['the last two are gone', found(1, 'n1'), 2],
    ['an older state grew new versions without ours', found(3, 'n1'), 2],
    ['somebody else overwrote it', found(9, 'theirs'), 1],
    ['the node is gone', undefined, 3],
  ])('%s', (_, state, lost) => {
    expect(written(0, 100, 200).missing(state, numberOf)).toBe(lost)
  })

  test('a loss that was seen on the way is still one at the end, and is counted once', () => {
    const ledger = written(0, 100, 200)
    ledger.writeOff(ledger.missing(found(1, 'n1'), numberOf))
    ledger.acknowledge({ number: 4, version: 2 }, 300)
    expect(ledger.report(ledger.missing(found(2, 'n4'), numberOf), 300)).toMatchObject({
      acknowledged: 4,
      lost: 2,
    })
  })

  test('nothing written is nothing lost, and an unknown write is neither', () => {
    const ledger = openLedger()
    ledger.leaveUnknown()
    expect(ledger.report(ledger.missing(undefined, numberOf), 0)).toMatchObject({
      acknowledged: 0,
      unknown: 1,
      lost: 0,
    })
  })
})
