// The writer over a simulated ensemble: what it says of a roll must be so, whatever the members and
// the way to them do meanwhile.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Member, Reach, VerifyContext, Witness } from '../../../../src/ensemble/profile.ts'
import { beginWitness } from '../../../../src/ensemble/zookeeper/witness.ts'
import { simulateEnsemble, type SimulatedEnsemble } from '../../../support/cluster/zookeeper.ts'
import { membersOf, reachInto, usualMembers } from '../../../support/cluster/zookeeper-usual.ts'
import { idleClock } from '../../../support/idle-clock.ts'

const MEMBERS = membersOf(3)
const never = new AbortController().signal
const OPTIONS = { auth: undefined, checkPath: '/zk-ensemble-action' }

function started(count = 3): SimulatedEnsemble {
  const ensemble = simulateEnsemble()
  for (const spec of usualMembers(count)) ensemble.start(spec)
  return ensemble
}

function contextOf(reach: Reach, signal = never): VerifyContext & { readonly said: string[] } {
  const said: string[] = []
  return {
    reach,
    clock: idleClock(),
    signal,
    settleMs: 0,
    runId: 'run-7',
    say: (line) => void said.push(line),
    replicas: 3,
    serviceName: 'zk-hs',
    said,
  }
}

async function begin(
  context: VerifyContext,
  members: () => readonly Member[] = () => MEMBERS,
): Promise<Witness> {
  const witness = await beginWitness(members, context, OPTIONS)
  if (witness === undefined) throw new Error('it did not begin')
  return witness
}

/** The API server can't be reached while `away()`. */
function withOutages(reach: Reach, away: () => boolean): Reach {
  const gone = new KubeFailure({
    status: 0,
    reason: 'Unreachable',
    message: 'nothing listens at api:6443',
    request: 'forward',
    cause: new Error('ECONNREFUSED'),
  })
  return { ...reach, open: (...args) => (away() ? Promise.reject(gone) : reach.open(...args)) }
}

describe('members that come and go', () => {
  test('a steady ensemble: all is there, no gap, and the node is gone afterwards', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    await context.clock.sleep(2_000)
    const report = await witness.stop(MEMBERS, never)
    expect(report).toMatchObject({ unknown: 0, lost: 0, gaps: [], unmeasuredMs: 0 })
    expect(report.acknowledged).toBeGreaterThan(10)
    expect(ensemble.paths(0)).toEqual(['/zk-ensemble-action'])
  })

  test('a member that goes costs no write, a lost quorum is a gap', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    ensemble.stop(0)
    await context.clock.sleep(2_000)
    ensemble.stop(1)
    await context.clock.sleep(5_000)
    for (const spec of usualMembers(3).slice(0, 2)) ensemble.start(spec)
    await context.clock.sleep(3_000)
    const report = await witness.stop(MEMBERS, never)
    expect(report).toMatchObject({ lost: 0, unmeasuredMs: 0 })
    expect(report.gaps).toHaveLength(1)
    expect(report.longestGapMs).toBeGreaterThanOrEqual(5_000)
  })

  test('writes that were made but never answered are unknown, not lost', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    for (const { ordinal } of MEMBERS) ensemble.fault(ordinal, { losesAnswers: true })
    await context.clock.sleep(500)
    for (const { ordinal } of MEMBERS) ensemble.fault(ordinal, undefined)
    await context.clock.sleep(500)
    const report = await witness.stop(MEMBERS, never)
    expect(report.unknown).toBeGreaterThan(0)
    expect(report.lost).toBe(0)
  })

  test('a member that says nothing does not keep it from the others', async () => {
    const ensemble = started()
    ensemble.fault(0, { mute: true })
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    await context.clock.sleep(2_000)
    const report = await witness.stop(MEMBERS, never)
    expect(report).toMatchObject({ lost: 0, gaps: [] })
    expect(report.acknowledged).toBeGreaterThan(10)
  })
})

describe('a member that is about to be taken down', () => {
  /** Pods through which a tunnel was opened. */
  function through(reach: Reach): Reach & { readonly opened: string[] } {
    const opened: string[] = []
    return {
      ...reach,
      opened,
      open: (member, ...rest) => (opened.push(member.pod), reach.open(member, ...rest)),
    }
  }

  test('is left before it goes: its loss is no gap, and no write is left without an answer', async () => {
    const ensemble = started()
    const reach = through(reachInto(ensemble))
    const context = contextOf(reach)
    const witness = await begin(context)
    await context.clock.sleep(1_000)
    expect(reach.opened).toEqual(['zk-0'])
    await witness.leave(MEMBERS[0]?.uid ?? '', never)
    expect(reach.opened).toEqual(['zk-0', 'zk-1'])
    ensemble.stop(0)
    await context.clock.sleep(2_000)
    const report = await witness.stop(MEMBERS, never)
    expect(report).toMatchObject({ unknown: 0, lost: 0, gaps: [] })
    expect(report.longestGapMs).toBeLessThan(300)
  })

  test('that the writer is not with is only kept in mind', async () => {
    const ensemble = started()
    const reach = through(reachInto(ensemble))
    const context = contextOf(reach)
    const witness = await begin(context)
    await witness.leave(MEMBERS[1]?.uid ?? '', never)
    ensemble.stop(0)
    await context.clock.sleep(2_000)
    expect((await witness.stop(MEMBERS, never)).lost).toBe(0)
    expect(reach.opened[1]).toBe('zk-2')
  })

  test('does not hold up the roll where no other one takes the writer: it stays, and the gap is the ensemble\u2019s', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    for (const ordinal of [1, 2]) ensemble.fault(ordinal, { mute: true })
    const began = context.clock.now()
    await witness.leave(MEMBERS[0]?.uid ?? '', never)
    expect(context.clock.now() - began).toBeLessThanOrEqual(3_000)
    await context.clock.sleep(500)
    for (const ordinal of [1, 2]) ensemble.fault(ordinal, undefined)
    expect(await witness.stop(MEMBERS, never)).toMatchObject({ unknown: 0, lost: 0, gaps: [] })
  })

  test('is nothing to a writer that was stopped', async () => {
    const context = contextOf(reachInto(started()))
    const witness = await begin(context)
    await witness.stop(MEMBERS, never)
    await expect(witness.leave(MEMBERS[0]?.uid ?? '', never)).resolves.toBeUndefined()
  })
})

describe('what was acknowledged', () => {
  test('and is gone, since the ensemble came back empty, is lost', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    await context.clock.sleep(1_000)
    for (const { ordinal } of MEMBERS) ensemble.stop(ordinal)
    for (const spec of usualMembers(3)) ensemble.wipe(spec.claim)
    for (const spec of usualMembers(3)) ensemble.start(spec)
    await context.clock.sleep(1_000)
    expect((await witness.stop(MEMBERS, never)).lost).toBeGreaterThan(5)
  })

  test('and is missing on one member that serves after a sync, is lost', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    ensemble.fault(2, { stale: true })
    await context.clock.sleep(1_000)
    expect((await witness.stop(MEMBERS, never)).lost).toBeGreaterThan(5)
  })

  test('is not called lost, and not called there, when nobody can be asked', async () => {
    const ensemble = started()
    const context = contextOf(reachInto(ensemble))
    const witness = await begin(context)
    for (const { ordinal } of MEMBERS) ensemble.stop(ordinal)
    const began = context.clock.now()
    expect((await witness.stop(MEMBERS, never)).lost).toBeUndefined()
    expect(context.clock.now() - began).toBeLessThanOrEqual(15_000)
  })
})

describe('the way to the members', () => {
  test('an API server that is away is unmeasured time, pods that are away are a gap', async () => {
    const ensemble = started()
    let away = false
    const context = contextOf(withOutages(reachInto(ensemble), () => away))
    const witness = await begin(context)
    away = true
    for (const { ordinal } of MEMBERS) ensemble.stop(ordinal)
    await context.clock.sleep(20_000)
    away = false
    await context.clock.sleep(4_000)
    for (const spec of usualMembers(3)) ensemble.start(spec)
    await context.clock.sleep(2_000)
    const report = await witness.stop(MEMBERS, never)
    expect(report.unmeasuredMs).toBeGreaterThan(18_000)
    expect(report.longestGapMs).toBeGreaterThan(3_500)
    expect(report.longestGapMs).toBeLessThan(10_000)
  })

  test('without the right to port-forward there is none, with a locked path there is none and it is said', async () => {
    expect(
      await beginWitness(
        () => MEMBERS,
        contextOf(reachInto(started(), { forward: false, exec: true })),
        OPTIONS,
      ),
    ).toBeUndefined()
    const ensemble = started()
    ensemble.lock('/', 'u:s')
    const context = contextOf(reachInto(ensemble))
    expect(await beginWitness(() => MEMBERS, context, OPTIONS)).toBeUndefined()
    expect(context.said).toEqual([expect.stringContaining('NoAuth')])
  })

  test('an aborted run ends it quietly, and it can still be stopped and cleaned up', async () => {
    const ensemble = started()
    const run = new AbortController()
    const context = contextOf(reachInto(ensemble), run.signal)
    const witness = await begin(context)
    run.abort(new Error('cancelled'))
    expect(await witness.stop(MEMBERS, never)).toMatchObject({ lost: 0 })
    expect(ensemble.paths(0)).toEqual(['/zk-ensemble-action'])
    await expect(
      (await begin(contextOf(reachInto(ensemble)))).stop(
        MEMBERS,
        AbortSignal.abort(new Error('enough')),
      ),
    ).rejects.toThrow('enough')
  })
})
