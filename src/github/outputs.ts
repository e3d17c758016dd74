// Hands the outputs to the runner. They are written several times in a run; the runner keeps the
// last value of each name, also after a kill.

import { appendToFile, type Env } from './command.ts'

/**
 * Never throws: a step whose outputs can't be written must still tell its verdict. False when there
 * was no file to write to.
 */
export function writeOutputs(env: Env, outputs: Readonly<Record<string, string>>): boolean {
  try {
    return appendToFile(env, 'OUTPUT', outputs)
  } catch {
    return false
  }
}
