// Whoever takes a member down past the look at its claims may cost its data: so there are few ways
// to do it, and all of them go through that look.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url))
const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(SOURCES, name), 'utf8') }))

function calling(call: RegExp, but: string): readonly string[] {
  return files
    .filter(({ name, text }) => name !== but && call.test(text))
    .map(({ name }) => name)
    .toSorted()
}

test.each([
  // The second only passes it on, once the lock is sure.
  ['the eviction API', /\bkube\.evict\(/, '', ['procedures/rollout/evict.ts', 'record/lock.ts']],
  [
    'an eviction of one member',
    /\bevictPod\(/,
    'procedures/rollout/evict.ts',
    ['procedures/rollout/replace-member.ts'],
  ],
  // The one evicts what `ask` lets go, the other asks by a dry run.
  [
    'an eviction whose answers are told apart',
    /\baskEviction\(/,
    'procedures/rollout/evict.ts',
    ['procedures/drain/evict-pods.ts', 'procedures/drain/held-for-ever.ts'],
  ],
  [
    "evictions of a node's pods",
    /\bevictPods\(/,
    'procedures/drain/evict-pods.ts',
    ['procedures/drain/empty-node.ts'],
  ],
  [
    'members taken, freed or stepped down',
    /\b(?:takeByEviction|freeMember)\(|\bstepDown\(roll/,
    'procedures/rollout/replace-member.ts',
    ['procedures/rollout/roll.ts'],
  ],
])('%s is used nowhere else', (_, call, but, where) => {
  expect(calling(call, but)).toEqual(where)
})

test.each([
  'procedures/rollout/roll.ts',
  'procedures/drain/ask-to-go.ts',
  'procedures/scale/resize.ts',
  'procedures/rollout/undo.ts',
  'procedures/deploy/deploy-steps.ts',
  'operations/restart.ts',
  'procedures/scale/scale-gates.ts',
])('%s looks at the claims before', (name) => {
  expect(files.find((file) => file.name === name)?.text).toMatch(/\brefuseLoss\(/)
})

test('a scale passes its gates before its first step', () => {
  expect(files.find((file) => file.name === 'operations/scale.ts')?.text).toMatch(
    /await refuseUnkept\([\s\S]*await refuseUnableToLeave\([\s\S]*await takeSteps?\(/,
  )
})
