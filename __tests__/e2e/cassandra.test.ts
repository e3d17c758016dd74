// A real Cassandra ring on the memo's path: from nothing to verified, 3 → 4 → 3 → 4, and what a deploy or a member that is cut off must never do to it.

import { expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from './action.ts'
import { everything, example, inNamespace, kubectl, read } from './cluster.ts'

jest.setTimeout(3_000_000)

const ring = example('cassandra.yaml').replace('value: 512M', 'value: 256M').replace('memory: 1Gi\n          requests', 'memory: 700Mi\n          requests').replace('cpu: "200m"\n            memory: 1Gi', 'cpu: 50m\n            memory: 400Mi').replace('timeoutSeconds: 5', 'timeoutSeconds: 20')

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

all('Cassandra: 3 → 4 → 3 → 4, every state verified', async () => {
  await inNamespace('cassandra', async (namespace) => {
    const step = (inputs: Readonly<Record<string, string>>): Promise<Ran> => act({ namespace, 'member-timeout': '8m', timeout: '30m', ...inputs }, { files: { 'cassandra.yaml': ring } })
    const deploy = { manifests: 'cassandra.yaml' }
    const nodetool = (pod: string, ...args: string[]): Promise<string> => kubectl('exec', '-n', namespace, pod, '-c', 'cassandra', '--', 'nodetool', ...args)
    const deployed = await step(deploy)
    expect(verdict(deployed)).toMatch(/^succeeded /)
    expect(deployed.outputs).toMatchObject({ pairs: '6/6', 'ready-replicas': '3' })
    expect(verdict(await step({ operation: 'scale', replicas: '4' }))).toMatch(/^succeeded /)
    // The manifest still says three: without a decommission the fourth would take its copies with it.
    expect(verdict(await step(deploy))).toMatch(/^refused MEMBERSHIP_CHANGE /)
    expect(await read(namespace, 'statefulset cassandra', '{.spec.replicas}')).toBe('4')
    const down = await step({ operation: 'scale', replicas: '3', 'delete-claims': 'true' })
    expect(verdict(down)).toMatch(/^succeeded /)
    expect(await nodetool('cassandra-0', 'status')).not.toMatch(/^D[NLJM]/m)
    expect(await read(namespace, 'pvc', '{.items[*].metadata.name}')).not.toContain('cassandra-data-cassandra-3')
    expect(verdict(await step({ operation: 'verify' }))).toMatch(/^succeeded /)
    expect(verdict(await step({ operation: 'scale', replicas: '4' }))).toMatch(/^succeeded /)
    // By its own word it is up, and its pod is Ready.
    await nodetool('cassandra-1', 'disablebinary')
    expect(verdict(await step({ operation: 'status' }))).toMatch(/^failed CHECK_FAILED .*cassandra-1/)
    await nodetool('cassandra-1', 'enablebinary')
    expect(verdict(await step({ operation: 'status' }))).toMatch(/^succeeded /)
  })
})
