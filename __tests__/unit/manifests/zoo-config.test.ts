// A server's configuration, read as Java reads it: what is overlooked here is a member list that
// seems the same and isn't.

import { describe, expect, test } from '@jest/globals'
import {
  parseConfig,
  parseProperties,
  parseServerLine,
  voters,
} from '../../../src/manifests/zoo-config.ts'

describe('properties', () => {
  test.each([
    ['comments and blanks', '# a=1\n\n! b=2\n  c = 3  \r\n', { c: '3' }],
    ['colon, blank and equals as separators', 'a:1\nb 2\nc\t=\t3', { a: '1', b: '2', c: '3' }],
    ['a continued line', 'a=1\\\n   2\nb=3', { a: '12', b: '3' }],
    ['an escaped backslash continues nothing', 'a=1\\\\\nb=3', { a: '1\\', b: '3' }],
    ['the last of two wins', 'a=1\na=2', { a: '2' }],
    ['a value with an equals sign in it', 'a=b=c', { a: 'b=c' }],
    ['an escaped separator in a key', 'a\\=b=c', { 'a=b': 'c' }],
    ['a key without a value', 'a', { a: '' }],
    ['a continuation at the end', 'a=1\\', { a: '1' }],
  ])('%s', (_, text, expected) => {
    expect(Object.fromEntries(parseProperties(text))).toEqual(expected)
  })
})

describe('server lines', () => {
  test.each([
    [
      'of 3.4',
      'server.1',
      'zk-0.zk-hs:2888:3888',
      {
        id: 1,
        addresses: [{ host: 'zk-0.zk-hs', peerPort: 2888, electionPort: 3888 }],
        role: 'participant',
        clientPort: undefined,
      },
    ],
    [
      'with a client port',
      'server.2',
      'ZK-1.zk-hs:2888:3888;2181',
      {
        id: 2,
        addresses: [{ host: 'zk-1.zk-hs', peerPort: 2888, electionPort: 3888 }],
        role: 'participant',
        clientPort: 2181,
      },
    ],
    [
      'with role and client address',
      'server.3',
      'zk-2:2888:3888:observer;0.0.0.0:2182',
      {
        id: 3,
        addresses: [{ host: 'zk-2', peerPort: 2888, electionPort: 3888 }],
        role: 'observer',
        clientPort: 2182,
      },
    ],
    [
      'of IPv6',
      'server.4',
      '[fd00::4]:2888:3888',
      {
        id: 4,
        addresses: [{ host: '[fd00::4]', peerPort: 2888, electionPort: 3888 }],
        role: 'participant',
        clientPort: undefined,
      },
    ],
    [
      'with two addresses',
      'server.5',
      'a:1:2|b:3:4',
      {
        id: 5,
        addresses: [
          { host: 'a', peerPort: 1, electionPort: 2 },
          { host: 'b', peerPort: 3, electionPort: 4 },
        ],
        role: 'participant',
        clientPort: undefined,
      },
    ],
    ['of another key', 'serverx.1', 'a:1:2', undefined],
    ['without an election port', 'server.1', 'a:2888', undefined],
    ['without a number', 'server.one', 'a:1:2', undefined],
  ])('%s', (_, key, value, expected) => {
    expect(parseServerLine(key, value)).toEqual(expected)
  })
})

describe('the whole', () => {
  test('the tutorial’s', () => {
    const config = parseConfig(
      'clientPort=2181\ndataDir=/var/lib/zookeeper/data\ndataLogDir=/var/lib/zookeeper/data/log\nautopurge.purgeInteval=12\nserver.2=zk-1.zk-hs.default.svc.cluster.local:2888:3888\nserver.1=zk-0.zk-hs.default.svc.cluster.local:2888:3888\n',
    )
    expect(config).toMatchObject({
      dataDir: '/var/lib/zookeeper/data',
      clientPort: 2181,
      secureClientPort: undefined,
      standaloneEnabled: true,
      faults: [],
    })
    expect(config.servers.map((line) => line.id)).toEqual([1, 2])
  })

  test('a dynamic file’s list stands in the place of the fixed one', () => {
    const config = parseConfig(
      'dataDir=/data\ndynamicConfigFile=/conf/zoo.cfg.dynamic.100000000\nserver.9=old:1:2\nstandaloneEnabled=false\n',
      'server.1=a:1:2:participant;2181\nserver.2=b:1:2:observer;2181\nversion=100000000\n',
    )
    expect([
      config.servers.map((line) => line.id),
      voters(config.servers).length,
      config.standaloneEnabled,
    ]).toEqual([[1, 2], 1, false])
  })

  test('a list that can not be read, and TLS alone, are seen', () => {
    const config = parseConfig(
      'secureClientPort=2281\nclientPort=0\nclient.portUnification=true\npeerType=observer\ngroup.1=1:2:3\nweight.3=0\n4lw.commands.whitelist=srvr, ruok,mntr\nserver.1=broken\n',
    )
    expect(config).toMatchObject({
      clientPort: undefined,
      secureClientPort: 2281,
      faults: ['server.1=broken'],
    })
  })
})
