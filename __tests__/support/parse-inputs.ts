// Inputs of a test: what a sound environment reads as, or the error of an unsound one.

import { EnsembleError } from '../../src/errors.ts'
import type { Inputs } from '../../src/inputs/inputs.ts'
import { readInputs } from '../../src/inputs/parse.ts'

export function parseInputs(env: Readonly<Record<string, string | undefined>>): Inputs {
  const { inputs, faults } = readInputs(env)
  const [error, ...more] = faults
  if (error !== undefined) throw new EnsembleError('refused', [error, ...more, ...inputs.warnings])
  return inputs
}
