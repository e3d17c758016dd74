// Durability: an ensemble that came back empty is healthy by every other check.

import { describe, expect, test } from '@jest/globals'
import type { Profile, VerifyContext } from '../../../../../src/ensemble/profile.ts'
import { parseMarker, printMarker } from '../../../../../src/ensemble/zookeeper/checks/marker.ts'
import { zooKeeperProfile } from '../../../../../src/ensemble/zookeeper/profile.ts'
import { simulateEnsemble, type SimulatedEnsemble } from '../../../../support/cluster/zookeeper.ts'
import { membersOf, reachInto, usualMembers } from '../../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../../support/idle-clock.ts'

const MEMBERS = membersOf(3)
const profile = zooKeeperProfile({ auth: undefined, checkPath: '/zk-ensemble-action' })

function context(ensemble: SimulatedEnsemble, may = { forward: true, exec: true }): VerifyContext {
  return {
    reach: reachInto(ensemble, may),
    clock: idleClock(),
    signal: new AbortController().signal,
    settleMs: 30_000,
    runId: 'run-7',
    say: () => undefined,
    replicas: 3,
    serviceName: 'zk-hs',
  }
}

function started(): SimulatedEnsemble {
  const ensemble = simulateEnsemble()
  for (const spec of usualMembers(3)) ensemble.start(spec)
  return ensemble
}

function restart(ensemble: SimulatedEnsemble, between: () => void): void {
  for (const { ordinal } of MEMBERS) ensemble.stop(ordinal)
  between()
  for (const spec of usualMembers(3)) ensemble.start(spec)
}

async function call<Key extends 'writeMarker' | 'readMarker' | 'removeMarker'>(
  key: Key,
): Promise<NonNullable<Profile[Key]>> {
  await Promise.resolve()
  const found = profile[key]
  if (found === undefined) throw new Error(`the profile has no ${key}`)
  return found
}

describe.each([
  { forward: true, exec: true },
  { forward: false, exec: true },
])('the marker, with the rights %o', (may) => {
  test('is there on every member after all were restarted with their claims, and can be removed', async () => {
    const ensemble = started()
    const marker = await (await call('writeMarker'))(MEMBERS, context(ensemble, may))
    restart(ensemble, () => undefined)
    expect(await (await call('readMarker'))(MEMBERS, marker, context(ensemble, may))).toMatchObject(
      {
        name: 'durability',
        outcome: 'passed',
        detail: 'what was acknowledged before is there on all 3 members',
      },
    )
    await (
      await call('removeMarker')
    )(MEMBERS, marker, context(ensemble, may))
    expect(ensemble.paths(0)).toEqual(['/zk-ensemble-action'])
  })

  test('is DATA_LOST when the ensemble came back whole, healthy and empty', async () => {
    const ensemble = started()
    const marker = await (await call('writeMarker'))(MEMBERS, context(ensemble, may))
    restart(ensemble, () => usualMembers(3).forEach((spec) => ensemble.wipe(spec.claim)))
    expect((await profile.verify(MEMBERS, 'full', context(ensemble))).findings).toEqual([])
    const found = await (await call('readMarker'))(MEMBERS, marker, context(ensemble, may))
    expect(found.outcome).toBe('failed')
    expect(found.findings.map((finding) => [finding.code, finding.ordinal])).toEqual([
      ['DATA_LOST', 0],
      ['DATA_LOST', 1],
      ['DATA_LOST', 2],
    ])
  })
})

test('a member that cannot be asked is not called a loss, but no success either', async () => {
  const ensemble = started()
  const marker = await (await call('writeMarker'))(MEMBERS, context(ensemble))
  ensemble.stop(1)
  const found = await (await call('readMarker'))(MEMBERS, marker, context(ensemble))
  expect(found.findings.map((finding) => [finding.code, finding.ordinal])).toEqual([
    ['CHECK_IMPOSSIBLE', 1],
  ])
})

test('a member with an older state than was acknowledged is a loss', async () => {
  const ensemble = started()
  const marker = await (await call('writeMarker'))(MEMBERS, context(ensemble))
  const later = printMarker({ ...(parseMarker(marker) ?? fail()), version: 4 })
  expect(
    (await (await call('readMarker'))(MEMBERS, later, context(ensemble))).findings[0],
  ).toMatchObject({ code: 'DATA_LOST', ordinal: 0 })
})

test('a marker is written through another member when the first has gone', async () => {
  const ensemble = started()
  ensemble.stop(0)
  expect(parseMarker(await (await call('writeMarker'))(MEMBERS, context(ensemble)))).toBeDefined()
})

test('where nobody may write, that is said with the fix, before anything disruptive begins', async () => {
  const ensemble = started()
  ensemble.lock('/', 'a:b')
  await expect((await call('writeMarker'))(MEMBERS, context(ensemble))).rejects.toMatchObject({
    code: 'CHECK_IMPOSSIBLE',
    outcome: 'refused',
  })
  await expect(
    (await call('writeMarker'))(MEMBERS, context(ensemble, { forward: false, exec: false })),
  ).rejects.toMatchObject({ code: 'CHECK_IMPOSSIBLE' })
})

test.each(['', '{}', '{"path":"/x","value":"v","version":1,"mzxid":"12"}', 'null'])(
  'a text that is no marker is not taken for one: %j',
  (text) => {
    expect(parseMarker(text)).toBeUndefined()
  },
)

test('a marker survives being written down', () => {
  const marker = { path: '/a/b', value: 'v', version: 1, mzxid: 0xffffffffffn }
  expect(parseMarker(printMarker(marker))).toEqual(marker)
})

function fail(): never {
  throw new Error('it is no marker')
}
