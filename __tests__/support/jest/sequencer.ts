// The order of the test files: the longest begin first.

import { readFileSync } from 'node:fs'

/** What is read of a test file, as jest has it. */
interface Test {
  readonly path: string
}

/** The comment of a file that takes longer than its size tells. */
const LONG = /^\/\/ Long: /m

// oxlint-disable-next-line import/no-default-export -- jest makes an instance of a sequencer's default export: there is no other form
export default class Sequencer {
  sort<T extends Test>(tests: readonly T[]): T[] {
    return tests
      .map((test) => ({ test, text: readFileSync(test.path, 'utf8') }))
      .map(({ test, text }) => ({ test, long: LONG.test(text), length: text.length }))
      .toSorted((a, b) => Number(b.long) - Number(a.long) || b.length - a.length)
      .map(({ test }) => test)
  }

  /** Jest would have durations remembered: the order is the same on every machine. */
  cacheResults(): void {}
}
