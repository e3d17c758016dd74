// Fails when dist/ is not, byte for byte, what the sources build.

import { execFileSync } from 'node:child_process'
import { ROOT, run } from './run.ts'

run('node', ['scripts/build.ts'])
const changed = execFileSync('git', ['status', '--porcelain', 'dist'], {
  cwd: ROOT,
  encoding: 'utf8',
})
if (changed !== '') {
  process.stderr.write(`${changed}dist is stale: run npm run build and commit dist\n`)
  process.exitCode = 1
}
