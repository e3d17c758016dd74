// Drains under random trouble at the simulated cluster: never two members down by our doing, no
// cordon of ours left and nobody else's removed, no data lost, always a named end, and a second
// run that reaches the goal.
//
// Long: whole operations, seed after seed.

import { describe, expect, jest, test } from '@jest/globals'
import { brokenIn } from './drains/invariants.ts'
import type { NodeTrouble } from './drains/schedule.ts'
import { playSeed, type Scenario } from './drains/seed.ts'

// Some hundred simulated seconds each, on a machine that may be busy.
jest.setTimeout(120_000)

const ALL: readonly NodeTrouble[] = [
  'crash',
  'lost pod',
  'slow rejoin',
  'watches lost',
  'history forgotten',
  'request refused',
  'answer lost',
  'slow lists',
  'API pauses',
  'tunnels cut',
  'harmless edit',
  'kill',
  'cancel',
  'power cut',
  'power cut',
  'nodes take nothing',
  'cordoned',
  'uncordoned',
  'uncordoned',
]

const BASE: Scenario = {
  nodes: 5,
  storage: 'standard',
  kinds: ALL,
  most: 8,
  withinMs: 70_000,
  reboot: false,
}
const CASES: Readonly<
  Record<string, { readonly scenario: Scenario; readonly seeds: readonly number[] }>
> = {
  // A power cut while nodes take nothing; somebody's cordon and a kill; a power cut, crashes and a
  // kill that leaves a cordon; a node that is uncordoned under the run; a member that finds no
  // node.
  'members that go elsewhere': { scenario: BASE, seeds: [3, 11, 14, 16, 22, 26] },
  // A lost pod and a cancel; a kill while a node is empty.
  'members that come back to their rebooted nodes': {
    scenario: {
      ...BASE,
      nodes: 3,
      reboot: true,
      kinds: ALL.filter((one) => one !== 'cordoned'),
      withinMs: 150_000,
    },
    seeds: [3, 17],
  },
  // A power cut and a cancel; power cuts and a kill.
  'members with local volumes': {
    scenario: { ...BASE, storage: 'local', kinds: ALL.filter((one) => one !== 'cordoned') },
    seeds: [31, 33],
  },
}

describe('under trouble', () => {
  test.each(
    Object.entries(CASES).flatMap(([name, { scenario, seeds }]) =>
      seeds.map((seed) => ({ name, seed, scenario })),
    ),
  )('$name, seed $seed', async ({ seed, scenario }) => {
    const played = await playSeed(seed, scenario)
    expect([played.told, ...brokenIn(played)]).toEqual([played.told])
  })
})
