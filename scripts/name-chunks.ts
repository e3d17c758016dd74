// Gives the chunks of the bundle names that say what is in them; the bundler knows them by number.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ROOT } from './run.ts'

interface Module {
  readonly name: string
  readonly size: number
}

const module = z.object({ name: z.string(), size: z.number() })
const statsSchema = z.object({
  chunks: z.array(
    z.object({
      id: z.union([z.number(), z.string()]),
      initial: z.boolean(),
      origins: z.array(z.object({ request: z.string().optional() })),
      modules: z.array(module.extend({ modules: z.array(module).optional() })),
    }),
  ),
})

const DEPENDENCIES = new Set(
  Object.keys(
    z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))).dependencies,
  ),
)

/** How the bundler's own code finds the file of a chunk. */
const FILE_OF_CHUNK = 'return "" + chunkId + ".index.js";'

/** `stats`: what the bundler says of the chunks that it made in `directory`. */
export function nameChunks(directory: string, stats: string): void {
  const { chunks } = statsSchema.parse(JSON.parse(readFileSync(stats, 'utf8')))
  const names = new Map<string, string>()
  for (const { id, initial, origins, modules } of chunks) {
    if (initial) continue
    const all = modules.flatMap((one) => one.modules ?? [one])
    const name = nameOf(all, [...new Set(origins.map(({ request = '' }) => request))])
    const taken = [...names.values()].filter((other) => other.replace(/-\d+$/, '') === name).length
    names.set(String(id), taken === 0 ? name : `${name}-${taken + 1}`)
  }
  const entry = join(directory, 'index.js')
  const parts = readFileSync(entry, 'utf8').split(FILE_OF_CHUNK)
  if (parts.length !== 2)
    throw new Error(`${entry} finds its chunks otherwise than scripts/name-chunks.ts expects`)
  const table = JSON.stringify(Object.fromEntries(names))
  writeFileSync(entry, parts.join(`return ${table}[chunkId] + ".js";`))
  for (const [id, name] of names)
    renameSync(join(directory, `${id}.index.js`), join(directory, `${name}.js`))
}

/**
 * The source that is imported when its turn comes, where it alone is the reason for the chunk; else
 * the library, the one that we import ourselves first; else the largest of what several share.
 */
export function nameOf(modules: readonly Module[], requests: readonly string[]): string {
  const wanted = requests.length === 1 ? stem(requests[0] ?? '') : ''
  const asked = modules.find(({ name }) => wanted !== '' && stem(name).endsWith(wanted))
  if (asked !== undefined) return plain(asked.name)
  const bySize = modules.toSorted((a, b) => b.size - a.size).map(({ name }) => name)
  const libraries = bySize.flatMap((name) => packageOf(name) ?? [])
  const library = libraries.find((name) => DEPENDENCIES.has(name)) ?? libraries[0]
  return plain(library ?? `shared-${plain(bySize[0] ?? '')}`)
}

/** `./lib/kube/connect.js` as `/kube/connect`, `../manifests/read.js` as `/manifests/read`. */
function stem(path: string): string {
  return `/${path.replace(/^(?:\.{1,2}\/)+(?:lib\/)?/, '').replace(/\.js$/, '')}`
}

function packageOf(name: string): string | undefined {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1]
}

/** As a part of a file's name. */
function plain(name: string): string {
  return stem(name).slice(1).replace(/^@/, '').replaceAll('/', '-')
}
