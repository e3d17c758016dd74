// Runs the tests: everything that needs no cluster, or the files that are named, or one of the
// suites against a cluster. What follows is given to jest.

import { join } from 'node:path'
import { ROOT, exitCodeOf } from './run.ts'

const [first = '', ...rest] = process.argv.slice(2)

/** What a run of `npm run e2e` leaves to `npm run e2e:all`. */
const LONG = ['/e2e/cases/', '/e2e/cassandra', '/e2e/custom-etcd']

/** `--inspect` and its like are for Node, the rest is for jest. */
function jest(suites: readonly string[], given: readonly string[]): number {
  const forNode = given.filter((arg) => arg.startsWith('--inspect'))
  return exitCodeOf('node', [
    ...forNode,
    'node_modules/jest/bin/jest.js',
    ...given.filter((arg) => !forNode.includes(arg)),
    ...(forNode.length > 0 || suites.includes('e2e') ? ['--runInBand'] : []),
    '--selectProjects',
    ...suites,
  ])
}

function main(): number {
  if (first === 'e2e')
    return jest(['e2e'], [...rest, ...LONG.map((path) => `--testPathIgnorePatterns=${path}`)])
  if (first === 'e2e:all') {
    process.env['E2E'] = 'all'
    return jest(['e2e'], rest)
  }
  // Node keeps what it compiles, for jest's workers and for the many runs of the bundle.
  process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, 'node_modules/.cache/node')
  const given = process.argv.slice(2)
  const checked = given.length > 0 ? 0 : exitCodeOf('npm', ['run', '--silent', 'check'])
  return checked === 0 ? jest(['unit', 'model', 'bundle', 'contract'], given) : checked
}

process.exitCode = main()
