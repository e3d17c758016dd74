// The main job on a real cluster: the tutorial's manifest as it stands, from nothing to verified,
// unchanged, and taken over from kubectl.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, jest, test } from '@jest/globals'
import { act, requestsOf, verdict } from './action.ts'
import { example, inNamespace, kubectl, kubectlApply, read } from './cluster.ts'
import { scratch } from '../support/scratch.ts'

jest.setTimeout(600_000)

const tutorial = example('zookeeper-tutorial.yaml')
const files = { 'zk.yaml': tutorial }

test.concurrent("the tutorial's manifest goes from nothing to verified, and a second run changes nothing", async () => {
  await inNamespace('deploy', async (namespace) => {
    const first = await act({ manifests: 'zk.yaml', namespace }, { files })
    expect(verdict(first)).toMatch(/^succeeded/)
    expect(first.exitCode).toBe(0)
    expect(first.outputs).toMatchObject({
      result: 'succeeded',
      code: '',
      changed: 'true',
      name: 'zk',
      namespace,
      profile: 'zookeeper',
      version: '3.4.10',
      replicas: '3',
      'ready-replicas': '3',
      pairs: '6/6',
    })
    expect(first.outputs['leader']).toMatch(/^zk-[012]$/)
    expect(first.outputs['connection-string']).toBe(
      ['zk-0', 'zk-1', 'zk-2'].map((pod) => `${pod}.zk-hs.${namespace}.svc:2181`).join(','),
    )
    expect(requestsOf(first)).toBeLessThanOrEqual(40)
    expect(first.annotations.filter(({ kind }) => kind === 'error')).toEqual([])
    expect(
      first.annotations.find(({ message }) => message.includes('publishNotReadyAddresses')),
    ).toMatchObject({ file: 'zk.yaml', line: 7 })

    // What the cluster itself says of it.
    expect(
      await read(
        namespace,
        'pods -l app=zk',
        '{.items[*].status.conditions[?(@.type=="Ready")].status}',
      ),
    ).toBe('True True True')
    expect(await read(namespace, 'lease zk-ensemble-zk', '{.spec.holderIdentity}')).toBe('')
    expect(
      await read(namespace, 'statefulset zk', '{.metadata.managedFields[*].manager}'),
    ).toContain('zk-ensemble-action')
    expect(
      await kubectl('exec', '-n', namespace, 'zk-0', '--', 'zkCli.sh', 'ls', '/zk-ensemble-action'),
    ).toContain('[]')
    const record = await read(namespace, 'configmap zk-ensemble-zk', '{.data.record\\.json}')
    expect(JSON.parse(record)).toMatchObject({
      underWay: null,
      revisions: [{ origin: 'deploy', controllerRevision: first.outputs['revision'] }],
    })

    const version = await read(namespace, 'statefulset zk', '{.metadata.resourceVersion}')
    const second = await act({ manifests: 'zk.yaml', namespace }, { files })
    expect(second.outputs).toMatchObject({ result: 'unchanged', changed: 'false', pairs: '6/6' })
    expect(second.report.requests['writes']).toBe(0)
    expect(await read(namespace, 'statefulset zk', '{.metadata.resourceVersion}')).toBe(version)

    const thorough = await act({ operation: 'verify', namespace, verify: 'thorough' })
    expect(verdict(thorough)).toMatch(/^succeeded/)
    expect(thorough.report.checks.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(
      expect.arrayContaining([
        'compare-and-set passed',
        'ephemeral passed',
        'multi passed',
        'service passed',
      ]),
    )
  })
})

test.concurrent('an ensemble that kubectl made is taken over without a conflict, and what leaves the manifest leaves the cluster', async () => {
  await inNamespace('takeover', async (namespace) => {
    await kubectlApply(
      namespace,
      tutorial.replace('name: zk-pdb', 'name: zk-pdb\n  labels:\n    by: kubectl'),
    )
    const taken = await act({ manifests: 'zk.yaml', namespace }, { files })
    expect(verdict(taken)).toMatch(/^succeeded/)
    expect(await read(namespace, 'pdb zk-pdb', '{.metadata.labels.by}')).toBe('')
    expect(
      await read(namespace, 'statefulset zk', '{.metadata.managedFields[*].manager}'),
    ).not.toContain('kubectl-client-side-apply')

    // Somebody else owns a field now: named, and nothing is changed.
    const changed = example('zookeeper-tutorial.yaml').replace(
      'maxUnavailable: 1',
      'maxUnavailable: 0',
    )
    await kubectl(
      'patch',
      '-n',
      namespace,
      'pdb',
      'zk-pdb',
      '--type=merge',
      '--field-manager=somebody',
      '-p',
      '{"spec":{"maxUnavailable":1}}',
    )
    await kubectl(
      'apply',
      '-n',
      namespace,
      '--server-side',
      '--field-manager=somebody',
      '--force-conflicts',
      '-f',
      budgetFile(namespace),
    )
    const conflict = await act(
      { manifests: 'zk.yaml', namespace },
      {
        files: {
          'zk.yaml': changed
            .replace('maxUnavailable: 0', 'maxUnavailable: 1')
            .replace(
              'app: zk\n  maxUnavailable',
              'app: zk\n  unhealthyPodEvictionPolicy: IfHealthyBudget\n  maxUnavailable',
            ),
        },
      },
    )
    expect(conflict.outputs).toMatchObject({
      result: 'refused',
      code: 'CONFLICT',
      changed: 'false',
    })
    expect(conflict.outputs['message']).toContain('somebody')
  })
})

/** A budget that another manager applies, with a field that the manifest will say differently. */
function budgetFile(namespace: string): string {
  const path = join(scratch('e2e'), 'budget.yaml')
  writeFileSync(
    path,
    `apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: zk-pdb\n  namespace: ${namespace}\nspec:\n  unhealthyPodEvictionPolicy: AlwaysAllow\n`,
  )
  return path
}
