// What zkCli.sh prints, read: its exit code says nothing and its output differs by version, so only a line that is the value itself counts.

import { describe, expect, test } from '@jest/globals'
import { askByExec, readCli } from '../../../../src/ensemble/zookeeper/by-exec.ts'
import { membersOf } from '../../../support/cluster/zookeeper-usual.ts'

const NOISE = '2026-01-01 10:00:00,000 [myid:] - INFO  [main:ZooKeeper@438] - Initiating client connection\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n'
const STAT = (mzxid: string, version: number): string => `cZxid = 0x100000001\nctime = Sun Nov 22 17:41:04 GMT 2026\nmZxid = ${mzxid}\nmtime = Sun Nov 22 17:41:04 GMT 2026\npZxid = 0x1\ncversion = 0\ndataVersion = ${version}\nnumChildren = 0\n`
const WANTED = [{ path: '/c/by-0', value: 'r-from-0' }, { path: '/c/by-1', value: 'r-from-1' }]

describe('the answers of one run for two nodes', () => {
  test('3.4: values on stdout, every stat twice on stderr', () => {
    const stdout = `${NOISE}[zk: 127.0.0.1:2181(CONNECTED) 0] get /c/by-0\nr-from-0\n[zk: 127.0.0.1:2181(CONNECTED) 3] get /c/by-1\nr-from-1\n`
    const stderr = `${STAT('0x10000000a', 1)}${STAT('0x10000000a', 1)}Node does not exist: /c/by-0/-end\n${STAT('0x10000000b', 2)}${STAT('0x10000000b', 2)}Node does not exist: /c/by-1/-end\n`
    expect(readCli({ stdout, stderr }, WANTED)).toEqual([{ value: 'r-from-0', version: 1, mzxid: 0x10000000an }, { value: 'r-from-1', version: 2, mzxid: 0x10000000bn }])
  })

  test('3.9: a value and then its stat, all on stdout', () => {
    const stdout = `${NOISE}r-from-0\n${STAT('0x10000000a', 1)}r-from-1\n${STAT('0x10000000b', 1)}2026-01-01 10:00:00,000 [myid:] - ERROR [main:ServiceUtils@42] - Exiting JVM with code 0\n`
    const stderr = 'Node does not exist: /c/by-0/-end\nNode does not exist: /c/by-1/-end\n'
    expect(readCli({ stdout, stderr }, WANTED).map((found) => found?.mzxid)).toEqual([0x10000000an, 0x10000000bn])
  })

  test('a node that is stale lends its stat to nobody', () => {
    const stdout = `r-from-0\nfirst\n${STAT('0x10000000b', 0)}`
    expect(readCli({ stdout: `first\n${STAT('0x100000009', 0)}r-from-1\n${STAT('0x10000000b', 1)}`, stderr: '' }, WANTED)).toEqual([undefined, { value: 'r-from-1', version: 1, mzxid: 0x10000000bn }])
    expect(readCli({ stdout: stdout.replace('r-from-0\n', ''), stderr: '' }, WANTED)).toEqual([undefined, undefined])
  })

  test.each([
    ['the echo of the command that wrote it', '[zk: 127.0.0.1:2181(CONNECTED) 0] set /c/by-0 r-from-0\n'],
    ['a longer value', 'r-from-01\n'],
    ['nothing but noise, with exit code 0', NOISE],
  ])('%s is no proof', (_, stdout) => {
    expect(readCli({ stdout: stdout + STAT('0x1', 1), stderr: '' }, WANTED)[0]).toBeUndefined()
  })
})

describe('a word by exec', () => {
  const [member] = membersOf(1)
  const ask = (exitCode: number, stdout: string): Promise<string> => {
    if (member === undefined) throw new Error('no member')
    return askByExec(member, 'srvr', { may: { forward: false, exec: true }, open: () => Promise.reject(new Error('no')), exec: () => Promise.resolve({ exitCode, stdout, stderr: '' }) }, new AbortController().signal)
  }

  test('a member that closes without a word is silent, not absent', async () => {
    expect(await ask(0, '')).toBe('')
  })

  test.each([[1, 'nothing answers on port 2181 inside the pod'], [127, 'neither bash nor nc is in the container']])('exit code %i: %s', async (code, why) => {
    await expect(ask(code, '')).rejects.toMatchObject({ why })
  })
})
