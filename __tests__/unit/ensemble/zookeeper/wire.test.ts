// The bytes on the wire: a wrong one and no ZooKeeper server understands us, an unchecked one and a
// stranger's bytes take the run down.

import { describe, expect, test } from '@jest/globals'
import { errorName } from '../../../../src/ensemble/zookeeper/errors.ts'
import { multiBody, readMulti } from '../../../../src/ensemble/zookeeper/multi.ts'
import {
  authBody,
  connectRequest,
  createBody,
  formatZxid,
  frameSplitter,
  OP,
  pathAndVersion,
  pathAndWatch,
  readConnectReply,
  readFrame,
  readHeader,
  readStat,
  readTexts,
  request,
  setBody,
  WireFault,
} from '../../../../src/ensemble/zookeeper/wire.ts'

function hex(bytes: Buffer): string {
  return bytes.toString('hex')
}

function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

describe('requests, byte by byte', () => {
  test.each([
    [
      'a session of 10 s that has seen 0x200000003',
      connectRequest(10_000, 0x200000003n),
      '0000002d 00000000 0000000200000003 00002710 0000000000000000 00000010 00000000000000000000000000000000 00',
    ],
    [
      'create /a with x, open to all',
      request(1, OP.create, createBody('/a', 'x')),
      '00000032000000010000000100000002 2f61 0000000178 000000010000001f 00000005776f726c64 00000006616e796f6e65 00000000',
    ],
    ['an ephemeral', createBody('/a', '', true).subarray(-4), '00000001'],
    [
      'get without a watch',
      request(2, OP.getData, pathAndWatch('/a', false)),
      '0000000f0000000200000004000000022f6100',
    ],
    [
      'set if it is version 3',
      request(3, OP.setData, setBody('/a', 'y', 3)),
      '000000170000000300000005000000022f61000000017900000003',
    ],
    [
      'delete whatever its version',
      request(4, OP.delete, pathAndVersion('/a', -1)),
      '000000120000000400000002000000022f61ffffffff',
    ],
    ['digest', authBody('digest', 'u:p'), '0000000000000006646967657374 00000003753a70'],
    [
      'a transaction of one check',
      multiBody([{ kind: 'check', path: '/a', version: 1 }]),
      '0000000d00ffffffff000000022f6100000001 ffffffff01ffffffff',
    ],
  ])('%s', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected.replaceAll(' ', ''))
  })
})

describe('answers', () => {
  test('an old server sends no read-only flag', () => {
    const reply = Buffer.from(
      '000000000000271001000000000000050000001000000000000000000000000000000000',
      'hex',
    )
    expect(readConnectReply(reply)).toEqual({
      timeoutMs: 10_000,
      sessionId: 0x0100000000000005n,
      readOnly: false,
    })
  })

  test('a header and a stat are read in full', () => {
    const from = readFrame(
      fromHex(
        '00000007 0000000100000002 00000000 0000000100000001 0000000100000002 0000000000000003 0000000000000004 00000005 00000006 00000007 0000000000000008 00000009 0000000a 000000010000000b',
      ),
    )
    expect(readHeader(from)).toEqual({ xid: 7, zxid: 0x100000002n, error: 0 })
    expect(readStat(from)).toEqual({
      czxid: 0x100000001n,
      mzxid: 0x100000002n,
      ctime: 3,
      mtime: 4,
      version: 5,
      cversion: 6,
      aversion: 7,
      ephemeralOwner: 8n,
      dataLength: 9,
      children: 10,
      pzxid: 0x10000000bn,
    })
  })

  test('a transaction that failed names the operation at fault', () => {
    const failed =
      'ffffffff000000000000000000 ffffffff00ffffff99ffffff99 ffffffff00fffffffefffffffe ffffffff01ffffffff'
    expect(readMulti(readFrame(fromHex(failed)))).toEqual([0, -103, -2])
  })

  test('frames are found however the bytes are cut', () => {
    const bytes = Buffer.concat([
      request(1, OP.ping, Buffer.alloc(0)),
      request(2, OP.sync, Buffer.from('x')),
    ])
    for (let size = 1; size <= bytes.length; size += 1) {
      const split = frameSplitter()
      const frames: string[] = []
      for (let at = 0; at < bytes.length; at += size)
        frames.push(...split(bytes.subarray(at, at + size)).map(hex))
      expect(frames).toEqual(['000000010000000b', '000000020000000978'])
    }
  })
})

describe('what no ZooKeeper server sends is told at once', () => {
  test.each([
    ['an HTTP answer', Buffer.from('HTTP/1.1 400 Bad Request')],
    ['a TLS alert', Buffer.from('15030300020228', 'hex')],
    ['a negative length', Buffer.from('ffffffff00', 'hex')],
  ])('%s', (_, bytes) => {
    expect(() => frameSplitter()(bytes)).toThrow(WireFault)
  })

  test.each([
    ['an empty greeting', Buffer.alloc(0)],
    [
      'a greeting of another protocol version',
      Buffer.from('00000001000000000000000000000000', 'hex'),
    ],
    ['a greeting that ends early', Buffer.from('0000000000002710', 'hex')],
  ])('%s', (_, bytes) => {
    expect(() => readConnectReply(bytes)).toThrow(WireFault)
  })

  test('a text that claims more bytes than there are', () => {
    expect(() => readFrame(Buffer.from('7fffffff61', 'hex')).text()).toThrow(WireFault)
  })

  test('a list that claims more entries than fit costs no memory', () => {
    expect(() => readTexts(readFrame(Buffer.from('7fffffff00000000', 'hex')))).toThrow(WireFault)
  })

  test('a transaction with an unknown answer', () => {
    expect(() => readMulti(readFrame(Buffer.from('000000630000000000', 'hex')))).toThrow(WireFault)
  })
})

describe('names', () => {
  test.each([
    [-4, 'ConnectionLoss'],
    [-101, 'NoNode'],
    [-102, 'NoAuth'],
    [-103, 'BadVersion'],
    [-110, 'NodeExists'],
    [-111, 'NotEmpty'],
    [-112, 'SessionExpired'],
    [-124, 'SessionClosedRequireAuth'],
    [-999, 'error -999'],
  ])('%i is %s', (code, name) => {
    expect(errorName(code)).toBe(name)
  })

  test('a transaction id is written as the servers do', () => {
    expect([formatZxid(0n), formatZxid(0x100000002n), formatZxid(-1n)]).toEqual([
      '0x0',
      '0x100000002',
      '0xffffffffffffffff',
    ])
  })
})
