// Who is who: one id twice or two member lists can make two ensembles out of one, while every
// member says that it serves.

import { describe, expect, test } from '@jest/globals'
import { parseConfig } from '../../../../../src/manifests/zoo-config.ts'
import {
  judgeIdentity,
  type IdentityVerdict,
  type Known,
} from '../../../../../src/ensemble/zookeeper/checks/identity.ts'
import type { MemberService } from '../../../../../src/manifests/member-services.ts'
import { membersOf } from '../../../../support/cluster/zookeeper-usual.ts'

const LIST = [
  'server.1=zk-0.zk-hs:2888:3888',
  'server.2=zk-1.zk-hs:2888:3888',
  'server.3=zk-2.zk-hs:2888:3888',
]

interface Told {
  readonly myid?: string | undefined
  readonly list?: readonly string[]
  readonly host?: string
  readonly fqdn?: string
}

function judge(
  changes: Readonly<Record<number, Told>> = {},
  replicas = 3,
  services: readonly MemberService[] = [],
): IdentityVerdict {
  const known = membersOf(replicas).map((member): Known => {
    const told: Told = {
      myid: String(member.ordinal + 1),
      list: LIST.slice(0, Math.max(replicas, 3)),
      ...changes[member.ordinal],
    }
    return {
      member,
      myid: told.myid,
      config: told.list === undefined ? undefined : parseConfig(told.list.join('\n')),
      host: told.host ?? member.pod,
      fqdn: told.fqdn ?? `${member.pod}.zk-hs.test.svc.cluster.local`,
    }
  })
  return judgeIdentity(known, replicas, 'zk-hs', services)
}

function found(verdict: IdentityVerdict): readonly string[] {
  return verdict.findings.map(
    (finding) => `${finding.severity} ${finding.ordinal ?? '-'}: ${finding.message}`,
  )
}

test('ids that follow from the ordinals, with one list everywhere, are proven', () => {
  const verdict = judge()
  expect(verdict).toMatchObject({
    findings: [],
    detail: 'myid is the ordinal plus 1 on all 3 members, the same list of 3 members on all',
  })
  expect([...verdict.ids]).toEqual([
    ['zk-0', 1],
    ['zk-1', 2],
    ['zk-2', 3],
  ])
})

test('the constant is the image’s own', () => {
  const list = LIST.map((line, index) => line.replace(/\.\d=/, `.${index + 10}=`))
  expect(
    judge({ 0: { myid: '10', list }, 1: { myid: '11', list }, 2: { myid: '12', list } }),
  ).toMatchObject({
    findings: [],
    detail: 'myid is the ordinal plus 10 on all 3 members, the same list of 3 members on all',
  })
})

test('a member that lists itself by a wildcard address has the same list', () => {
  const own = (index: number): readonly string[] =>
    LIST.map((line, at) => (at === index ? line.replace(/=.*?:/, '=0.0.0.0:') : line))
  expect(found(judge({ 0: { list: own(0) }, 1: { list: own(1) }, 2: { list: own(2) } }))).toEqual(
    [],
  )
})

describe('errors name the member', () => {
  test.each([
    [
      'one id twice',
      { 2: { myid: '2' } },
      ['error 2: zk-1 (ordinal 1) and zk-2 (ordinal 2) have the same id 2'],
    ],
    [
      'an id that is in no list',
      { 1: { myid: '7' } },
      ['error 1: zk-1 (ordinal 1) has id 7, but its member list has no server.7'],
    ],
    [
      'an id out of the row, in a list that has it',
      {
        2: { myid: '9', list: [...LIST.slice(0, 2), 'server.9=zk-2.zk-hs:2888:3888'] },
        0: { list: [...LIST.slice(0, 2), 'server.9=zk-2.zk-hs:2888:3888'] },
        1: { list: [...LIST.slice(0, 2), 'server.9=zk-2.zk-hs:2888:3888'] },
      },
      ['error 2: zk-2 (ordinal 2) has id 9; by the others’ it would be 3'],
    ],
    [
      'a myid that is no number',
      { 0: { myid: 'zk-0' } },
      ['error 0: zk-0 (ordinal 0) has a myid that is no number: "zk-0"'],
    ],
    [
      'no myid beside a list',
      { 0: { myid: undefined } },
      ['error 0: zk-0 (ordinal 0) has a member list but no readable myid file'],
    ],
    [
      'a list that lacks one',
      { 0: { list: LIST.slice(0, 2) } },
      ['error 0: zk-0 (ordinal 0) has another member list than the others: it lacks server.3'],
    ],
    [
      'a list with one more',
      { 1: { list: [...LIST, 'server.4=zk-3.zk-hs:2888:3888'] } },
      [
        'error 1: zk-1 (ordinal 1) has another member list than the others: it has a server.4 that the others do not have',
      ],
    ],
    [
      'another port',
      { 2: { list: LIST.map((line) => line.replace('zk-0.zk-hs:2888', 'zk-0.zk-hs:2889')) } },
      [
        'error 2: zk-2 (ordinal 2) has another member list than the others: it has server.1=zk-0.zk-hs:2889:3888 where others have zk-0.zk-hs:2888:3888',
      ],
    ],
    [
      'another role',
      { 2: { list: LIST.map((line, index) => (index === 0 ? `${line}:observer` : line)) } },
      [
        'error 2: zk-2 (ordinal 2) has another member list than the others: it has server.1=zk-0.zk-hs:2888:3888:observer where others have zk-0.zk-hs:2888:3888',
      ],
    ],
    [
      'no list at all',
      { 1: { list: [] } },
      [
        'error 1: zk-1 (ordinal 1) has no member list in its configuration, so it runs standalone among 3',
      ],
    ],
    [
      'a line that cannot be read',
      { 1: { list: [...LIST, 'server.4=zk-3'] } },
      [
        'error 1: zk-1 (ordinal 1) has a line in its member list that cannot be read: server.4=zk-3',
      ],
    ],
    [
      'swapped volumes',
      { 0: { myid: '2' }, 1: { myid: '1' } },
      [
        'error 0: zk-0 (ordinal 0) has id 2, but server.2 is zk-1.zk-hs, which is zk-1',
        'error 1: zk-1 (ordinal 1) has id 1, but server.1 is zk-0.zk-hs, which is zk-0',
      ],
    ],
    [
      'a name that its peers do not look for',
      { 0: { fqdn: 'zk-0.other.test.svc.cluster.local' } },
      [
        'error 0: zk-0 (ordinal 0) calls itself zk-0.other.test.svc.cluster.local, its peers look for zk-0.zk-hs.test.svc',
      ],
    ],
  ] satisfies readonly (readonly [string, Record<number, Told>, readonly string[]])[])(
    '%s',
    (_, changes, expected) => {
      expect(found(judge(changes))).toEqual(expected)
    },
  )

  test('of zk-1 and zk-10 each is told by its whole name', () => {
    const list = Array.from(
      { length: 11 },
      (_, index) => `server.${index + 1}=zk-${index}.zk-hs:2888:3888`,
    )
    const swapped = list.map((line) =>
      line.replace('zk-1.', 'zk-X.').replace('zk-10.', 'zk-1.').replace('zk-X.', 'zk-10.'),
    )
    const all = (lines: readonly string[]): Record<number, Told> =>
      Object.fromEntries(list.map((_, index) => [index, { list: lines }]))
    expect(found(judge(all(list), 11))).toEqual([])
    expect(found(judge(all(swapped), 11))).toEqual([
      'error 1: zk-1 (ordinal 1) has id 2, but server.2 is zk-10.zk-hs, which is zk-10',
      'error 10: zk-10 (ordinal 10) has id 11, but server.11 is zk-1.zk-hs, which is zk-1',
    ])
  })
})

describe('what is odd but not wrong is a warning', () => {
  test('a list longer than the set: the majority is counted by the list', () => {
    const list = [...LIST, 'server.4=zk-3.zk-hs:2888:3888', 'server.5=zk-4.zk-hs:2888:3888']
    expect(found(judge({ 0: { list }, 1: { list }, 2: { list } }))).toEqual([
      'warning -: the member list names 5 members (voting: 5), the set has 3',
    ])
  })

  test('a name that is no pod’s', () => {
    const list = LIST.map((line) => line.replace('zk-0.zk-hs', 'zookeeper-a'))
    expect(found(judge({ 0: { list }, 1: { list }, 2: { list } }))).toEqual([
      'warning 0: zk-0 (ordinal 0) is server.1 at zookeeper-a, a name that is neither the pod’s nor that of a Service which selects this pod alone',
    ])
  })

  test('a host name of the node', () => {
    expect(found(judge({ 0: { host: 'node-1', fqdn: 'node-1' } }))).toEqual([
      'warning 0: zk-0 (ordinal 0) has the host name node-1',
    ])
  })
})

describe('members that are named by Services', () => {
  const service = (name: string, pod: string): MemberService => ({
    name,
    pod,
    ownAddress: true,
    always: true,
    ports: [2181, 2888, 3888],
  })
  const services = [0, 1, 2].map((ordinal) => service(`zk-${ordinal}-peer`, `zk-${ordinal}`))
  const byService = LIST.map((line) => line.replace('.zk-hs', '-peer'))
  const all = (list: readonly string[]): Record<number, Told> => ({
    0: { list },
    1: { list },
    2: { list },
  })

  test('a Service that selects just that member is its name', () => {
    expect(found(judge(all(byService), 3, services))).toEqual([])
    expect(
      found(
        judge(
          all(byService.map((line) => line.replace('-peer', '-peer.test.svc.cluster.local'))),
          3,
          services,
        ),
      ),
    ).toEqual([])
  })

  test('one that selects another member leads to the wrong data, whatever it is called', () => {
    const swapped = [service('zk-0', 'zk-1'), service('zk-1', 'zk-0'), service('zk-2', 'zk-2')]
    const list = LIST.map((line) => line.replace('.zk-hs', ''))
    expect(found(judge(all(list), 3, swapped))).toEqual([
      'error 0: zk-0 (ordinal 0) has id 1, but server.1 is zk-0, which is zk-1',
      'error 1: zk-1 (ordinal 1) has id 2, but server.2 is zk-1, which is zk-0',
    ])
  })

  test('half way from pods to Services the lists name the same members: no second ensemble', () => {
    expect(
      found(
        judge({ 0: { list: byService }, 1: { list: LIST }, 2: { list: byService } }, 3, services),
      ),
    ).toEqual([])
    expect(
      found(
        judge(
          {
            0: { list: byService.map((line) => line.replace('2888', '2889')) },
            1: { list: LIST },
            2: { list: LIST },
          },
          3,
          services,
        ),
      )[0],
    ).toContain(
      'has another member list than the others: it has server.1=zk-0-peer:2889:3888 where others have zk-0.zk-hs:2888:3888',
    )
  })

  test('a name in another namespace is another member’s', () => {
    const foreign = LIST.map((line) =>
      line.replace('.zk-hs', '.zk-hs.production.svc.cluster.local'),
    )
    expect(
      found(judge({ 0: { list: foreign }, 1: { list: LIST }, 2: { list: LIST } }, 3, services))[0],
    ).toMatch(
      /^error 0: zk-0 \(ordinal 0\) has the member list of another ensemble: .*namespace production/,
    )
  })

  test('a Service that nobody knows is no proof against the member', () => {
    expect(found(judge(all(byService), 3, services.slice(1)))).toEqual([
      'warning 0: zk-0 (ordinal 0) is server.1 at zk-0-peer, a name that is neither the pod’s nor that of a Service which selects this pod alone',
    ])
  })
})

test('a server that stands alone needs neither list nor myid', () => {
  const [member] = membersOf(1)
  if (member === undefined) throw new Error('no member')
  expect(
    judgeIdentity(
      [
        {
          member,
          myid: undefined,
          config: parseConfig('dataDir=/d'),
          host: 'zk-0',
          fqdn: undefined,
        },
      ],
      1,
      'zk-hs',
    ).findings,
  ).toEqual([])
})

test('what is not known is not called wrong', () => {
  const known = membersOf(3).map((member): Known => ({
    member,
    myid: undefined,
    config: undefined,
    host: undefined,
    fqdn: undefined,
  }))
  expect(judgeIdentity(known, 3, 'zk-hs').findings).toEqual([])
})

describe('whose list a member has', () => {
  const inAll = (list: readonly string[]): Readonly<Record<number, Told>> => ({
    0: { list },
    1: { list },
    2: { list },
  })
  const of = (namespace: string): readonly string[] =>
    LIST.map((line) => line.replace('.zk-hs', `.zk-hs.${namespace}.svc.cluster.local`))

  test('one that names its own namespace is its own', () => {
    expect(found(judge(inAll(of('test'))))).toEqual([])
  })

  test('one that names another namespace is told of each member, and nothing else is', () => {
    expect(found(judge(inAll(of('prod'))))).toEqual(
      [0, 1, 2].map(
        (ordinal) =>
          `error ${ordinal}: zk-${ordinal} (ordinal ${ordinal}) has the member list of another ensemble: it names zk-0.zk-hs.prod.svc.cluster.local (namespace prod), its own name is zk-${ordinal}.zk-hs.test.svc`,
      ),
    )
  })

  test('one that names another set is told', () => {
    const list = LIST.map((line) =>
      line.replace('=zk-', '=main-').replace('.zk-hs', '.main-hs.test.svc'),
    )
    expect(judge(inAll(list)).findings[0]?.message).toMatch(
      /names main-0\.main-hs\.test\.svc \(StatefulSet main\)/,
    )
  })

  test('an ensemble that has members elsewhere too is one', () => {
    const list = [...of('test'), 'server.4=zk-0.zk-hs.other.svc:2888:3888']
    expect(judge(inAll(list)).findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })
})
