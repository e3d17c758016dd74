// A real Cassandra ring on the memo's path: from nothing to verified, drained, restarted, 3 → 4 → 3
// → 4 with a run that dies on the way, and what must never be done to it.

import { expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { runAction } from '../support/runner.ts'
import { act, verdict, type Ran } from './action.ts'
import { everything, example, inNamespace, kubeconfig, kubectl, read } from './cluster.ts'

jest.setTimeout(3_600_000)

const manifest = example('cassandra.yaml')
const small = manifest
  .replace('value: 512M', 'value: 256M')
  .replace('memory: 1Gi\n          requests', 'memory: 700Mi\n          requests')
  .replace('cpu: "200m"\n            memory: 1Gi', 'cpu: 50m\n            memory: 400Mi')
  .replace('timeoutSeconds: 5', 'timeoutSeconds: 20')

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

interface Ring {
  readonly namespace: string
  readonly step: (inputs: Readonly<Record<string, string>>) => Promise<Ran>
  readonly nodetool: (pod: string, ...args: string[]) => Promise<string>
  readonly cql: (pod: string, statements: string) => Promise<string>
}

const INPUTS = { 'member-timeout': '8m', timeout: '30m' }
const DEPLOY = { manifests: 'cassandra.yaml' }
/** Data of a user, a copy on each of three. */
const KEPT =
  "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'DC1-K8Demo': 3}; CREATE TABLE shop.orders (id text PRIMARY KEY, value text); CONSISTENCY ALL; INSERT INTO shop.orders (id, value) VALUES ('1', 'kept');"
const CLAIM = 'cassandra-data-cassandra-3'

function ringIn(namespace: string, text: string): Ring {
  const exec = (pod: string, ...command: string[]): Promise<string> =>
    kubectl('exec', '-n', namespace, pod, '-c', 'cassandra', '--', ...command)
  return {
    namespace,
    step: (inputs) =>
      act({ ...INPUTS, namespace, ...inputs }, { files: { 'cassandra.yaml': text } }),
    nodetool: (pod, ...args) => exec(pod, 'nodetool', ...args),
    cql: (pod, statements) => exec(pod, 'cqlsh', '--request-timeout=30', '-e', statements),
  }
}

/**
 * Every row up and normal, as many as there are to be, and what was written is there on every copy.
 */
async function expectWhole({ nodetool, cql }: Ring, members: number): Promise<void> {
  const status = await nodetool('cassandra-0', 'status')
  expect(status.match(/^UN /gm)).toHaveLength(members)
  expect(status).not.toMatch(/^D[NLJM]|^U[LJM]/m)
  expect(await cql('cassandra-0', 'CONSISTENCY ALL; SELECT value FROM shop.orders;')).toMatch(
    /\bkept\b/,
  )
}

all(
  'Cassandra: the example as it stands makes a ring, whose members come back from a drain',
  async () => {
    await inNamespace('cassandra-example', async (namespace) => {
      const ring = ringIn(namespace, manifest)
      const deployed = await ring.step(DEPLOY)
      expect(verdict(deployed)).toMatch(/^succeeded /)
      const names = [0, 1, 2]
        .map((ordinal) => `cassandra-${ordinal}.cassandra.${namespace}.svc:9042`)
        .join(',')
      expect(deployed.outputs).toMatchObject({
        pairs: '6/6',
        'ready-replicas': '3',
        version: expect.stringMatching(/^\d+\.\d+/),
        'connection-string': names,
      })
      expect(JSON.parse(deployed.outputs['members'] ?? '')).toMatchObject(
        [0, 1, 2].map((ordinal) => ({
          ordinal,
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          role: 'up',
          version: deployed.outputs['version'],
        })),
      )
      expect((await ring.step({ operation: 'status' })).outputs).toMatchObject({
        version: deployed.outputs['version'],
        'connection-string': names,
      })
      await ring.cql('cassandra-0', KEPT)
      // Other ensembles on the node, which would have a say, are let be.
      expect(
        verdict(
          await ring.step({
            operation: 'drain',
            members: 'cassandra-2',
            uncordon: 'after',
            'pod-selector': 'app=cassandra',
          }),
        ),
      ).toMatch(/^succeeded /)
      await expectWhole(ring, 3)
      // Checks leave one keyspace, however many there were.
      expect(await ring.nodetool('cassandra-0', 'listsnapshots')).not.toContain(
        'zk_ensemble_action',
      )
    })
  },
)

all('Cassandra: deployed, restarted, and 3 → 4 → 3 → 4, every state verified', async () => {
  await inNamespace('cassandra', async (namespace) => {
    const ring = ringIn(namespace, small)
    const { step, nodetool } = ring
    const deployed = await step(DEPLOY)
    expect(verdict(deployed)).toMatch(/^succeeded /)
    expect(deployed.outputs).toMatchObject({ pairs: '6/6', 'ready-replicas': '3' })
    await ring.cql('cassandra-0', KEPT)
    const thorough = await step({ operation: 'verify', verify: 'thorough' })
    expect(verdict(thorough)).toMatch(/^succeeded /)
    expect(thorough.report.checks.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      expect.arrayContaining(['data passed', 'compare-and-set passed', 'all-copies passed']),
    )
    expect(verdict(await step({ operation: 'restart' }))).toMatch(/^succeeded /)
    await expectWhole(ring, 3)

    expect(verdict(await step({ operation: 'scale', replicas: '4' }))).toMatch(/^succeeded /)
    await expectWhole(ring, 4)
    // The manifest still says three: without a decommission the fourth would take its copies with
    // it.
    expect(verdict(await step(DEPLOY))).toMatch(/^refused MEMBERSHIP_CHANGE /)
    expect(await read(namespace, 'statefulset cassandra', '{.spec.replicas}')).toBe('4')
    await killedInDecommission(ring)
    expect(verdict(await step({ operation: 'scale', replicas: '3' }))).toMatch(/^succeeded /)
    await expectWhole(ring, 3)
    expect(verdict(await step({ operation: 'verify' }))).toMatch(/^succeeded /)

    // The claim of a node that has left cannot be used by a new one: said before anything is begun.
    const refused = await step({ operation: 'scale', replicas: '4' })
    expect(verdict(refused)).toMatch(new RegExp(`^refused CLAIM_PENDING .*${CLAIM}`))
    await kubectl('delete', 'pvc', '-n', namespace, CLAIM)
    expect(verdict(await step({ operation: 'scale', replicas: '4' }))).toMatch(/^succeeded /)
    await expectWhole(ring, 4)
    expect(
      verdict(await step({ operation: 'scale', replicas: '3', 'delete-claims': 'true' })),
    ).toMatch(/^succeeded /)
    expect(await read(namespace, 'pvc', '{.items[*].metadata.name}')).not.toContain(CLAIM)

    // By its own word it is up, and its pod is Ready.
    await nodetool('cassandra-1', 'disablebinary')
    expect(verdict(await step({ operation: 'status' }))).toMatch(
      /^failed CHECK_FAILED .*cassandra-1/,
    )
    await nodetool('cassandra-1', 'enablebinary')
    expect(verdict(await step({ operation: 'status' }))).toMatch(/^succeeded /)
  })
})

/**
 * The runner is lost while the fourth member leaves: everything but the scale says what is under
 * way, and is told how to end it.
 */
async function killedInDecommission({ namespace, step }: Ring): Promise<void> {
  const killed = await runAction({
    inputs: { ...INPUTS, namespace, operation: 'scale', replicas: '3' },
    kubeconfig: readFileSync(kubeconfig, 'utf8'),
    killAt: /cassandra-3: is decommissioned/,
  })
  expect(killed.signal).toBe('SIGKILL')
  for (const begun of [{ operation: 'restart' }, { operation: 'undo' }, DEPLOY]) {
    const refused = await step(begun)
    expect(verdict(refused)).toMatch(/^refused CONFLICT .*scale/)
    expect(refused.lines.join('\n')).toContain('replicas: 3')
  }
}
