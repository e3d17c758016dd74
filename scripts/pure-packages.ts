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

/** Calls that somebody has read: they give a value and change nothing. */
const HARMLESS: ReadonlySet<string> = new Set([
  'mimeTypePredicateFactory',
  'mimeTypeSimplePredicateFactory',
  'os.arch',
  'os.platform',
])
const BUILT_IN: ReadonlySet<string> = new Set(['Map', 'Set', 'WeakMap'])

/** What the value of a declaration begins with, where that is a call: `await f(`, `(() => {`, `new A(`. */
const CALL = /^(?:await |\((?:\(|(?:async )?function\b)|(?<made>new )?(?<name>[\w.]+)\()/

/**
 * The first statement of a module, as TypeScript's compiler lays it out, that neither imports,
 * exports nor declares, nor fills what this module itself declares; or that declares a value which
 * begins with a call of anything but this module's own classes and what is in HARMLESS. Calls
 * further inside of a value, and in static fields of a class, are not looked for.
 */
export function effectOf(text: string): string | undefined {
  const isOwn = (name: string): boolean =>
    new RegExp(`^(?:export )?(?:var|let|const|class|function) ${name}\\b`, 'm').test(text)
  return text
    .split('\n')
    .filter((line) => /^[^\s/*})\]]/.test(line) && line !== ';')
    .find((line) => {
      if (/^import ['"]/.test(line) || callsOut(line, isOwn)) return true
      if (/^(?:import|export|class|const|let|var|function|async function)\b/.test(line))
        return false
      const filled = /^(\w+)\.\w+ = |^\(function \((\w+)\) \{$/.exec(line)
      return !isOwn(filled?.[1] ?? filled?.[2] ?? '\0')
    })
}

/** Whether a value is declared, or filled in, that begins with a call which may do anything. */
function callsOut(line: string, isOwn: (name: string) => boolean): boolean {
  const value = /^(?:(?:export )?(?:const|let|var) [^=]+|\w+\.\w+) = (.*)$/.exec(line)?.[1] ?? ''
  const call = CALL.exec(value)
  if (call === null) return false
  const { made, name = '' } = call.groups ?? {}
  return made === undefined ? !HARMLESS.has(name) : !BUILT_IN.has(name) && !isOwn(name)
}
