// Makes dist/: compiled, bundled, minified, with the licences of what is in it.

import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { nameChunks } from './name-chunks.ts'
import { copyPurePackages } from './pure-packages.ts'
import { ROOT, run } from './run.ts'

/** What the bundler says of the chunks that it made. */
const STATS = 'lib/chunks.json'

run('node', ['scripts/clean.ts'])
run('tsc', [])
copyPurePackages()
run('ncc', `build lib/index.js --out dist --target es2022 --quiet --stats-out ${STATS}`.split(' '))
nameChunks(join(ROOT, 'dist'), join(ROOT, STATS))
run('esbuild', [
  ...readdirSync(join(ROOT, 'dist'))
    .filter((name) => name.endsWith('.js'))
    .map((name) => `dist/${name}`),
  '--minify',
  '--allow-overwrite',
  '--outdir=dist',
  '--platform=node',
  '--format=esm',
  '--legal-comments=none',
  '--log-level=warning',
])
copyFileSync(join(ROOT, 'lib/post-entry.js'), join(ROOT, 'dist/post.js'))
run('node', ['scripts/write-licenses.ts'])
