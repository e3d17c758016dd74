// Members that keep their addresses: the change from pods' names to Services and back must hold the
// quorum, and a Service must be there before its member and not after it.

import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from '../action.ts'
import { everything, example, inNamespace, read } from '../cluster.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

const byService = example('zookeeper-tutorial-services.yaml')
  .replace('cpu: "0.5"', 'cpu: "0.05"')
  .replaceAll('memory: 1Gi', 'memory: 384Mi')
  .replace('value: "512"', 'value: "192"')
  .replace('storage: 10Gi', 'storage: 1Gi')
const byPod = byService
  .split('---\n')
  .filter((part) => !/^ {2}name: zk-\d$/m.test(part))
  .join('---\n')
  .replaceAll(/(server\.\d=zk-\d):/g, '$1.zk-hs:')
  .replace('quorumListenOnAllIPs=true ', '')
/** Services of other names than the pods': a member finds its own only as the Service. */
const byPeer = byService
  .replaceAll(/^( {2}name: zk-\d)$/gm, '$1-peer')
  .replaceAll(/(server\.\d=zk-\d):/g, '$1-peer:')

const deploy = (namespace: string, manifest: string): Promise<Ran> =>
  act({ manifests: 'zk.yaml', namespace }, { files: { 'zk.yaml': manifest } })
const services = async (namespace: string): Promise<readonly string[]> =>
  (await read(namespace, 'services', '{.items[*].metadata.name}')).split(' ').toSorted()
const gapOf = (ran: Ran): number => Number(ran.outputs['longest-write-gap-ms'])
const kept = { pairs: '6/6', 'ready-replicas': '3', 'acknowledged-writes-lost': '0' }

describe('e2e: cases of addresses', () => {
  all(
    "from pods' names to a Service for each member, and back by undo: the quorum holds, nothing is lost",
    async () => {
      await inNamespace('addr', async (namespace) => {
        const before = await deploy(namespace, byPod)
        expect(verdict(before)).toMatch(/^succeeded /)
        expect(before.report.findings.map(({ severity }) => severity)).toContain('notice')
        expect(before.outputs['connection-string']).toContain(`zk-0.zk-hs.${namespace}.svc:2181`)

        const after = await deploy(namespace, byService)
        expect(verdict(after)).toMatch(/^succeeded /)
        expect(after.outputs).toMatchObject(kept)
        expect(after.outputs['connection-string']).toBe(
          [0, 1, 2].map((ordinal) => `zk-${ordinal}.${namespace}.svc:2181`).join(','),
        )
        expect(gapOf(after)).toBeLessThan(10_000)
        expect(after.report.findings.filter(({ severity }) => severity === 'notice')).toEqual([])

        const back = await act({ operation: 'undo', namespace })
        expect(verdict(back)).toMatch(/^succeeded /)
        expect(back.outputs).toMatchObject(kept)
        expect(gapOf(back)).toBeLessThan(10_000)
        // They do no harm, and the way forward finds them.
        expect(await services(namespace)).toEqual(['zk-0', 'zk-1', 'zk-2', 'zk-cs', 'zk-hs'])
      })
    },
  )

  all(
    'scale makes the Service of a member that comes after those that are there, and deletes it with the member',
    async () => {
      await inNamespace('peers', async (namespace) => {
        expect(verdict(await deploy(namespace, byPeer))).toMatch(/^succeeded /)
        const up = await act({ operation: 'scale', namespace, replicas: '4' })
        expect(verdict(up)).toMatch(/^succeeded /)
        expect(up.outputs).toMatchObject({ pairs: '12/12', 'acknowledged-writes-lost': '0' })
        expect(up.outputs['connection-string']).toContain(`,zk-3-peer.${namespace}.svc:2181`)
        expect(
          await read(
            namespace,
            'service zk-3-peer',
            '{.spec.selector.statefulset\\.kubernetes\\.io/pod-name} {.spec.publishNotReadyAddresses}',
          ),
        ).toBe('zk-3 true')
        expect(await read(namespace, 'service zk-3-peer', '{.spec.clusterIP}')).not.toBe(
          await read(namespace, 'service zk-2-peer', '{.spec.clusterIP}'),
        )

        const down = await act({ operation: 'scale', namespace, replicas: '3' })
        expect(verdict(down)).toMatch(/^succeeded /)
        expect(down.outputs).toMatchObject(kept)
        expect(await services(namespace)).toEqual([
          'zk-0-peer',
          'zk-1-peer',
          'zk-2-peer',
          'zk-cs',
          'zk-hs',
        ])
      })
    },
  )

  all(
    'the built-in ensemble: a first deploy waits for no cache, and its restart costs no election longer than a moment',
    async () => {
      await inNamespace('built', async (namespace) => {
        const given = { namespace, replicas: '3', storage: '1Gi', cpu: '50m', memory: '384Mi' }
        const first = await act(given)
        expect(verdict(first)).toMatch(/^succeeded /)
        expect(await services(namespace)).toEqual([
          'zk-0',
          'zk-1',
          'zk-2',
          'zk-client',
          'zk-headless',
        ])
        expect(verdict(await act(given))).toMatch(/^unchanged /)
        const restarted = await act({ operation: 'restart', namespace })
        expect(verdict(restarted)).toMatch(/^succeeded /)
        expect(restarted.outputs).toMatchObject(kept)
        expect(gapOf(restarted)).toBeLessThan(10_000)
      })
    },
  )
})
