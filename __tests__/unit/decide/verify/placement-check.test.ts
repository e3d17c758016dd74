// What a zone that is lost takes with it, in the words of the kind of ensemble: a ring has no
// quorum of its members, and who reads of one looks for what isn't there.

import { expect, test } from '@jest/globals'
import { notServing } from '../../../../src/decide/rollout/not-serving.ts'
import { checkPlacement } from '../../../../src/decide/verify/placement-check.ts'
import type { ProfileName } from '../../../../src/view/profile-name.ts'
import { pod, set } from '../given.ts'
import { node } from '../placement/given.ts'

const ZONE = 'topology.kubernetes.io/zone'
const NODES = ['a', 'a', 'b'].map((zone, at) => node(`node-${at}`, { labels: { [ZONE]: zone } }))
const MEMBERS = [0, 1, 2].map((at) => pod(at, { node: `node-${at}` }))

test.each<[ProfileName, RegExp]>([
  ['zookeeper', /^zone a holds zk-0, zk-1: without it there is no quorum$/],
  ['cassandra', /^zone a holds zk-0, zk-1: without it rows .* copies .* at QUORUM$/],
  ['custom', /^zone a holds zk-0, zk-1: without it half of the members or more are down$/],
])('%s', (profile, words) => {
  const { findings } = checkPlacement({
    profile,
    members: MEMBERS,
    claims: [],
    nodes: NODES,
    requiredByTemplate: false,
    losses: [],
  })
  expect(findings.map(({ message }) => message)).toEqual([expect.stringMatching(words)])
})

test.each<[ProfileName, boolean]>([
  ['zookeeper', true],
  ['cassandra', false],
  ['custom', false],
])('a member of %s that does not serve', (profile, quorum) => {
  const member = {
    pod: 'zk-0',
    ordinal: 0,
    uid: 'u',
    state: 'available',
    text: 'available',
    revision: 'r',
    atRevision: true,
    role: 'down',
    ready: true,
    running: true,
    runningSince: 0,
    addressSince: 0,
    availableAt: undefined,
  } as const
  const { message, fix = '' } = notServing(
    member,
    { set: set(), members: [member] },
    { container: 'zk', since: 0, profile },
  )
  expect(/quorum/.test(message)).toBe(quorum)
  expect(/member list/.test(fix)).toBe(quorum)
})
