// From one member to three, five and back to three with the data that was there at first; what
// takes minutes is no part of the core, and isn't even registered there.

import { expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { runAction } from '../support/runner.ts'
import { act, verdict, type Ran } from './action.ts'
import { everything, example, inNamespace, kubeconfig, kubectl, read } from './cluster.ts'

jest.setTimeout(1_800_000)

const tutorial = example('zookeeper-tutorial.yaml')
  .replace('cpu: "0.5"', 'cpu: "0.05"')
  .replace('memory: "1Gi"', 'memory: 128Mi')
  .replace('storage: 10Gi', 'storage: 1Gi')
/** Five members on four nodes. */
const relaxed = tutorial.replace(
  /requiredDuringSchedulingIgnoredDuringExecution:\n(\s+)- labelSelector:[\s\S]*?topologyKey: "?kubernetes.io\/hostname"?\n/,
  'preferredDuringSchedulingIgnoredDuringExecution: []\n',
)
const one = relaxed.replace('replicas: 3', 'replicas: 1').replace('--servers=3', '--servers=1')

async function readsEverywhere(
  namespace: string,
  values: readonly string[],
  replicas: number,
): Promise<void> {
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    for (const value of values)
      expect(
        await kubectl(
          'exec',
          '-n',
          namespace,
          `zk-${ordinal}`,
          '--',
          'zkCli.sh',
          'get',
          `/kept-${value}`,
        ),
      ).toContain(value)
  }
}

const scaled = (
  namespace: string,
  replicas: number,
  more: Readonly<Record<string, string>> = {},
): Promise<Ran> => act({ operation: 'scale', namespace, replicas: String(replicas), ...more })

test('a number that can not be, and an ensemble that is not there, are refused, and nothing is made', async () => {
  await inNamespace('count', async (namespace) => {
    expect(verdict(await scaled(namespace, 0))).toMatch(/^refused INPUT_INVALID .*replicas/)
    expect(verdict(await scaled(namespace, 3))).toMatch(/^refused NOT_FOUND /)
    expect(await read(namespace, 'statefulsets,leases,pods', '{.items[*].metadata.name}')).toBe('')
  })
})

const all: (name: string, work: () => Promise<void>) => void = everything
  ? test.concurrent
  : () => undefined

all('1 → 3 → 5 → 3: every write of before is on every member after each', async () => {
  await inNamespace('scale', async (namespace) => {
    expect(
      verdict(await act({ manifests: 'zk.yaml', namespace }, { files: { 'zk.yaml': one } })),
    ).toMatch(/^succeeded /)
    const written: string[] = []
    for (const replicas of [3, 5, 3]) {
      const value = `before-${replicas}-${written.length}`
      await kubectl(
        'exec',
        '-n',
        namespace,
        'zk-0',
        '--',
        'zkCli.sh',
        'create',
        `/kept-${value}`,
        value,
      )
      written.push(value)
      const ran = await scaled(namespace, replicas)
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(ran.outputs).toMatchObject({
        replicas: String(replicas),
        'ready-replicas': String(replicas),
        'acknowledged-writes-lost': '0',
      })
      await readsEverywhere(namespace, written, replicas)
    }
    expect(await read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')).toBe('')
    expect(
      JSON.parse(await read(namespace, 'configmap zk-ensemble-zk', '{.data.record\\.json}')),
    ).toMatchObject({ underWay: null })
    // Claims of members that are gone stay: their data is nobody's to delete unasked.
    expect((await read(namespace, 'pvc', '{.items[*].metadata.name}')).split(' ')).toHaveLength(5)
  })
})

all(
  'killed in the middle of growing: the next run continues, and nothing that was acknowledged is lost',
  async () => {
    await inNamespace('scalecut', async (namespace) => {
      expect(
        verdict(await act({ manifests: 'zk.yaml', namespace }, { files: { 'zk.yaml': relaxed } })),
      ).toMatch(/^succeeded /)
      await kubectl('exec', '-n', namespace, 'zk-0', '--', 'zkCli.sh', 'create', '/kept-cut', 'cut')
      const lost = await runAction({
        inputs: { operation: 'scale', namespace, replicas: '5' },
        kubeconfig: readFileSync(kubeconfig, 'utf8'),
        killAt: /^zk-3: available/,
      })
      expect(lost.signal).toBe('SIGKILL')
      await lost.post()
      const ran = await scaled(namespace, 5)
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(ran.outputs).toMatchObject({
        replicas: '5',
        'ready-replicas': '5',
        'acknowledged-writes-lost': '0',
      })
      await readsEverywhere(namespace, ['cut'], 5)
    })
  },
)
