// A jest reporter that ends each suite with one plain line, `unit: 12 passed, 0 failed`, for people and for whatever reads the log.
class ClosingLine {
  onRunComplete(_contexts, results) {
    const suites = new Map()
    for (const file of results.testResults) {
      const suite = file.testFilePath.match(/__tests__[\\/]([a-z0-9]+)/)?.[1] ?? 'tests'
      const sum = suites.get(suite) ?? { passed: 0, failed: 0, skipped: 0 }
      sum.passed += file.numPassingTests
      sum.failed += file.numFailingTests + (file.testExecError ? 1 : 0)
      sum.skipped += file.numPendingTests
      suites.set(suite, sum)
    }
    for (const [suite, { passed, failed, skipped }] of suites) {
      console.log(`${suite}: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
    }
  }
}

module.exports = ClosingLine
