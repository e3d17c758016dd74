// What the server warns of comes in headers that anybody's webhook can write: read as the standard
// says, each once, bounded.

import { expect, test } from '@jest/globals'
import { warningsIn } from '../../../src/kube/warnings.ts'

test.each([
  [
    'one',
    ['299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'],
    ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
  ],
  [
    'two in one header, with quotes in them',
    ['299 - "would violate PodSecurity \\"restricted:latest\\": x", 299 - "b"'],
    ['would violate PodSecurity "restricted:latest": x', 'b'],
  ],
  ['the same twice', ['299 - "a"', '299 - "a"'], ['a']],
  ['another code, and none', ['110 - "stale"', 'nonsense', ''], []],
  ['an empty one', ['299 - ""'], []],
])('%s', (_what, headers, texts) => {
  expect(warningsIn(headers)).toEqual(texts)
})

test('no answer floods the log', () => {
  const many = warningsIn(
    Array.from({ length: 1000 }, (_, index) => `299 - "${index} ${'x'.repeat(10_000)}"`),
  )
  expect(many.length).toBe(20)
  expect(Math.max(...many.map((text) => text.length))).toBe(500)
})
