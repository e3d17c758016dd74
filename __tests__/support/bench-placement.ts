// What deciding on a drain costs in a large cluster: 5,000 nodes and 50,000 pods, read page by page
// from a server in another process, by a process as it is shipped: in one file.
// Needs no real cluster.

import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { z } from 'zod'
import type { Row } from './bench-rolls.ts'

const SIZE = { nodes: 5_000, pods: 50_000 }

/** The client library asks for modules as CommonJS does. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
const runSchema = z.object({
  pods: z.number(),
  fit: z.number(),
  readMs: z.number(),
  decideMs: z.number(),
  planMs: z.number(),
  startMb: z.number(),
  mostMb: z.number(),
})

const seconds = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`

export async function placementRows(): Promise<readonly Row[]> {
  const server = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('big-cluster.ts', import.meta.url)),
      String(SIZE.nodes),
      String(SIZE.pods),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const temp = mkdtempSync(join(tmpdir(), 'bench-placement-'))
  try {
    const port = await new Promise<string>((resolve, reject) => {
      server.once('error', reject)
      server.once('exit', () => reject(new Error('the server of the large cluster ended')))
      server.stdout.once('data', (line) => resolve(String(line).trim()))
    })
    const kubeconfig = join(temp, 'config')
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'big',
        contexts: [{ name: 'big', context: { cluster: 'big', user: 'big' } }],
        clusters: [{ name: 'big', cluster: { server: `http://127.0.0.1:${port}` } }],
        users: [{ name: 'big', user: {} }],
      }),
    )
    const bundle = join(temp, 'run.mjs')
    await build({
      entryPoints: [fileURLToPath(new URL('bench-placement-run.ts', import.meta.url))],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'warning',
      banner: { js: REQUIRE },
    })
    const { stdout } = await promisify(execFile)(process.execPath, [bundle], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
    })
    const run = runSchema.parse(JSON.parse(stdout))
    const size = `${SIZE.nodes} nodes, ${SIZE.pods} pods`
    return [
      {
        what: `${size}: whether the ${run.pods} pods of a node fit elsewhere (${run.fit} do), after the lists are read`,
        ours: seconds(run.decideMs),
        today: '–',
        reach: '≤ 1 s',
      },
      {
        what: `${size}: the same for a plan of five nodes`,
        ours: seconds(run.planMs),
        today: '–',
        reach: '–',
      },
      { what: `${size}: reading the lists`, ours: seconds(run.readMs), today: '–', reach: '–' },
      {
        what: `${size}: most memory that the process had (${run.startMb} MB before the first list)`,
        ours: `${run.mostMb} MB`,
        today: '–',
        reach: '≤ 300 MB',
      },
    ]
  } finally {
    server.stdin.end()
    rmSync(temp, { recursive: true })
  }
}
