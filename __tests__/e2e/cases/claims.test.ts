// Nothing that takes a member down may cost data that only it has; and a pod that doesn't go is
// told apart.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict } from '../action.ts'
import { everything, inNamespace, kubectl, kubectlApply, read, root } from '../cluster.ts'
import { drain, SIDE_BY_SIDE, tutorialFor, underMaintenance } from '../nodes.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

function given(path: string): string {
  return readFileSync(join(root, '__tests__', 'cases', path), 'utf8')
}

const uids = (namespace: string, what: string): Promise<string> =>
  read(namespace, what, '{.items[*].metadata.uid}')

async function deployed(namespace: string, manifest: string): Promise<void> {
  expect(
    verdict(
      await act(
        { manifests: 'zk.yaml', namespace, timeout: '5m' },
        { files: { 'zk.yaml': manifest } },
      ),
    ),
  ).toMatch(/^succeeded /)
}

describe('e2e: cases of claims', () => {
  all(
    'claims that are being deleted: told by status and verify, and nobody takes a member down',
    async () => {
      await inNamespace('claims', async (namespace) => {
        const files = { 'changed.yaml': given('claims-being-deleted/changed.yaml') }
        await deployed(namespace, given('claims-being-deleted/manifest.yaml'))
        const [pods, claims] = [
          await uids(namespace, 'pods'),
          await uids(namespace, 'persistentvolumeclaims'),
        ]
        await kubectl('-n', namespace, 'delete', 'pvc', '--all', '--wait=false')
        const going =
          /the claims data-keeper-0, data-keeper-1 and data-keeper-2 of keeper-0, keeper-1 and keeper-2 are being deleted: they go with the pod/
        for (const [inputs, result] of [
          [{ operation: 'status' }, 'failed'],
          [{ operation: 'verify' }, 'failed'],
          [{ operation: 'verify', verify: 'quick' }, 'failed'],
          [{ operation: 'restart' }, 'refused'],
          [{ operation: 'scale', replicas: '4' }, 'refused'],
          [{ manifests: 'changed.yaml' }, 'refused'],
        ] as const) {
          const ran = await act({ namespace, ...inputs }, { files })
          expect([JSON.stringify(inputs), verdict(ran)]).toEqual([
            JSON.stringify(inputs),
            expect.stringMatching(new RegExp(`^${result} CLAIM_PENDING `)),
          ])
          expect(ran.report.findings.map(({ message }) => message).join('\n')).toMatch(going)
        }
        expect([
          await uids(namespace, 'pods'),
          await uids(namespace, 'persistentvolumeclaims'),
        ]).toEqual([pods, claims])

        // The way out that is advised: keep the volumes, then one member after the other.
        const volumes = (
          await read(namespace, 'persistentvolumeclaims', '{.items[*].spec.volumeName}')
        ).split(' ')
        await kubectl(
          'patch',
          'pv',
          ...volumes,
          '-p',
          '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}',
        )
        for (const pod of ['keeper-0', 'keeper-1', 'keeper-2']) {
          await kubectl('-n', namespace, 'delete', 'pod', pod)
          // On a busy machine the controller takes its time.
          await kubectl('-n', namespace, 'wait', '--for=create', `pod/${pod}`, '--timeout=60s')
          await kubectl(
            '-n',
            namespace,
            'wait',
            '--for=condition=Ready',
            `pod/${pod}`,
            '--timeout=180s',
          )
          if (pod !== 'keeper-2')
            expect(verdict(await act({ operation: 'verify', namespace }))).toMatch(
              /^failed CLAIM_PENDING /,
            )
        }
        expect(verdict(await act({ operation: 'verify', namespace }))).toMatch(/^succeeded /)
        await kubectl('delete', 'pv', ...volumes, '--wait=false')
      })
    },
  )

  all(
    'a claim that is deleted between two members halts the roll: nobody else goes, and nothing is undone',
    async () => {
      await inNamespace('between', async (namespace) => {
        await deployed(namespace, given('claims-being-deleted/manifest.yaml'))
        let deleted: Promise<string> | undefined
        const ran = await act(
          { manifests: 'changed.yaml', namespace },
          {
            files: { 'changed.yaml': given('claims-being-deleted/changed.yaml') },
            onLine: (line) =>
              void (deleted ??= line.includes('keeper-2: its turn')
                ? kubectl('-n', namespace, 'delete', 'pvc', 'data-keeper-0', '--wait=false')
                : undefined),
          },
        )
        await deleted
        expect(verdict(ran)).toMatch(/^failed CLAIM_PENDING /)
        expect(ran.report.findings[0]?.message).toContain(
          'data-keeper-0 of keeper-0 is being deleted',
        )
        expect(ran.report.timeline.map(({ what }) => what).join('\n')).not.toContain('back as at')
        expect(
          await read(
            namespace,
            'statefulset keeper',
            '{.spec.updateStrategy.rollingUpdate.partition}',
          ),
        ).toBe('2')
      })
    },
  )

  all(
    'a set whose whenScaled is Delete loses no claim to a scale that was not told so',
    async () => {
      await inNamespace('retention', async (namespace) => {
        await deployed(namespace, given('retention-on-scale/manifest.yaml'))
        const claims = await uids(namespace, 'persistentvolumeclaims')
        const refused = await act({ operation: 'scale', replicas: '2', namespace })
        expect(verdict(refused)).toMatch(/^refused PROTECTED /)
        expect(refused.report.findings[0]?.message).toContain(
          'whenScaled: Delete of keeper would delete data-keeper-2',
        )
        expect(await uids(namespace, 'persistentvolumeclaims')).toBe(claims)
        // The way that keeps the data is the one that is advised.
        await kubectl(
          '-n',
          namespace,
          'patch',
          'statefulset',
          'keeper',
          '--type=merge',
          '-p',
          '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Retain"}}}',
        )
        // Whether this manifest's members bear the restarts of a scale is another matter: their
        // claims must, however it ends.
        expect(verdict(await act({ operation: 'scale', replicas: '2', namespace }))).not.toMatch(
          /PROTECTED|^refused/,
        )
        expect(await uids(namespace, 'persistentvolumeclaims')).toBe(claims)
      })
    },
  )

  all('a pod that a finalizer holds is not the fault of its node', async () => {
    await inNamespace('finalizer', async (namespace) => {
      await deployed(namespace, given('claims-being-deleted/manifest.yaml'))
      await kubectl(
        '-n',
        namespace,
        'patch',
        'pod',
        'keeper-0',
        '--type=merge',
        '-p',
        '{"metadata":{"finalizers":["example.com/backup"]}}',
      )
      const ran = await act({ operation: 'restart', namespace, 'member-timeout': '4m' })
      await kubectl(
        '-n',
        namespace,
        'patch',
        'pod',
        'keeper-0',
        '--type=json',
        '-p',
        '[{"op":"remove","path":"/metadata/finalizers"}]',
      )
      expect(verdict(ran)).toMatch(/^failed NOT_READY /)
      expect(ran.report.findings[0]?.message).toContain(
        'keeper-0: is being deleted and not gone: its containers have ended, but it is held by the finalizer example.com/backup',
      )
    })
  })

  all(
    "pods of somebody else's StatefulSet that is being deleted do not stop a drain, and one with a preStop hook is said to have one",
    async () => {
      await underMaintenance('going', async (namespace) => {
        await deployed(namespace, tutorialFor(namespace, SIDE_BY_SIDE))
        const node = await read(namespace, 'pod zk-0', '{.spec.nodeName}')
        const label = `e2e.zk-ensemble-action/suite: ${namespace}`
        await kubectlApply(
          namespace,
          `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: other}
spec:
  serviceName: other
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other, ${label}}}
    spec:
      nodeName: ${node}
      terminationGracePeriodSeconds: 120
      containers:
      - {name: zookeeper, image: "zookeeper:3.9", command: [bash, -c, "trap 'exit 0' TERM; sleep infinity & wait"], lifecycle: {preStop: {exec: {command: [sleep, "75"]}}}, ports: [{name: client, containerPort: 2181}, {containerPort: 2888}, {containerPort: 3888}]}
`,
        )
        await kubectl(
          '-n',
          namespace,
          'wait',
          '--for=condition=Ready',
          'pod/other-0',
          '--timeout=120s',
        )
        await kubectl(
          '-n',
          namespace,
          'patch',
          'statefulset',
          'other',
          '--type=merge',
          '-p',
          '{"metadata":{"finalizers":["example.com/held"]}}',
        )
        await kubectl('-n', namespace, 'delete', 'statefulset', 'other', '--wait=false')
        try {
          const ran = await drain(namespace, [node], {
            name: 'zk',
            uncordon: 'after',
            timeout: '4m',
          })
          expect(verdict(ran)).toMatch(/^succeeded /)
          expect(ran.lines.join('\n')).toMatch(
            /other-0 was evicted \S+ ago and is not gone: its preStop hook \(container zookeeper\), or its server after it, has not ended yet/,
          )
        } finally {
          await kubectl(
            '-n',
            namespace,
            'patch',
            'statefulset',
            'other',
            '--type=json',
            '-p',
            '[{"op":"remove","path":"/metadata/finalizers"}]',
          )
        }
      })
    },
  )
})
