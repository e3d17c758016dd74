// A wait that says nothing for minutes looks dead, and one that outlives its time holds up a night's
// work.

import { expect, test } from '@jest/globals'
import { Deadline } from '../../src/clock.ts'
import { waitUntil, type Missing } from '../../src/wait-until.ts'
import { idleClock } from '../support/idle-clock.ts'

const never = new AbortController().signal

/** The lines of a wait over these looks, with the second of each; the last look is for ever. */
async function said(
  looks: readonly (Missing | undefined)[],
  more: { readonly saysAtOnce?: boolean } = {},
): Promise<readonly string[]> {
  const clock = idleClock()
  const began = clock.now()
  const lines: string[] = []
  let looked = 0
  await waitUntil(
    {
      clock,
      deadline: new Deadline(clock, 60_000),
      everyMs: 1_000,
      heartbeatMs: 5_000,
      say: (line) => lines.push(`${(clock.now() - began) / 1000} ${line}`),
      ...more,
    },
    () => Promise.resolve(looks[Math.min(looked++, looks.length - 1)]),
    never,
  )
  return lines
}

function times(count: number, missing: Missing): readonly Missing[] {
  return Array.from({ length: count }, () => missing)
}

test('what is missing is said with the heartbeat', async () => {
  expect(await said([...times(11, { line: 'zk-2' }), undefined])).toEqual(['5 zk-2', '10 zk-2'])
})

test('or at once, where that is asked for', async () => {
  expect(await said([{ line: 'zk-2' }, undefined], { saysAtOnce: true })).toEqual(['0 zk-2'])
})

test('a reason is said at once when it changes, and one may be said more seldom', async () => {
  const looks = [
    ...times(2, { line: 'zk-2 comes', reason: 'zk-2' }),
    ...times(12, { line: 'zk-1 comes', reason: 'zk-1', heartbeatMs: 10_000 }),
    undefined,
  ]
  expect(await said(looks)).toEqual(['0 zk-2 comes', '2 zk-1 comes', '12 zk-1 comes'])
})

test('a look that is dear is not repeated before its own time', async () => {
  expect(
    await said([{ line: 'asked a ring', everyMs: 7_000 }, { line: 'asked again' }, undefined]),
  ).toEqual(['7 asked again'])
})

test('the time over is a failure in the words of the last look, or just the end', async () => {
  const over = (): Error => new Error('zk-2 is not back')
  await expect(said([{ line: 'zk-2', over }])).rejects.toThrow('zk-2 is not back')
  expect((await said([{ line: 'zk-2', reason: 'zk-2', heartbeatMs: 120_000 }])).length).toBe(1)
})
