// Tells the bundler of which libraries it may leave out the files that nobody uses: a file does
// nothing when it is loaded but to declare, and that is looked up in each before it is said.

import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { ROOT } from './run.ts'

interface PurePackage {
  readonly name: string
  readonly files: string
  /** Files that do more than declare: they stay. */
  readonly effects: readonly string[]
}

const PURE: readonly PurePackage[] = [
  {
    name: '@kubernetes/client-node',
    files: 'dist/**/*.js',
    effects: ['dist/index.js', 'dist/polyfill.js'],
  },
  ...['@actions/core', '@actions/exec', '@actions/http-client', '@actions/io'].map((name) => ({
    name,
    files: 'lib/**/*.js',
    effects: [],
  })),
]

const manifestSchema = z.looseObject({ sideEffects: z.unknown().optional() })

/** Where the compiled sources find them before those in node_modules. */
const COPIES = join(ROOT, 'lib/node_modules')

export function copyPurePackages(): void {
  for (const { name, files, effects } of PURE) {
    const from = join(ROOT, 'node_modules', name)
    const to = join(COPIES, name)
    for (const file of globSync(files, { cwd: from, exclude: ['**/node_modules/**'] })) {
      const effect = effects.includes(file)
        ? undefined
        : effectOf(readFileSync(join(from, file), 'utf8'))
      if (effect !== undefined)
        throw new Error(
          `${name}/${file} does something when it is loaded: ${effect}\nName it in scripts/pure-packages.ts, or the bundle would lack it.`,
        )
      mkdirSync(dirname(join(to, file)), { recursive: true })
      copyFileSync(join(from, file), join(to, file))
    }
    const manifest = manifestSchema.parse(
      JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')),
    )
    const sideEffects = effects.map((file) => `./${file}`)
    writeFileSync(join(to, 'package.json'), JSON.stringify({ ...manifest, sideEffects }))
    // The versions that it asks for itself.
    if (existsSync(join(from, 'node_modules')))
      symlinkSync(join(from, 'node_modules'), join(to, 'node_modules'))
  }
}

/**
 * The first statement of a module, as TypeScript's compiler lays it out, that neither imports,
 * exports nor declares, nor fills what this module itself declares.
 */
export function effectOf(text: string): string | undefined {
  const isOwn = (name: string): boolean =>
    new RegExp(`^(?:export )?(?:var|let|const|class|function) ${name}\\b`, 'm').test(text)
  return text
    .split('\n')
    .filter((line) => /^[^\s/*})\]]/.test(line) && line !== ';')
    .find((line) => {
      if (/^import ['"]/.test(line)) return true
      if (/^(?:import|export|class|const|let|var|function|async function)\b/.test(line))
        return false
      const filled = /^(\w+)\.\w+ = |^\(function \((\w+)\) \{$/.exec(line)
      return !isOwn(filled?.[1] ?? filled?.[2] ?? '\0')
    })
}
