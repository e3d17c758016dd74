// Long work must not be deaf: a cancel ends it, though it would continue for ever.

import { expect, test } from '@jest/globals'
import { atOnce, unhurried } from '../../src/unhurried.ts'

function* forEver(): Generator<undefined, never> {
  for (;;) yield undefined
}

function* five(): Generator<undefined, string> {
  for (let step = 0; step < 5; step++) yield undefined
  return 'done'
}

test('work that never ends is ended by its signal, with its reason', async () => {
  const cancel = new AbortController()
  setTimeout(() => cancel.abort(new Error('cancelled')), 1)
  await expect(unhurried(forEver(), cancel.signal)).rejects.toThrow('cancelled')
})

test('a step that fails is told, and what comes out is given', async () => {
  const never = new AbortController().signal
  await expect(
    unhurried(
      (function* (): Generator<undefined, void> {
        yield undefined
        throw new Error('its own fault')
      })(),
      never,
    ),
  ).rejects.toThrow('its own fault')
  expect([await unhurried(five(), never), atOnce(five())]).toEqual(['done', 'done'])
})
