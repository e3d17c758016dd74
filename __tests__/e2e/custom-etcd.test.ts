// An etcd ensemble, of which this action knows nothing but the user's commands: from nothing to
// verified, rolled, restarted, drained, never resized, and no second member taken from it.

import { expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from './action.ts'
import { everything, example, inNamespace, kubectl, read, run } from './cluster.ts'

jest.setTimeout(1_200_000)

const etcd = example('etcd.yaml')
  .replace('cpu: 100m', 'cpu: 20m')
  .replace('memory: 128Mi', 'memory: 64Mi')
  // So that the server is not process 1, which can't be stopped from inside.
  .replace('      containers:\n', '      shareProcessNamespace: true\n      containers:\n')
const commands = {
  profile: 'custom',
  'write-command': 'etcdctl --command-timeout=3s put zk-ensemble-action "$MARKER"',
  'read-command': 'etcdctl --command-timeout=3s get --print-value-only zk-ensemble-action',
  'serves-command': 'etcdctl --command-timeout=3s endpoint health',
}

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

/** Stops the server without ending it: the pod stays Ready, and is silent. */
const LIE =
  'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = etcd ] && kill -STOP "${p#/proc/}"; done; true'
const TELL_THE_TRUTH = LIE.replace('-STOP', '-CONT')

const uidsOf = async (namespace: string): Promise<readonly string[]> =>
  (await read(namespace, 'pods -l app=etcd', '{.items[*].metadata.uid}')).split(' ')

/** Clients can write through each member: asked of etcd itself, not of this action. */
async function expectWritable(namespace: string): Promise<void> {
  for (const pod of ['etcd-0', 'etcd-1', 'etcd-2'])
    expect(
      await kubectl(
        'exec',
        '-n',
        namespace,
        pod,
        '--',
        'etcdctl',
        '--command-timeout=5s',
        'put',
        'client',
        pod,
      ),
    ).toBe('OK')
}

all('etcd: deployed, rolled, restarted and drained one by one, never resized', async () => {
  await inNamespace('etcd', async (namespace) => {
    const step = (inputs: Readonly<Record<string, string>>, manifest = etcd): Promise<Ran> =>
      act({ ...commands, namespace, ...inputs }, { files: { 'etcd.yaml': manifest } })
    const deploy = { manifests: 'etcd.yaml' }
    expect(verdict(await step(deploy))).toMatch(/^succeeded /)
    expect((await step(deploy)).outputs).toMatchObject({ result: 'unchanged', pairs: '6/6' })
    // The one that is taken next would have ended the quorum: its peers did not know the last one's
    // address yet.
    const rolled = etcd.replace(
      '        env:\n',
      '        env:\n        - name: ETCD_LOG_LEVEL\n          value: warn\n',
    )
    expect(verdict(await step(deploy, rolled))).toMatch(/^succeeded /)
    const restarted = await step({ operation: 'restart' })
    expect(verdict(restarted)).toMatch(/^succeeded /)
    expect(restarted.report.checks.find(({ name }) => name === 'data')?.outcome).toBe('passed')
    await expectWritable(namespace)
    expect(verdict(await step(deploy, rolled.replace('replicas: 3', 'replicas: 1')))).toMatch(
      /^refused MEMBERSHIP_CHANGE /,
    )
    expect(verdict(await step({ operation: 'scale', replicas: '1' }))).toMatch(
      /^refused MEMBERSHIP_CHANGE /,
    )
    expect(verdict(await step({ operation: 'scale', replicas: '5' }))).toMatch(
      /^refused MEMBERSHIP_CHANGE /,
    )
    expect(await read(namespace, 'statefulset etcd', '{.spec.replicas}')).toBe('3')
    await liarCostsNobody(namespace, step)
    expect(
      verdict(
        await step({
          operation: 'drain',
          members: 'etcd-1',
          uncordon: 'after',
          'pod-selector': 'app=etcd',
        }),
      ),
    ).toMatch(/^succeeded /)
    await expectWritable(namespace)
  })
})

/**
 * One is stopped and stays Ready: a restart took the next one all the same, and the quorum with it.
 */
async function liarCostsNobody(
  namespace: string,
  step: (inputs: Readonly<Record<string, string>>) => Promise<Ran>,
): Promise<void> {
  const before = await uidsOf(namespace)
  await kubectl('exec', '-n', namespace, 'etcd-2', '--', 'sh', '-c', LIE)
  try {
    expect(verdict(await step({ operation: 'verify' }))).toMatch(/^failed CHECK_FAILED /)
    const restarted = await step({ operation: 'restart', 'member-timeout': '1m', timeout: '2m' })
    // It may put the silent one right, which is what a restart is for; no other goes before that
    // one serves.
    expect(
      restarted.lines.filter(
        (line) =>
          /^etcd-[01]: evicted/.test(line) &&
          !restarted.lines
            .slice(0, restarted.lines.indexOf(line))
            .some((one) => one.startsWith('etcd-2: evicted')),
      ),
    ).toEqual([])
  } finally {
    await run('kubectl', ['exec', '-n', namespace, 'etcd-2', '--', 'sh', '-c', TELL_THE_TRUTH])
  }
  expect((await uidsOf(namespace)).length).toBe(before.length)
  await expectWritable(namespace)
  expect(verdict(await step({ operation: 'verify' }))).toMatch(/^succeeded /)
}
