// npm run pages: runs every scene at the simulated cluster and writes the pages that differ from
// the stored ones; with --check it writes nothing and fails when one differs.

import { globSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { SCENES } from '../__tests__/summaries/scenes.ts'
import { masked, pathOf, storedPage } from '../__tests__/summaries/stored.ts'

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  const seen = new Set<string>()
  const differing: string[] = []
  for (const play of Object.values(SCENES))
    for (const { name, text } of await play()) {
      seen.add(name)
      if (masked(storedPage(name)) === masked(text)) continue
      differing.push(name)
      if (!values.check) writeFileSync(pathOf(name), text)
    }
  const directory = join(pathOf('x'), '..')
  for (const path of globSync(join(directory, '*.md')))
    if (!seen.has(basename(path, '.md'))) {
      differing.push(basename(path, '.md'))
      if (!values.check) rmSync(path)
    }
  for (const name of differing)
    process.stdout.write(`${name}: ${values.check ? 'differs: npm run pages' : 'written'}\n`)
  return values.check && differing.length > 0 ? 1 : 0
}

process.exitCode = await main()
