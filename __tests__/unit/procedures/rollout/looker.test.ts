// How often members are asked: each look of a ring is a JVM in a container of half a core, and
// looks that come too often cost healthy members their probes.

import { expect, test } from '@jest/globals'
import type { Profile, Role } from '../../../../src/ensemble/profile.ts'
import { missingNow } from '../../../../src/procedures/rollout/await-serving.ts'
import { createLooker } from '../../../../src/procedures/rollout/looker.ts'
import { pod, T0, view } from '../../decide/given.ts'
import { runWith } from '../given.ts'

const signal = new AbortController().signal

/** A look takes a second; `looks` says of each whether it was a wait's. */
function asked(
  profile: Partial<Profile>,
  roles: () => readonly Role[] = () => ['up', 'up', 'up'],
): {
  readonly looker: ReturnType<typeof createLooker>
  readonly looks: string[]
  readonly pass: (ms: number) => void
} {
  let now = T0
  const looks: string[] = []
  const ensemble = runWith({
    look: (members, context) => {
      now += 1000
      looks.push(context.waiting === true ? 'wait' : 'all')
      return Promise.resolve(
        members.map((member, at) => ({
          pod: member.pod,
          ordinal: member.ordinal,
          id: undefined,
          role: roles()[at] ?? 'unknown',
          version: undefined,
          zxid: undefined,
          trouble: undefined,
        })),
      )
    },
    ...profile,
  })
  const clock = { ...ensemble.run.clock, now: () => now }
  return {
    looker: createLooker({ ...ensemble, run: { ...ensemble.run, clock } }, signal),
    looks,
    pass: (ms) => void (now += ms),
  }
}

const READY = view([pod(0), pod(1), pod(2)])
const STARTING = view([pod(0), pod(1), pod(2, { ready: false })])

test('where a look is dear the pause is four times as long as the last one took', async () => {
  for (const [profile, pauses] of [
    [{ dear: true as const }, [false, false, false, true]],
    [{}, [true, true, true, true]],
  ] as const) {
    const { looker, looks, pass } = asked(profile)
    await looker.members(READY, false)
    for (const expected of pauses) {
      const from = looks.length
      pass(1001)
      await looker.members(READY, false)
      expect(looks.length > from).toBe(expected)
    }
  }
})

test('but one that has become Ready is asked at once', async () => {
  const { looker, looks } = asked({ dear: true })
  await looker.members(STARTING, false)
  await looker.members(STARTING, false)
  expect(looks).toEqual(['wait'])
  await looker.members(READY, false)
  expect(looks).toEqual(['wait', 'wait'])
})

test('who is waited for may be told by one; that nobody is missing is asked of all', async () => {
  let roles: readonly Role[] = ['up', 'up', 'not serving']
  const dear = asked({ dear: true }, () => roles)
  expect((await missingNow(dear.looker, READY)).missing?.reason).toMatch(/^zk-2 is Ready, but/)
  expect(dear.looks).toEqual(['wait'])
  roles = ['up', 'up', 'up']
  dear.pass(10_000)
  expect((await missingNow(dear.looker, READY)).missing).toBeUndefined()
  expect(dear.looks).toEqual(['wait', 'wait', 'all'])
  const cheap = asked({})
  await missingNow(cheap.looker, READY)
  expect(cheap.looks).toEqual(['all'])
})

// A roll waits for such a member, and its log is all that somebody has who must find out why.
test('of one that could not be reached it is known why', async () => {
  const { looker } = asked({
    look: (members) =>
      Promise.resolve(
        members.map(({ pod: name, ordinal }) => ({
          pod: name,
          ordinal,
          id: undefined,
          role: 'unreachable' as const,
          version: undefined,
          zxid: undefined,
          trouble: ordinal === 0 ? 'port-forward failed (a gateway answered 403)' : undefined,
        })),
      ),
  })
  expect((await looker.members(READY, false)).map(({ trouble }) => trouble)).toEqual([
    'port-forward failed (a gateway answered 403)',
    undefined,
    undefined,
  ])
})
