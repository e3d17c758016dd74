// Four-letter words: whether a member serves is read from its own words, never from the fact that
// something answered.

import { duplexPair } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import {
  parseConf,
  parseSrvr,
  parseVersion,
} from '../../../../src/ensemble/zookeeper/word-answers.ts'
import { askTwice, askWord, speaksTls } from '../../../../src/ensemble/zookeeper/words.ts'
import { idleClock } from '../../../support/idle-clock.ts'

const OLD = `Zookeeper version: 3.4.10-39d3a4f269333c922ed3db283be479f9deacaa0f, built on 03/23/2017 10:13 GMT
Latency min/avg/max: 0/0/35
Received: 17
Sent: 16
Connections: 1
Outstanding: 0
Zxid: 0x100000002
Mode: follower
Node count: 5
`
const NEW_LEADER = `Zookeeper version: 3.9.5-3b8e1a3b3c9a1a1d4c7ff5fbd8ee2bd33e1ef1ff, built on 2026-02-03 10:11 UTC
Latency min/avg/max: 0/0.6042/12
Received: 120
Sent: 119
Connections: 2
Outstanding: 0
Zxid: 0x5000000a1
Mode: leader
Node count: 7
Proposal sizes last/min/max: 32/32/92
`

describe('srvr', () => {
  test.each([
    [
      'a follower of 3.4',
      OLD,
      { kind: 'serving', role: 'follower', version: '3.4.10', zxid: 0x100000002n, nodes: 5 },
    ],
    [
      'a leader of 3.9',
      NEW_LEADER,
      { kind: 'serving', role: 'leader', version: '3.9.5', zxid: 0x5000000a1n, nodes: 7 },
    ],
    [
      'one that stands alone',
      OLD.replace('follower', 'standalone'),
      { kind: 'serving', role: 'standalone', version: '3.4.10', zxid: 0x100000002n, nodes: 5 },
    ],
    [
      'an observer',
      OLD.replace('follower', 'observer'),
      { kind: 'serving', role: 'observer', version: '3.4.10', zxid: 0x100000002n, nodes: 5 },
    ],
    [
      'a read-only one behind its banner',
      `READ-ONLY mode; serving only read-only clients\n${OLD.replace('follower', 'read-only')}`,
      { kind: 'read-only', version: '3.4.10' },
    ],
    [
      'one without a quorum',
      'This ZooKeeper instance is not currently serving requests\n',
      { kind: 'not serving' },
    ],
    [
      'one that does not allow the word',
      'srvr is not executed because it is not in the whitelist.\n',
      { kind: 'not allowed' },
    ],
    ['nothing', '', { kind: 'silent' }],
    [
      'another service',
      '-ERR unknown command\r\n',
      { kind: 'garbage', text: '-ERR unknown command' },
    ],
    ['half an answer, which is no proof of serving', OLD.slice(0, 150), { kind: 'silent' }],
    [
      'a mode that is not known',
      OLD.replace('follower', 'dancing'),
      {
        kind: 'garbage',
        text: 'Zookeeper version: 3.4.10-39d3a4f269333c922ed3db283be479f9deacaa0f, built on 03/…',
      },
    ],
  ])('%s', (_, text, expected) => {
    expect(parseSrvr(text)).toEqual(expected)
  })

  test.each([
    ['Zookeeper version: 3.5.0-alpha-1234, built on x', '3.5.0-alpha'],
    ['Zookeeper version: 3.7.0-e3704b390a6697bfdf4b0bef79e3da7a4f6bac4b, built on', '3.7.0'],
    ['Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built', '3.8.0'],
    ['Zookeeper version: 3.6.0-rc2, built on x', '3.6.0-rc2'],
    ['Mode: follower', undefined],
  ])('the version of %s', (text, version) => {
    expect(parseVersion(text)).toBe(version)
  })
})

describe('conf', () => {
  test('3.4 tells its id, 3.9 its member list too, and a refusal tells nothing', () => {
    expect(
      parseConf('clientPort=2181\ndataDir=/data/version-2\nserverId=2\nelectionPort=3888\n'),
    ).toEqual({ id: 2, config: undefined })
    const told = parseConf(
      'clientPort=2181\nsecureClientPort=-1\nserverId=3\npeerType=0\nmembership: \nserver.1=zk-0.zk-hs:2888:3888:participant;0.0.0.0:2181\nserver.3=zk-2.zk-hs:2888:3888:participant;0.0.0.0:2181\nversion=0',
    )
    expect(told?.id).toBe(3)
    expect(told?.config?.servers.map((line) => [line.id, line.addresses[0]?.host])).toEqual([
      [1, 'zk-0.zk-hs'],
      [3, 'zk-2.zk-hs'],
    ])
    expect(parseConf('conf is not executed because it is not in the whitelist.\n')).toBeUndefined()
  })
})

describe('asking', () => {
  const never = new AbortController().signal

  test('an answer in pieces is put together, and the writing side is not closed before it', async () => {
    const [near, far] = duplexPair()
    let ended = false
    far.on('end', () => (ended = true))
    far.once('data', (chunk: Buffer) => {
      expect(chunk.toString()).toBe('srvr')
      far.write(OLD.slice(0, 100))
      setImmediate(() => {
        expect(ended).toBe(false)
        far.end(OLD.slice(100))
      })
    })
    expect(await askWord(near, 'srvr', idleClock(), never)).toBe(OLD)
  })

  test('a member that answers but never closes is not waited for', async () => {
    const [near, far] = duplexPair()
    far.once('data', () => far.write(NEW_LEADER))
    expect(parseSrvr(await askWord(near, 'srvr', idleClock(), never))).toMatchObject({
      role: 'leader',
    })
  })

  test('an answer without end is cut off', async () => {
    const [near, far] = duplexPair()
    far.once('data', () => {
      for (let count = 0; count < 20; count += 1) far.write(Buffer.alloc(128 * 1024, 'x'))
    })
    await expect(askWord(near, 'srvr', idleClock(), never)).rejects.toThrow(
      'longer than any member gives',
    )
  })

  test('silence ends after its time, and the stream is released', async () => {
    const [near] = duplexPair()
    await expect(askWord(near, 'srvr', idleClock(), never)).rejects.toThrow(
      'srvr: no answer within 5.0s',
    )
    expect(near.destroyed).toBe(true)
  })

  test.each([
    ['', 2],
    ['imok', 1],
  ])(
    'an answer of "%s" takes %i connections: an empty one is asked for once more',
    async (first, connections) => {
      let opened = 0
      const open = (): Promise<ReturnType<typeof duplexPair>[0]> => {
        opened += 1
        const [near, far] = duplexPair()
        const text = opened === 1 ? first : 'imok'
        far.once('data', () => far.end(text))
        return Promise.resolve(near)
      }
      expect(await askTwice(open, 'srvr', idleClock(), never)).toBe('imok')
      expect(opened).toBe(connections)
    },
  )

  test.each([
    ['a handshake', '160303', true],
    ['an alert', '15030300020228', true],
    ['plain text', '48545450', false],
    ['nothing', '', false],
  ])('TLS is told by the answer to a hello: %s', async (_, answer, expected) => {
    const [near, far] = duplexPair()
    far.once('data', (hello: Buffer) => {
      expect(hello.readUInt16BE(3)).toBe(hello.length - 5)
      far.end(Buffer.from(answer, 'hex'))
    })
    expect(await speaksTls(near, idleClock(), never)).toBe(expected)
  })
})

test('an answer in pieces of one byte is read as soon as it is whole, and one without an end is left after 64 KiB', async () => {
  const [ours, theirs] = duplexPair()
  theirs.once('data', () => Array.from(OLD, (character) => theirs.write(character)))
  expect(await askWord(ours, 'srvr', idleClock(), new AbortController().signal)).toBe(OLD)
  const [again, endless] = duplexPair()
  endless.once('data', () =>
    Array.from({ length: 70 }, () => endless.write(Buffer.alloc(1024, 'x'))),
  )
  await expect(askWord(again, 'srvr', idleClock(), new AbortController().signal)).rejects.toThrow(
    'longer than any member gives',
  )
})
