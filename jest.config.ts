// Jest: a project for each kind of test, all alike.

import type { Config } from 'jest'

const SUITES = ['unit', 'model', 'bundle', 'contract', 'e2e']
const SUPPORT = '<rootDir>/__tests__/support/jest'

const config: Config = {
  // As many as there are cores, and some more of those that wait: see the runner.
  maxWorkers: 2,
  // At its end a worker writes for Node what it has compiled, for the next run.
  workerGracefulExitTimeout: 10_000,
  // Of a file's tests that may run side by side: they wait, each with a cluster of its own.
  maxConcurrency: 4,
  testSequencer: `${SUPPORT}/sequencer.ts`,
  reporters: ['default', `${SUPPORT}/closing-line.ts`, `${SUPPORT}/temporary.ts`],
  projects: SUITES.map((suite) => ({
    displayName: suite,
    testMatch: [`<rootDir>/__tests__/${suite}/**/*.test.ts`],
    testEnvironment: `${SUPPORT}/environment.ts`,
    testEnvironmentOptions: { timeLimitMs: suite === 'bundle' ? 300_000 : 120_000 },
    transform: {},
    runtime: `${SUPPORT}/runtime.ts`,
    runner: `${SUPPORT}/runner.ts`,
    cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  })),
}

// oxlint-disable-next-line import/no-default-export -- jest reads its configuration from the default export: there is no other form
export default config
