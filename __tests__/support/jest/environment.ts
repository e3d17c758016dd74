// Jest's environment of a test file: a global object of its own that is an ordinary one, and a
// temporary directory that must be empty when the file has ended.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import vm from 'node:vm'
import { TestEnvironment } from 'jest-environment-node'
import { TEMPORARY } from './temporary.ts'

/**
 * As many as Node itself keeps. Jest asks for 100, and errors that nobody reads are made by the
 * thousand: each wait that ends in time is aborted.
 */
const STACK_FRAMES = 10

// oxlint-disable-next-line import/no-default-export -- jest reads an environment from its default export: there is no other form
export default class Environment extends TestEnvironment {
  readonly #file: string
  readonly #temporary: string

  constructor(...[config, context]: ConstructorParameters<typeof TestEnvironment>) {
    // Before the environment itself: the file's `process.env` is a copy.
    const temporary = mkdtempSync(join(process.env[TEMPORARY] ?? tmpdir(), 'file-'))
    process.env['TMPDIR'] = temporary
    // The usual global object is a proxy: each `Array` or `Map` in a source costs a call, which
    // takes a quarter of the time of tests that reckon a lot.
    const { createContext } = vm
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY)
    try {
      super(config, context)
    } finally {
      vm.createContext = createContext
    }
    this.#temporary = temporary
    this.#file = context.testPath
  }

  override async setup(): Promise<void> {
    await super.setup()
    Error.stackTraceLimit = STACK_FRAMES
    this.global.Error.stackTraceLimit = STACK_FRAMES
  }

  override async teardown(): Promise<void> {
    await super.teardown()
    const left = readdirSync(this.#temporary)
    rmSync(this.#temporary, { recursive: true, force: true })
    if (left.length > 0)
      throw new Error(`${this.#file} leaves in the temporary directory: ${left.join(', ')}`)
  }
}
