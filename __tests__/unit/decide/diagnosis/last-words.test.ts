// "exit code 1" sends a person to the log; the last words in it, in plain language, save the way.

import { describe, expect, test } from '@jest/globals'
import type { Diagnosis } from '../../../../src/decide/diagnosis/diagnose.ts'
import { nameKnownBy, withLastWords } from '../../../../src/decide/diagnosis/last-words.ts'

const crash: Diagnosis = {
  code: 'CRASH_LOOP',
  ordinal: 2,
  object: 'pod/zk-2',
  container: 'zk',
  reason: 'CrashLoopBackOff',
  message: 'zk-2, container zk: exit code 1, 3 times in 14.0s',
  class: 'terminal',
  since: 0,
  againstRevision: true,
  explains: true,
}

describe('last words', () => {
  test.each<readonly [string, readonly string[], string, string]>([
    [
      'another architecture',
      ['exec /c/x: exec format error'],
      'ExecFormatError',
      'the program is built for another processor architecture: exec /c/x: exec format error',
    ],
    [
      'an id that is not in the list',
      [
        '2026-11-22 17:00:00,000 [myid:4] - ERROR [main:QuorumPeerMain@114] - Unexpected exception, exiting abnormally',
        'java.lang.RuntimeException: My id 4 not in the peer list',
      ],
      'NotInPeerList',
      'its id is not in the member list that it was given: java.lang.RuntimeException: My id 4 not in the peer list',
    ],
    [
      'a missing id before the refusal of the configuration that follows from it',
      [
        '2026-11-22 17:00:00,000 [myid:] - ERROR [main:QuorumPeerMain@86] - Invalid config, exiting abnormally',
        'Caused by: java.lang.IllegalArgumentException: /data/myid file is missing',
      ],
      'IdMissing',
      'it has no myid file',
    ],
    [
      "a configuration that is refused, without the logger's prefix",
      [
        '2026-11-22 17:00:00,000 [myid:] - ERROR [main:QuorumPeerMain@86] - Invalid config, exiting abnormally',
      ],
      'InvalidConfig',
      ': Invalid config, exiting abnormally',
    ],
    [
      'a full disk',
      ['java.io.IOException: No space left on device'],
      'DiskFull',
      'its disk is full',
    ],
    [
      'no right to write',
      ["mkdir: cannot create directory '/data/version-2': Permission denied"],
      'PermissionDenied',
      'it may not read or write its files',
    ],
    [
      'a heap that does not fit',
      ['java.lang.OutOfMemoryError: Java heap space'],
      'HeapTooSmall',
      'the Java heap is too small',
    ],
    [
      'seeds that are not reached',
      [
        'Exception encountered during startup: Unable to contact any seeds: [cassandra-0.cassandra/10.0.0.1]',
      ],
      'NoSeeds',
      'it reaches none of its seeds',
    ],
    [
      'seeds of another namespace, as the tutorial has them',
      [
        "WARN  [main] 2026-11-28 01:02:03,456 SimpleSeedProvider.java:83 - Seed provider couldn't lookup host cassandra-0.cassandra.default.svc.cluster.local",
        'The seed provider lists no seeds.',
        'Fatal configuration error; unable to start server.  See log for stacktrace.',
      ],
      'SeedUnknown',
      'cassandra-0.cassandra.default.svc.cluster.local',
    ],
    [
      'no seeds at all',
      ['The seed provider lists no seeds.'],
      'SeedUnknown',
      'none of its seeds has an address',
    ],
    [
      'a decommissioned node',
      [
        'This node was decommissioned and will not rejoin the ring unless cassandra.override_decommission=true has been set',
      ],
      'Decommissioned',
      'its claim is that of a decommissioned node',
    ],
  ])('%s', (_, lines, reason, words) => {
    const told = withLastWords(crash, lines)
    expect(told).toMatchObject({ reason, class: 'terminal', ordinal: 2 })
    expect(told.message).toContain(`${crash.message}; `)
    expect(told.message).toContain(words)
    expect(told.fix).toBeDefined()
  })

  test('of a member that lives and looks up names in vain: it waits, and the manifest may be sound', () => {
    const unready: Diagnosis = {
      ...crash,
      code: 'NOT_READY',
      class: 'informative',
      reason: 'ReadinessProbeFailed',
      message: 'zk-2, container zk: Readiness probe failed (9 times)',
    }
    const told = withLastWords(unready, [
      'WARN  [QuorumConnectionThread:QuorumCnxManager@401] - Cannot open channel to 1 at election address zk-0.zk-hs:3888',
      'java.net.UnknownHostException: zk-0.zk-hs',
    ])
    expect(told).toMatchObject({ code: 'NOT_READY', class: 'informative', reason: 'NameUnknown' })
    expect(told.message).toMatch(
      /name of the member list: java\.net\.UnknownHostException: zk-0\.zk-hs$/,
    )
    expect(told.fix).toMatch(/^In the first minute .* passes by itself/)
    expect(withLastWords(crash, ['java.net.SocketException: Unresolved address'])).toMatchObject({
      reason: 'NameUnknown',
    })
    // What kills a member says nothing about one that lives.
    expect(withLastWords(unready, ['Permission denied'])).toBe(unready)
  })

  test('that are a name which caches may lack still are lived through for two minutes, and no other ones are', () => {
    expect(nameKnownBy(crash, ['java.net.SocketException: Unresolved address'])).toBe(
      crash.since + 120_000,
    )
    expect(
      nameKnownBy(crash, ['java.net.UnknownHostException: zk-0', 'myid file is missing']),
    ).toBeUndefined()
    expect(nameKnownBy(crash, ['java.net.BindException: Cannot assign requested address'])).toBe(
      crash.since + 120_000,
    )
    expect(nameKnownBy(crash, ['java.net.BindException: Address already in use'])).toBeUndefined()
    expect(nameKnownBy(crash, ['Bye'])).toBeUndefined()
    expect(nameKnownBy(crash, [])).toBeUndefined()
    expect(
      nameKnownBy({ ...crash, code: 'NOT_READY' }, ['java.net.UnknownHostException: zk-0']),
    ).toBeUndefined()
  })

  test('that are not known change nothing', () => {
    expect(withLastWords(crash, ['Starting', 'Bye'])).toBe(crash)
  })

  test('of a container that was killed for memory, or that never ran, change nothing', () => {
    expect(withLastWords({ ...crash, reason: 'OOMKilled' }, ['Permission denied'])).toMatchObject({
      reason: 'OOMKilled',
    })
    expect(withLastWords({ ...crash, code: 'IMAGE_PULL' }, ['Permission denied'])).toMatchObject({
      code: 'IMAGE_PULL',
      message: crash.message,
    })
  })

  test('stay on one line of bearable length', () => {
    const { message } = withLastWords(crash, [`Permission denied ${'x'.repeat(1000)}`])
    expect(message.length).toBeLessThan(320)
  })
})
