// An etcd ensemble, of which this action knows nothing but the user's commands: from nothing to verified, rolled, restarted, and never resized.

import { expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from './action.ts'
import { everything, example, inNamespace, read } from './cluster.ts'

jest.setTimeout(1_200_000)

const etcd = example('etcd.yaml').replace('cpu: 100m', 'cpu: 20m').replace('memory: 128Mi', 'memory: 64Mi')
const commands = {
  profile: 'custom',
  'write-command': 'etcdctl --command-timeout=3s put zk-ensemble-action "$MARKER"',
  'read-command': 'etcdctl --command-timeout=3s get --print-value-only zk-ensemble-action',
  'serves-command': 'etcdctl --command-timeout=3s endpoint health',
}

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

all('etcd: deployed, rolled and restarted one by one, never resized', async () => {
  await inNamespace('etcd', async (namespace) => {
    const step = (inputs: Readonly<Record<string, string>>, manifest = etcd): Promise<Ran> => act({ ...commands, namespace, ...inputs }, { files: { 'etcd.yaml': manifest } })
    const deploy = { manifests: 'etcd.yaml' }
    expect(verdict(await step(deploy))).toMatch(/^succeeded /)
    expect((await step(deploy)).outputs).toMatchObject({ result: 'unchanged', pairs: '6/6' })
    // The one that is taken next would have ended the quorum: its peers did not know the last one's address yet.
    const rolled = etcd.replace('        env:\n', '        env:\n        - name: ETCD_LOG_LEVEL\n          value: warn\n')
    expect(verdict(await step(deploy, rolled))).toMatch(/^succeeded /)
    expect(verdict(await step({ operation: 'restart' }))).toMatch(/^succeeded /)
    expect(verdict(await step(deploy, rolled.replace('replicas: 3', 'replicas: 1')))).toMatch(/^refused MEMBERSHIP_CHANGE /)
    expect(verdict(await step({ operation: 'scale', replicas: '1' }))).toMatch(/^refused MEMBERSHIP_CHANGE /)
    expect(verdict(await step({ operation: 'scale', replicas: '5' }))).toMatch(/^refused MEMBERSHIP_CHANGE /)
    expect(await read(namespace, 'statefulset etcd', '{.spec.replicas}')).toBe('3')
  })
})
