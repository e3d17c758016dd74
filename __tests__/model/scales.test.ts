// Changes of the number of members under random trouble at the simulated cluster: while lists
// differ a member that is taken too early costs the quorum, and a run that was cut off is continued
// or turned round.

// Long: whole operations, minutes of simulated time.

import { expect, jest, test } from '@jest/globals'
import { brokenIn, servedByNobody } from './rolls/invariants.ts'
import { SCALES, type Scale } from './rolls/scenarios.ts'
import { playSeed } from './rolls/seed.ts'

jest.setTimeout(60_000)

/** An election; milliseconds. */
const GAP_MS = 15_000

/** Chosen for what befalls. */
const SEEDS: readonly (readonly [string, Scale, number])[] = [
  ['a kill on the way down', SCALES['5 to 3'], 12],
  ['a kill on the way down, turned round', SCALES['4 to 3, and back'], 70],
  // Two serve with the shorter list, and who has the longer one can't join them.
  ['a kill after the leader with the longer list, turned round', SCALES['4 to 3, and back'], 508],
  // Its new pod has the list without it, and ends at once.
  ['somebody deletes the member that goes', SCALES['5 to 4'], 21],
  // Who crashed has the list without the newcomer, which leads: it can't follow.
  ['a kill on the way up, turned round', SCALES['3 to 4, and back'], 47],
]

test.each(SEEDS)('%s', async (_, { scenario, goal }, seed) => {
  const played = await playSeed(seed, scenario)
  expect([
    played.told,
    ...brokenIn(played, goal, scenario.members ?? scenario.replicas),
    ...servedByNobody(played.history, GAP_MS),
  ]).toEqual([played.told])
})
