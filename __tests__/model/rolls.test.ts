// Operations under random trouble at the simulated cluster: never two members down by our doing, no
// serving member of the good revision taken by an undo, no data lost, always a named end, and a
// second run that reaches the goal.
//
// Long: whole operations, seed after seed.

import { describe, expect, jest, test } from '@jest/globals'
import { brokenIn, byRuns, named, takenTogether, takenWhileAClaimGoes } from './rolls/invariants.ts'
import { CASES } from './rolls/scenarios.ts'
import { NAMES, playSeed } from './rolls/seed.ts'

// Some hundred simulated seconds each, on a machine that may be busy.
jest.setTimeout(60_000)

/** Chosen for what befalls. */
const SEEDS: Readonly<Record<keyof typeof CASES, readonly number[]>> = {
  // A kill with slow members, a cancel, lost and crashed members.
  'a paced roll': [22, 38, 44],
  // A kill with slow members.
  'a roll by evictions': [22],
  // A member crashes while the first one is being replaced: once it was taken to the bad revision
  // as well, which cost the quorum and the undo. A kill.
  'an image that is not there': [13, 22],
  'a server that dies': [6],
  // Somebody deletes a member beside the one that is outside, while lists are slow.
  'a member that never finds its peers': [25],
  // A kill before the stuck member is freed, a member that is lost meanwhile.
  'an undo out of what somebody left stuck': [22, 25],
  // A kill with slow members.
  'a restart': [22],
}

describe('under trouble', () => {
  test.each(
    Object.entries(CASES).flatMap(([name, one]) =>
      Object.entries(SEEDS)
        .filter(([known]) => known === name)
        .flatMap(([, seeds]) => seeds.map((seed) => ({ name, seed, ...one }))),
    ),
  )('$name, seed $seed', async ({ seed, scenario, goal }) => {
    const played = await playSeed(seed, scenario)
    expect([played.told, ...brokenIn(played, goal, scenario.replicas)]).toEqual([played.told])
  })
})

/** A restart, then a kill; a rollback while answers are lost; both, while tunnels are cut. */
const MEDDLED = [2, 36, 43]

describe('while somebody restarts the set and rolls it back with kubectl', () => {
  const { scenario, goal } = CASES['a paced roll']
  test.each(MEDDLED)('a paced roll, seed %i', async (seed) => {
    const played = await playSeed(seed, {
      ...scenario,
      kinds: [
        ...scenario.kinds,
        'rollout restart',
        'rollout restart',
        'rollout restart',
        'rollout undo',
        'rollout undo',
        'rollout undo',
      ],
    })
    expect([played.told, ...brokenIn(played, goal, scenario.replicas)]).toEqual([played.told])
  })
})

/** Seeds in which a claim goes while members are still to be taken. */
const GOING: Readonly<Record<string, readonly number[]>> = {
  'a paced roll': [3],
  'a roll by evictions': [3],
  'a restart': [3],
}

describe('while claims are being deleted', () => {
  test.each(
    Object.entries(CASES).flatMap(([name, { scenario }]) =>
      (GOING[name] ?? []).map((seed) => ({ name, seed, scenario })),
    ),
  )('$name takes nobody down, seed $seed', async ({ seed, scenario }) => {
    const played = await playSeed(seed, {
      ...scenario,
      kinds: [
        'claim deleted',
        'claim deleted',
        'crash',
        'slow rejoin',
        'watches lost',
        'slow lists',
        'kill',
      ],
    })
    const ours = byRuns(...NAMES)
    const ends = played.killed
      ? []
      : named('the run', played.run, /^(succeeded|unchanged|failed|refused)\b/)
    expect([
      played.told,
      ...takenWhileAClaimGoes(played.history, ours),
      ...takenTogether(played.history, ours),
      ...ends,
    ]).toEqual([played.told])
    expect(played.data.every((paths) => paths.includes('/orders'))).toBe(true)
  })
})
