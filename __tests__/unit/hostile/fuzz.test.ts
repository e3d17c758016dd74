// Whatever a member, a server, a file or another run sends: a reader answers or refuses, soon.
// FUZZ_INPUTS sets how many inputs each target gets, FUZZ_SEED where they begin.

import { test } from '@jest/globals'
import { randomFrom } from '../../support/random.ts'
import { TARGETS } from './targets.ts'

const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 1_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_128)

test.each(TARGETS.map((target) => [target.name, target] as const))(
  '%s',
  async (_name, target) => {
    for (let index = 0; index < INPUTS * (target.share ?? 1); index += 1) {
      const seed = SEED + index * 7919
      try {
        await target.run(randomFrom(seed))
      } catch (error) {
        throw new Error(
          `input ${seed}: ${error instanceof Error ? `${error.name}: ${error.message.slice(0, 300)}` : String(error)}`,
          { cause: error },
        )
      }
    }
  },
  Math.max(30_000, INPUTS * 5),
)
