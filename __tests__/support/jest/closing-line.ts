// A jest reporter that ends each suite with one plain line, `unit: 12 passed, 0 failed`, for people
// and for whatever reads the log.

import { z } from 'zod'

const resultsSchema = z.looseObject({
  testResults: z.array(
    z.looseObject({
      testFilePath: z.string(),
      numPassingTests: z.number(),
      numFailingTests: z.number(),
      numPendingTests: z.number(),
      testExecError: z.unknown().optional(),
    }),
  ),
})

// oxlint-disable-next-line import/no-default-export -- jest makes an instance of a reporter's default export: there is no other form
export default class ClosingLine {
  onRunComplete(_contexts: unknown, results: unknown): void {
    const suites = new Map<string, { passed: number; failed: number; skipped: number }>()
    for (const file of resultsSchema.parse(results).testResults) {
      const suite = /__tests__[\\/]([a-z0-9]+)/.exec(file.testFilePath)?.[1] ?? 'tests'
      const sum = suites.get(suite) ?? { passed: 0, failed: 0, skipped: 0 }
      sum.passed += file.numPassingTests
      // A file that did not even load has run no test, and is the worse for it.
      sum.failed +=
        file.numFailingTests +
        (file.testExecError === undefined || file.testExecError === null ? 0 : 1)
      sum.skipped += file.numPendingTests
      suites.set(suite, sum)
    }
    for (const [suite, { passed, failed, skipped }] of suites)
      console.log(
        `${suite}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
      )
  }
}
