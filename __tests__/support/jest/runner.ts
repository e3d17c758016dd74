// Jest's runner with two pools of workers at once. The tests of the bundle mostly wait for their
// processes, the others reckon: neither kind keeps the workers of the other from it, and fewer
// processes have to load, and optimize, the code that reckons.

import { createRequire } from 'node:module'
import type runner from 'jest-runner'
import { z } from 'zod'

type TestRunner = runner.default
type Made = ConstructorParameters<typeof runner.default>
type Given = Parameters<TestRunner['runTests']>

// Its types are those of a CommonJS module, so an import of it would have another type than value.
const { default: TestRunner } = z
  .object({ default: z.custom<typeof runner.default>((value) => typeof value === 'function') })
  .parse(createRequire(import.meta.url)('jest-runner'))

/** So many more of them wait side by side than others reckon. */
const WAITING_BESIDE = 4

// oxlint-disable-next-line import/no-default-export -- jest makes an instance of a runner's default export: there is no other form
export default class Runner extends TestRunner {
  readonly #waiting: TestRunner

  constructor(...[config, context]: Made) {
    super(config, context)
    const maxWorkers = config.maxWorkers + WAITING_BESIDE
    this.#waiting = new TestRunner({ ...config, maxWorkers }, context)
  }

  override async runTests(...[tests, watcher, options]: Given): Promise<void> {
    if (options.serial) return super.runTests(tests, watcher, options)
    const { waiting = [], reckoning = [] } = Object.groupBy(tests, ({ context }) =>
      context.config.displayName?.name === 'bundle' ? 'waiting' : 'reckoning',
    )
    await Promise.all([
      this.#waiting.runTests(waiting, watcher, options),
      super.runTests(reckoning, watcher, options),
    ])
  }

  override on: TestRunner['on'] = (name, listener) => {
    const ends = [super.on(name, listener), this.#waiting.on(name, listener)]
    return () => ends.forEach((end) => end())
  }
}
