// The order of the test files: those of the bundle mostly wait, so they are mixed with those that
// reckon, and the longest begin first.

import { statSync } from 'node:fs'

/** What is read of a test file, as jest has it. */
interface Test {
  readonly path: string
  readonly context: { readonly config: { readonly displayName?: { readonly name: string } } }
}

/** In each of them something is waited for that takes more than a minute. */
const LONGEST = /\/(?:rolls|stopped|success)\.test\.ts$/
/** Of the rest of the bundle's files, one comes after so many others. */
const BETWEEN = 4

// oxlint-disable-next-line import/no-default-export -- jest makes an instance of a sequencer's default export: there is no other form
export default class Sequencer {
  sort(tests: readonly Test[]): Test[] {
    const largestFirst = tests
      .map((test) => ({ test, bytes: statSync(test.path).size }))
      .toSorted((a, b) => b.bytes - a.bytes)
      .map(({ test }) => test)
    const waits = (test: Test): boolean => test.context.config.displayName?.name === 'bundle'
    const isLongest = (test: Test): boolean => waits(test) && LONGEST.test(test.path)
    const order = largestFirst.filter(isLongest)
    const bundle = largestFirst.filter((test) => waits(test) && !isLongest(test))
    for (const [index, test] of largestFirst.filter((one) => !waits(one)).entries()) {
      order.push(test)
      if (index % BETWEEN === BETWEEN - 1) order.push(...bundle.splice(0, 1))
    }
    return [...order, ...bundle]
  }

  /** Jest would have durations remembered: the order is the same on every machine. */
  cacheResults(): void {}
}
