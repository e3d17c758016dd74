// Too little masked shows a password; too much stars out ordinary words in every log of the job.

import { expect, test } from '@jest/globals'
import { maskSecrets } from '../../../src/github/mask.ts'

function masked(...secrets: (string | undefined)[]): string[] {
  const told: string[] = []
  maskSecrets((secret) => told.push(secret), secrets, { GITHUB_ACTIONS: 'true' })
  return told
}

test('tokens, passwords and keys are masked once each', () => {
  expect(masked('hunter2', 'hunter2', '-----BEGIN KEY-----\nabc\n-----END KEY-----')).toEqual([
    'hunter2',
    '-----BEGIN KEY-----\nabc\n-----END KEY-----',
  ])
})

test.each([
  ['nothing', undefined],
  ['blanks', '   '],
  ['a word so short that it is part of others', 'abc'],
  ['a kubeconfig', 'apiVersion: v1\nkind: Config\nclusters: []\n'],
  ['a kubeconfig as JSON', '{ "kind": "Config", "apiVersion": "v1" }'],
])('%s is not masked', (_, secret) => expect(masked(secret)).toEqual([]))

test('on a laptop nothing is written: the command itself would show the secret', () => {
  const told: string[] = []
  maskSecrets((secret) => told.push(secret), ['hunter2'], {})
  expect(told).toEqual([])
})
