// The order of the test files: those of the bundle mostly wait, so they begin first and are mixed
// with those that reckon.

import { statSync } from 'node:fs'

/** What is read of a test file, as jest has it. */
interface Test {
  readonly path: string
  readonly context: { readonly config: { readonly displayName?: { readonly name: string } } }
}

/** Bundle files that begin at once; of the rest, one comes after so many others. */
const AT_ONCE = 4
const BETWEEN = 4

// oxlint-disable-next-line import/no-default-export -- jest makes an instance of a sequencer's default export: there is no other form
export default class Sequencer {
  sort(tests: readonly Test[]): Test[] {
    const largestFirst = tests
      .map((test) => ({ test, bytes: statSync(test.path).size }))
      .toSorted((a, b) => b.bytes - a.bytes)
      .map(({ test }) => test)
    const waits = (test: Test): boolean => test.context.config.displayName?.name === 'bundle'
    const bundle = largestFirst.filter(waits)
    const order = bundle.splice(0, AT_ONCE)
    for (const [index, test] of largestFirst.filter((one) => !waits(one)).entries()) {
      order.push(test)
      if (index % BETWEEN === BETWEEN - 1) order.push(...bundle.splice(0, 1))
    }
    return [...order, ...bundle]
  }

  /** Jest would have durations remembered: the order is the same on every machine. */
  cacheResults(): void {}
}
