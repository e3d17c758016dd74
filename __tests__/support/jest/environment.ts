// Jest's environment of a test file: the process as it is, put back as it was at the end, and a
// temporary directory that must be empty when the file has ended.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SCRATCH } from '../scratch.ts'
import { setTimeLimit } from './globals.ts'
import { TEMPORARY } from './temporary.ts'

/**
 * As many as Node itself keeps. Jest asks for 100, and errors that nobody reads are made by the
 * thousand: each wait that ends in time is aborted.
 */
const STACK_FRAMES = 10

interface Config {
  readonly projectConfig: { readonly testEnvironmentOptions: { readonly timeLimitMs?: number } }
}

// oxlint-disable-next-line import/no-default-export -- jest reads an environment from its default export: there is no other form
export default class Environment {
  readonly global = globalThis
  readonly #file: string
  readonly #temporary: string
  readonly #env = { ...process.env }
  readonly #exit = Object.getOwnPropertyDescriptor(process, 'exit') ?? {}
  readonly #console = console
  #failed = false

  constructor({ projectConfig }: Config, { testPath }: { readonly testPath: string }) {
    this.#file = testPath
    this.#temporary = mkdtempSync(join(process.env[TEMPORARY] ?? tmpdir(), 'file-'))
    process.env['TMPDIR'] = this.#temporary
    setTimeLimit(projectConfig.testEnvironmentOptions.timeLimitMs)
  }

  /** Jest asks for one and looks whether it is there. */
  getVmContext(): object {
    return globalThis
  }

  async setup(): Promise<void> {
    Error.stackTraceLimit = STACK_FRAMES
    // Jest's own looks for source maps, at each error: nothing is transpiled here.
    Reflect.deleteProperty(Error, 'prepareStackTrace')
  }

  /** A test that failed, or ran out of time, is told rather than what it could not clean up. */
  handleTestEvent({ name }: { readonly name: string }): void {
    if (name === 'test_fn_failure' || name === 'error' || name === 'hook_failure')
      this.#failed = true
  }

  async teardown(): Promise<void> {
    Object.defineProperty(process, 'exit', this.#exit)
    globalThis.console = this.#console
    for (const name of Object.keys(process.env))
      if (!(name in this.#env)) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, this.#env)
    const left = readdirSync(this.#temporary).filter((name) => !name.startsWith(SCRATCH))
    rmSync(this.#temporary, { recursive: true, force: true })
    if (left.length > 0 && !this.#failed)
      throw new Error(`${this.#file} leaves in the temporary directory: ${left.join(', ')}`)
  }
}
