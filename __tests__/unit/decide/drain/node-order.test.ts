// A drain that takes the leader's node early costs an election each time; one that takes its own
// node early never gets to the others.

import { describe, expect, test } from '@jest/globals'
import { inOrder, nextNode, type Candidate } from '../../../../src/decide/drain/node-order.ts'
import { membersNow, type MemberNow } from '../../../../src/decide/rollout/roll.ts'
import type { Role } from '../../../../src/ensemble/profile.ts'
import { pod, set, T0, view } from '../given.ts'

function ledBy(leader: number): readonly MemberNow[] {
  const pods = [pod(0), pod(1), pod(2)]
  const roles = new Map<string, Role>(
    pods.map(({ uid }, ordinal) => [uid, ordinal === leader ? 'leader' : 'follower']),
  )
  return membersNow(view(pods, { set: set() }), T0, roles, new Map())
}

describe('the order', () => {
  const members = ledBy(1)
  const at = (name: string, on: readonly string[], runner = false): Candidate => ({
    name,
    members: on,
    runner,
  })
  const left = [at('l', ['zk-1']), at('f', ['zk-2']), at('g', ['zk-0']), at('e', [])]

  test('takes nodes without a member first, followers next, the leader last', () => {
    const taken: string[] = []
    for (let rest = [...left]; rest.length > 0;) {
      const next = nextNode(rest, members)
      taken.push(next?.name ?? '')
      rest = rest.filter((one) => one !== next)
    }
    expect(taken).toEqual(['e', 'f', 'g', 'l'])
  })

  test('that is told before is the one in which they are taken', () => {
    expect(inOrder(left, members).map(({ name }) => name)).toEqual(['e', 'f', 'g', 'l'])
  })

  test('goes by who leads now: another leader on the way, another node last', () => {
    expect(inOrder(left, ledBy(2)).map(({ name }) => name)).toEqual(['e', 'l', 'g', 'f'])
  })

  test('takes the node of the run itself after all others', () => {
    expect(nextNode([at('mine', [], true), at('l', ['zk-1'])], members)?.name).toBe('l')
    expect(nextNode([], members)).toBeUndefined()
  })
})
