// How people set their ensembles up: a Service of another stack, a log directory of their own, a
// mirrored image, a number of members that the manifest leaves to others.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from '../action.ts'
import { everything, inNamespace, kubectl, kubectlApply, read, root } from '../cluster.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined
const given = (path: string): string => readFileSync(join(root, '__tests__', 'cases', path), 'utf8')
const deploy = (
  namespace: string,
  manifest: string,
  inputs: Readonly<Record<string, string>> = {},
): Promise<Ran> =>
  act({ manifests: 'zk.yaml', namespace, ...inputs }, { files: { 'zk.yaml': manifest } })

/** Text in which `from` stands, changed: a test that changes nothing would show nothing. */
function change(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`there is no ${from}`)
  return text.replaceAll(from, to)
}

/** Each member's word for itself, asked by kubectl. */
async function modes(namespace: string, count = 3): Promise<string> {
  const ask = 'exec 3<>/dev/tcp/127.0.0.1/2181; printf srvr >&3; grep -o "Mode: .*" <&3'
  const said = await Promise.all(
    Array.from({ length: count }, (_, ordinal) =>
      kubectl('exec', '-n', namespace, `keeper-${ordinal}`, '--', 'bash', '-c', ask),
    ),
  )
  return said.toSorted().join(', ')
}

const THREE = 'Mode: follower, Mode: follower, Mode: leader'

describe('e2e: cases of setups', () => {
  all('a headless service that another stack made is used as it is, and judged', async () => {
    await inNamespace('elsewhere', async (namespace) => {
      const manifest = given('service-elsewhere/manifest.yaml')
      const platform = given('service-elsewhere/platform.yaml')
      const nothing = async (ran: Ran, words: RegExp): Promise<void> => {
        expect(verdict(ran)).toMatch(words)
        expect(
          await read(namespace, 'statefulsets,persistentvolumeclaims', '{.items[*].metadata.name}'),
        ).toBe('')
      }
      await nothing(await deploy(namespace, manifest), /^refused LINT_FAILED .*keeper-peers/)
      await kubectlApply(namespace, change(platform, 'app: keeper', 'app: other'))
      await nothing(
        await deploy(namespace, manifest),
        /^refused LINT_FAILED .*keeper-peers in the cluster doesn't select the members/,
      )
      await kubectl('delete', 'service', 'keeper-peers', 'keeper-client', '-n', namespace)
      await kubectlApply(namespace, change(platform, '  clusterIP: None\n', ''))
      await nothing(
        await deploy(namespace, manifest),
        /^refused LINT_FAILED .*keeper-peers in the cluster is not headless/,
      )
      await kubectl('delete', 'service', 'keeper-peers', 'keeper-client', '-n', namespace)

      await kubectlApply(namespace, platform)
      const done = await deploy(namespace, manifest)
      expect(verdict(done)).toMatch(/^succeeded /)
      expect(done.outputs['pairs']).toBe('6/6')
      expect(await modes(namespace)).toBe(THREE)
      // It stays the other stack's.
      expect(
        await read(
          namespace,
          'service keeper-peers --show-managed-fields',
          '{.metadata.managedFields[*].manager}',
        ),
      ).toBe('kubectl-client-side-apply')
      expect(verdict(await deploy(namespace, manifest, { verify: 'quick' }))).toMatch(/^unchanged /)
    })
  })

  all('a log directory that the image makes nobody is told with a way that works', async () => {
    await inNamespace('logdir', async (namespace) => {
      const manifest = given('log-dir-as-advised/manifest.yaml')
      const crashed = await deploy(namespace, manifest, { 'member-timeout': '2m' })
      expect(verdict(crashed)).toMatch(/^failed CRASH_LOOP .*keeper-\d/)
      const said = crashed.lines.join('\n')
      expect(said).toMatch(/nobody makes \/data\/log/)
      const mount = /\{name: data, mountPath: \/data\/log, subPath: log\}/.exec(said)?.[0] ?? ''
      const fixed = await deploy(
        namespace,
        change(
          manifest,
          '              mountPath: /data\n',
          `              mountPath: /data\n            - ${mount}\n`,
        ),
      )
      expect(verdict(fixed)).toMatch(/^succeeded /)
      expect(fixed.outputs['pairs']).toBe('6/6')
      expect(await modes(namespace)).toBe(THREE)
      expect(
        await kubectl('exec', '-n', namespace, 'keeper-0', '--', 'sh', '-c', 'ls /data/log'),
      ).toBe('version-2')
    })
  })

  all('a log directory on a claim of its own', async () => {
    await inNamespace('logvol', async (namespace) => {
      const twice = given('log-dir-as-advised/manifest.yaml')
        .replace('value: /data/log', 'value: /txlog')
        .replace(
          '              mountPath: /data\n',
          '              mountPath: /data\n            - {name: txlog, mountPath: /txlog}\n',
        )
        .trimEnd()
      const done = await deploy(
        namespace,
        `${twice}\n    - metadata: {name: txlog}\n      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}}\n`,
      )
      expect(verdict(done)).toMatch(/^succeeded /)
      expect(done.outputs['pairs']).toBe('6/6')
      expect(done.lines.join('\n')).not.toMatch(/nobody makes/)
      expect(await read(namespace, 'persistentvolumeclaims', '{.items[*].status.phase}')).toBe(
        Array.from({ length: 6 }, () => 'Bound').join(' '),
      )
      expect(
        await kubectl('exec', '-n', namespace, 'keeper-1', '--', 'sh', '-c', 'ls /txlog'),
      ).toBe('version-2')
    })
  })

  for (const file of ['manifest.yaml', 'with-name.yaml']) {
    all(
      `another vendor’s image under a mirror’s name is not taken for the official one (${file})`,
      async () => {
        await inNamespace('mirror', async (namespace) => {
          // The image is not to be had here: what the lint says is seen before, and that it
          // continues to the pull.
          const done = await deploy(namespace, given(`mirrored-image/${file}`), {
            'member-timeout': '2m',
          })
          expect(verdict(done)).toMatch(/^failed IMAGE_PULL .*mirror\/.*zookeeper/)
          expect(
            done.report.findings.filter(
              ({ code, severity }) => code === 'LINT_FAILED' && severity === 'error',
            ),
          ).toEqual([])
          expect(await read(namespace, 'statefulsets', '{.items[*].metadata.name}')).toBe('keeper')
        })
      },
    )
  }

  all('replicas left out: the number that runs is kept, whoever made it', async () => {
    await inNamespace('count', async (namespace) => {
      const manifest = given('replicas-left-out/manifest.yaml')
      const count = (): Promise<string> =>
        read(namespace, 'statefulset keeper', '{.spec.replicas}/{.status.readyReplicas}')
      // A first install would have one of three members.
      const first = await deploy(namespace, manifest)
      expect(verdict(first)).toMatch(
        /^refused LINT_FAILED .*replicas is left out, so the set has 1/,
      )
      expect(first.lines.join('\n')).toMatch(/write replicas: 3/)
      expect(await read(namespace, 'statefulsets', '{.items[*].metadata.name}')).toBe('')

      const three = await deploy(
        namespace,
        change(manifest, '  podManagementPolicy', '  replicas: 3\n  podManagementPolicy'),
      )
      expect(verdict(three)).toMatch(/^succeeded /)
      // Ours is the field: left out it must not fall back to one.
      expect(verdict(await deploy(namespace, manifest))).toMatch(/^(unchanged|succeeded) /)
      expect(await count()).toBe('3/3')
      const changed = await deploy(
        namespace,
        change(manifest, 'terminationGracePeriodSeconds: 20', 'terminationGracePeriodSeconds: 15'),
      )
      expect(verdict(changed)).toMatch(/^succeeded /)
      expect(changed.outputs['pairs']).toBe('6/6')
      expect(await count()).toBe('3/3')
      expect(await modes(namespace)).toBe(THREE)

      // Scaled by hand to none: nothing is started, and nothing is said to serve.
      await kubectl('-n', namespace, 'scale', 'statefulset/keeper', '--replicas=0')
      await kubectl(
        '-n',
        namespace,
        'wait',
        'pod',
        '-l',
        'app=keeper',
        '--for=delete',
        '--timeout=120s',
      )
      const none = await deploy(namespace, manifest)
      expect(verdict(none)).not.toMatch(/QUORUM_LOST|INTERNAL/)
      expect(none.outputs['pairs'] ?? '').not.toBe('6/6')
      expect(await read(namespace, 'statefulset keeper', '{.spec.replicas}')).toBe('0')
      expect(await read(namespace, 'persistentvolumeclaims', '{.items[*].status.phase}')).toBe(
        'Bound Bound Bound',
      )
    })
  })

  all('replicas left to an autoscaler stay as it has made them', async () => {
    await inNamespace('scaler', async (namespace) => {
      const web = (sleep: string, replicas = ''): string => `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
${replicas}  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "busybox:1.36", command: [sleep, "${sleep}"]}]
`
      expect(verdict(await deploy(namespace, web('10000'), { profile: 'none' }))).toMatch(
        /^succeeded /,
      )
      expect(await read(namespace, 'statefulset web', '{.spec.replicas}')).toBe('1')
      // What an autoscaler writes: the scale subresource.
      await kubectl('-n', namespace, 'scale', 'statefulset/web', '--replicas=5')
      expect(verdict(await deploy(namespace, web('20000'), { profile: 'none' }))).toMatch(
        /^succeeded /,
      )
      expect(
        await read(namespace, 'statefulset web', '{.spec.replicas}/{.status.readyReplicas}'),
      ).toBe('5/5')
    })
  })
})
