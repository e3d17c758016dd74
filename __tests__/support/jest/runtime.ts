// Jest's runtime: Node itself imports a test file, and a worker runs many. What they share, this
// project's sources and its libraries, is loaded and optimized once and not once a file.

import { createRequire, registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { setGlobals } from './globals.ts'

const require = createRequire(import.meta.url)

const GLOBALS = new URL('globals.ts', import.meta.url).href
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier === '@jest/globals' ? GLOBALS : specifier, context)
    // @actions/workflow-parser imports JSON without saying so.
    return found.url.endsWith('.json') ? { ...found, importAttributes: { type: 'json' } } : found
  },
})

/** Where jest's framework keeps who listens to it. */
const LISTENERS = Symbol.for('EVENT_HANDLERS')

const askedFor = z.object({
  watch: z.boolean(),
  watchAll: z.boolean(),
  collectCoverage: z.boolean(),
})

// oxlint-disable-next-line import/no-default-export -- jest reads a runtime from its default export: there is no other form
export default class Runtime {
  constructor(...given: readonly unknown[]) {
    const { watch, watchAll, collectCoverage } = askedFor.parse(given.at(-1))
    if (watch || watchAll) throw new Error('--watch would run old sources: each is loaded once')
    if (collectCoverage)
      throw new Error('--coverage sees nothing here: set NODE_V8_COVERAGE to a directory')
  }

  /** Jest's framework, new for each file. */
  requireInternalModule(path: string): unknown {
    Reflect.deleteProperty(globalThis, LISTENERS)
    Reflect.deleteProperty(require.cache, path)
    return require(path)
  }

  setGlobalsForRuntime(globals: Readonly<Record<string, unknown>>): void {
    setGlobals(globals)
  }

  unstable_shouldLoadAsEsm(): boolean {
    return true
  }

  async unstable_importModule(path: string): Promise<void> {
    await import(pathToFileURL(path).href)
  }

  requireModule(path: string): unknown {
    return require(path)
  }

  getSourceMaps(): ReadonlyMap<string, string> {
    return new Map()
  }

  getAllCoverageInfoCopy(): undefined {
    return undefined
  }

  enterTestCode(): void {}
  leaveTestCode(): void {}
  teardown(): void {}
}
