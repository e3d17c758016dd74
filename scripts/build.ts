// Makes dist/: compiled, bundled, minified, with the licences of what is in it.

import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from './run.ts'

run('node', ['scripts/clean.ts'])
run('tsc', [])
run('ncc', ['build', 'lib/index.js', '--out', 'dist', '--target', 'es2022', '--quiet'])
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
