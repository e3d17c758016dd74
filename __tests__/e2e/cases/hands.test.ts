// People change a running set by hand: an undo or a scale that was asked for goes through and says
// whose change it took, a deploy says who changed what; controllers are not fought with.

import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from '../action.ts'
import { everything, inNamespace, kubectl, read, run } from '../cluster.ts'

jest.setTimeout(900_000)

const WEB = `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: web
spec:
  serviceName: web
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: busybox:1.36
        command: [sleep, infinity]
        env: [{name: A, value: given}]
`

const deploy = (namespace: string, inputs: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  act(
    { manifests: 'web.yaml', namespace, profile: 'none', ...inputs },
    { files: { 'web.yaml': WEB } },
  )
const operate = (
  operation: string,
  namespace: string,
  inputs: Readonly<Record<string, string>> = {},
): Promise<Ran> => act({ operation, name: 'web', namespace, profile: 'none', ...inputs })
const templateOf = (namespace: string): Promise<string> =>
  read(namespace, 'statefulset web', '{.spec.template}')

/** A write by another tool: it is known by its field manager alone. */
async function patchAs(manager: string, namespace: string, patch: unknown): Promise<void> {
  await kubectl(
    '-n',
    namespace,
    'patch',
    'statefulset',
    'web',
    `--field-manager=${manager}`,
    '--type=strategic',
    '-p',
    JSON.stringify(patch),
  )
}

const image = {
  spec: {
    template: {
      spec: { containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', '3600'] }] },
    },
  },
}

const HANDS: readonly (readonly [string, string, (namespace: string) => Promise<unknown>])[] = [
  [
    'kubectl set env',
    'kubectl set',
    (namespace) =>
      kubectl('-n', namespace, 'set', 'env', 'statefulset/web', 'A=by-hand', 'NEW=by-hand'),
  ],
  [
    'kubectl set image',
    'kubectl set',
    (namespace) =>
      kubectl('-n', namespace, 'set', 'image', 'statefulset/web', 'c=registry.k8s.io/etcd:3.6.8-0'),
  ],
  [
    'kubectl patch',
    'kubectl patch',
    (namespace) =>
      kubectl('-n', namespace, 'patch', 'statefulset', 'web', '-p', JSON.stringify(image)),
  ],
  [
    'kubectl edit',
    'kubectl edit',
    (namespace) =>
      run('kubectl', ['-n', namespace, 'edit', 'statefulset', 'web'], {
        env: { ...process.env, KUBE_EDITOR: 'sed -i s/infinity/100000s/' },
      }),
  ],
  [
    'kubectl rollout restart',
    'kubectl rollout',
    (namespace) => kubectl('-n', namespace, 'rollout', 'restart', 'statefulset/web'),
  ],
  [
    'the dashboard',
    'the Kubernetes dashboard',
    (namespace) => patchAs('dashboard', namespace, image),
  ],
  ['Lens', 'Lens', (namespace) => patchAs('node-fetch', namespace, image)],
]

const suite = everything ? describe : describe.skip

suite('e2e: cases of changes by hand', () => {
  test("undo restores the template over each of people's tools, and says from whom; metadata of theirs stays", () =>
    inNamespace('hands', async (namespace) => {
      expect(verdict(await deploy(namespace))).toMatch(/^succeeded/)
      const wanted = await templateOf(namespace)
      await kubectl('-n', namespace, 'annotate', 'statefulset/web', 'kept=by-hand')
      await kubectl('-n', namespace, 'label', 'statefulset/web', 'kept=by-hand')
      for (const [what, who, change] of HANDS) {
        await change(namespace)
        expect(await templateOf(namespace)).not.toBe(wanted)
        const undone = await operate('undo', namespace)
        expect(`${what}: ${verdict(undone)}`).toMatch(/: succeeded/)
        expect(undone.lines.join('\n')).toContain(`taken over from ${who}`)
        expect(await templateOf(namespace)).toBe(wanted)
      }
      expect(
        await read(
          namespace,
          'statefulset web',
          '{.metadata.annotations.kept} {.metadata.labels.kept}',
        ),
      ).toBe('by-hand by-hand')
      expect(verdict(await deploy(namespace))).toMatch(/^unchanged/)
    }))

  test("deploy says who changed what, and force-conflicts is the way; an undo of a controller's change stays a conflict", () =>
    inNamespace('hands', async (namespace) => {
      await deploy(namespace)
      await kubectl(
        '-n',
        namespace,
        'set',
        'image',
        'statefulset/web',
        'c=registry.k8s.io/etcd:3.6.8-0',
      )
      const refused = await deploy(namespace)
      expect([refused.outputs['result'], refused.outputs['code']]).toEqual(['refused', 'CONFLICT'])
      expect(refused.outputs['message']).toContain(
        'kubectl set (field manager kubectl-set) set .spec.template.spec.containers[name="c"].image (registry.k8s.io/etcd:3.6.8-0 there, busybox:1.36 wanted)',
      )
      expect(refused.lines.join('\n')).toContain('force-conflicts: true')
      expect(verdict(await deploy(namespace, { 'force-conflicts': 'true' }))).toMatch(/^succeeded/)
      expect(
        await read(namespace, 'statefulset web', '{.spec.template.spec.containers[0].image}'),
      ).toBe('busybox:1.36')
      await patchAs('argocd-controller', namespace, image)
      const kept = await operate('undo', namespace)
      expect([kept.outputs['result'], kept.outputs['code']]).toEqual(['refused', 'CONFLICT'])
      expect(kept.outputs['message']).toContain(
        'Argo CD (field manager argocd-controller) set .spec.template.spec.containers[name="c"].command',
      )
    }))

  test('scale takes the number of members over from kubectl scale, and not from an autoscaler', () =>
    inNamespace('hands', async (namespace) => {
      await deploy(namespace, { profile: 'none' })
      await kubectl('-n', namespace, 'scale', 'statefulset/web', '--replicas=3')
      const scaled = await operate('scale', namespace, { replicas: '2' })
      expect(verdict(scaled)).toMatch(/^succeeded/)
      expect(scaled.report['notes'] ?? scaled.lines).toEqual(
        expect.arrayContaining([expect.stringContaining('taken over from kubectl scale')]),
      )
      expect(await read(namespace, 'statefulset web', '{.spec.replicas}')).toBe('2')
      await patchAs('keda-operator', namespace, { spec: { replicas: 3 } })
      const refused = await operate('scale', namespace, { replicas: '2' })
      expect([refused.outputs['result'], refused.outputs['code']]).toEqual(['refused', 'CONFLICT'])
      expect(refused.outputs['message']).toContain('KEDA')
    }))
})
