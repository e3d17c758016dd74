// What test files import as `@jest/globals`. A file that several of them import is loaded once, so
// each name is a live binding: it means jest's framework of the file that runs now.

/** Read by jest's framework when the tests of a file begin. */
const TIME_LIMIT = Symbol.for('TEST_TIMEOUT_SYMBOL')

type Globals = Readonly<Record<string, unknown>>

export let afterAll: unknown
export let afterEach: unknown
export let beforeAll: unknown
export let beforeEach: unknown
export let describe: unknown
export let expect: unknown
export let it: unknown
export let test: unknown

/** For the file that runs next. */
export function setGlobals(globals: Globals): void {
  ;({ afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } = globals)
}

export function setTimeLimit(ms: unknown): void {
  Reflect.set(globalThis, TIME_LIMIT, ms)
}

/** All of it that is used here: nothing is mocked. */
export const jest = { setTimeout: setTimeLimit }
