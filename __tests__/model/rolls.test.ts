// Rolls under random trouble at the simulated cluster: never two members down by our doing, no data lost, always an end, and a second run reaches the goal.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import { byRuns, takenTogether } from './rolls/invariants.ts'
import type { Trouble } from './rolls/schedule.ts'
import { NAMES, playSeed } from './rolls/seed.ts'

// Some hundred simulated seconds each, on a machine that may be busy.
jest.setTimeout(60_000)

const TUTORIAL = readFileSync(fileURLToPath(new URL('../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)), 'utf8').replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
const CHANGED = TUTORIAL.replaceAll('--heap=512M', '--heap=480M')
const KINDS: readonly Trouble[] = [
  'crash', 'lost pod', 'slow pod', 'slow rejoin', 'watches lost', 'history forgotten', 'request refused', 'answer lost', 'slow lists', 'API pauses', 'tunnels cut', 'harmless edit', 'kill', 'cancel',
]
/** Chosen for what befalls: a kill with slow members, a cancel, lost and crashed members, lost answers. */
const SEEDS = [22, 38, 43, 44, 47]

describe('a paced roll under trouble', () => {
  test.each(SEEDS)('seed %i', async (seed) => {
    const { second, history, data, told } = await playSeed(seed, { before: TUTORIAL, after: CHANGED, set: 'zk', replicas: 3, kinds: KINDS, most: 4, withinMs: 60_000 })
    expect([told, ...takenTogether(history, byRuns(...NAMES))]).toEqual([told])
    expect(`${told} ${second.report.result}`).toMatch(/ (succeeded|unchanged)$/)
    expect(data).toHaveLength(3)
    for (const paths of data) expect(paths).toContain('/orders')
  })
})
