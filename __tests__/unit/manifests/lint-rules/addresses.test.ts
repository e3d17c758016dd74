// What a moved member costs is said before anybody meets it; a list by Services that lead
// elsewhere, or at whose address nobody can listen, makes no ensemble at all.

import { describe, expect, test } from '@jest/globals'
import type { Finding } from '../../../../src/errors.ts'
import { load, SOUND } from '../given.ts'

const peer = (
  ordinal: number,
  more = '',
  ports = '[{name: server, port: 2888}, {name: election, port: 3888}]',
): string =>
  `---\napiVersion: v1\nkind: Service\nmetadata:\n  name: zk-${ordinal}-peer\nspec:\n  publishNotReadyAddresses: true\n  selector: {statefulset.kubernetes.io/pod-name: zk-${ordinal}}\n  ports: ${ports}\n${more}`
const PEERS = [0, 1, 2].map((ordinal) => peer(ordinal)).join('')
const LISTENS = '        - {name: ZOO_CFG_EXTRA, value: quorumListenOnAllIPs=true}\n'
/** The sound ensemble, its members named by Services. */
const named = SOUND.replaceAll(/zk-(\d)\.zk-hs/g, 'zk-$1-peer').replace(
  '        env:\n',
  `        env:\n${LISTENS}`,
)

async function said(text: string): Promise<readonly string[]> {
  const { loaded, findings } = await load(text)
  const all: readonly Finding[] = loaded?.findings ?? findings
  return all.map(({ severity, message, fix }) => `${severity}: ${message}; ${fix ?? ''}`)
}

describe('names of pods', () => {
  test('are no fault: a notice says what a moved member costs, and both ways out', async () => {
    const { loaded, findings } = await load(SOUND)
    expect(findings).toEqual([])
    expect(loaded?.findings).toHaveLength(1)
    expect(loaded?.findings[0]).toMatchObject({
      severity: 'notice',
      message: expect.stringContaining('up to a minute'),
      fix: expect.stringMatching(
        /a Service for each member.*docs\/moved-members\.md.*-Dsun\.net\.inetaddr\.ttl=1/,
      ),
    })
  })

  test('with short caches in Java cost what the cluster’s DNS keeps', async () => {
    const [only] = await said(
      SOUND.replace(
        '        env:\n',
        '        env:\n        - {name: SERVER_JVMFLAGS, value: -Dsun.net.inetaddr.ttl=1}\n',
      ),
    )
    expect(only).toMatch(/^notice: .*up to half a minute/)
    expect(only).not.toContain('half way')
  })

  test('of a member alone cost nothing', async () => {
    const alone = SOUND.replace('replicas: 3', 'replicas: 1').replace(/ server\.2=[^}]*/, '')
    expect(await said(alone)).toEqual([])
  })
})

describe('names of Services', () => {
  test('in full, before it is known where the objects go, are names all the same', async () => {
    const full = (text: string): string =>
      text.replaceAll(/zk-(\d)-peer:/g, 'zk-$1-peer.shop.svc.cluster.local:')
    expect(await said(full(named) + PEERS)).toEqual([])
    expect(
      (
        await said(
          full(named) + peer(0) + peer(1) + peer(2).replace('pod-name: zk-2', 'pod-name: zk-1'),
        )
      )[0],
    ).toMatch(/^error: .*it selects zk-1/)
    expect((await said(SOUND.replaceAll('.zk-hs:', '.zk-hs.shop.svc.cluster.local:')))[0]).toMatch(
      /^notice: members are named by their pods/,
    )
  })

  test('have nothing to answer for', async () => {
    expect(await said(named + PEERS)).toEqual([])
  })

  test('need no published addresses of the headless service: nobody looks there', async () => {
    expect(await said(named.replace('  publishNotReadyAddresses: true\n', '') + PEERS)).toEqual([])
  })

  test('that are not among the manifests are not called absent', async () => {
    expect(await said(named)).toEqual([])
  })

  test.each([
    [
      'a Service of another member',
      named + peer(0) + peer(1) + peer(2).replace('pod-name: zk-2', 'pod-name: zk-1'),
      /^error: the list names Service zk-2-peer for zk-2, and it selects zk-1/,
    ],
    [
      'a Service that selects all',
      named +
        peer(0) +
        peer(1) +
        peer(2).replace('{statefulset.kubernetes.io/pod-name: zk-2}', '{app: zk}'),
      /^error: .*zk-2-peer for zk-2, and it selects other pods too/,
    ],
    [
      'a Service without the port for elections',
      named + peer(0) + peer(1) + peer(2, '', '[{name: server, port: 2888}]'),
      /^error: service zk-2-peer has no port 3888/,
    ],
    [
      'a Service that waits until its member is Ready',
      named + peer(0) + peer(1) + peer(2).replace('  publishNotReadyAddresses: true\n', ''),
      /^(error|warning): .*service zk-2-peer leads to zk-2 only/,
    ],
    [
      'members that can’t listen at the address of their Service',
      named.replace(LISTENS, '') + PEERS,
      /^error: .*can't listen at the address of its Service; add quorumListenOnAllIPs=true/,
    ],
    [
      'a version that can’t do it well',
      named.replace('zookeeper:3.9', 'zookeeper:3.5.7') + PEERS,
      /^warning: with quorumListenOnAllIPs a member of ZooKeeper 3\.5\.7/,
    ],
  ])('%s', async (_, text, expected) => {
    expect((await said(text))[0]).toMatch(expected)
  })

  // A tag without a patch is the newest of its minor version.
  test.each([
    ['3.4', true],
    ['3.5.7', true],
    ['3.5.8', false],
    ['3.5', false],
    ['3.6.0', false],
    ['4.0', false],
  ])('with zookeeper:%s a restarted member may stay outside: %s', async (version, warned) => {
    const told = await said(named.replace('zookeeper:3.9', `zookeeper:${version}`) + PEERS)
    expect(told.some((line) => line.includes('may not find back'))).toBe(warned)
  })

  test.each([
    [
      'names of the pods, which a member finds in its hosts file',
      named.replace(LISTENS, '').replaceAll('-peer', '') + PEERS.replaceAll('-peer', ''),
    ],
    [
      'a script that changes the list',
      named
        .replace(LISTENS, '')
        .replace(
          'export ZOO_MY_ID',
          'export ZOO_SERVERS=${ZOO_SERVERS/zk-0-peer/0.0.0.0}; export ZOO_MY_ID',
        ) + PEERS,
    ],
    [
      'settings from elsewhere',
      named.replace(
        LISTENS,
        '        - {name: ZOO_CFG_EXTRA, valueFrom: {configMapKeyRef: {name: a, key: b}}}\n',
      ) + PEERS,
    ],
    [
      'a version of which only the minor is known',
      named.replace('zookeeper:3.9', 'zookeeper:3.5') + PEERS,
    ],
  ])('%s: no proof that it can’t listen', async (_, text) => {
    expect((await said(text)).filter((one) => /listen|ListenOn/.test(one))).toEqual([])
  })
})
