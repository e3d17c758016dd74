// plan answers before a merge what a deploy would do. What it says wrongly is believed and merged;
// and a plan that writes is a deploy that nobody approved.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { fields, number, parse, text, type Fields } from '../support/cluster/json.ts'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import type { Finished } from '../support/runner.ts'
import { QUICK, example, tutorial, verdict, withBundle } from './given.ts'

const PLAN = { operation: 'plan' }

/** Requests that change something, the lock's among them: a plan has none. */
function changing(cluster: SimulatedCluster, from: number): string[] {
  return cluster.requests
    .slice(from)
    .filter(
      ({ verb, kind, dryRun }) =>
        ['create', 'update', 'patch', 'apply', 'delete', 'eviction', 'exec'].includes(verb) &&
        kind !== '' &&
        !dryRun &&
        !kind.endsWith('Review'),
    )
    .map(({ verb, kind, name }) => `${verb} ${kind} ${name}`)
}

/** What was promised for four objects; none is asked for twice. */
function expectFew(cluster: SimulatedCluster, from: number): void {
  const asked = cluster.requests
    .slice(from)
    .filter(({ verb }) => !['portforward', 'exec'].includes(verb))
    .map(({ verb, path, dryRun }) => `${verb} ${path}${dryRun ? ' (dry run)' : ''}`)
  expect(asked.length).toBeLessThanOrEqual(25)
  // Single reviews differ by what they ask for.
  const objects = asked.filter((one) => !one.includes('selfsubjectaccessreviews'))
  expect(objects).toEqual([...new Set(objects)])
}

function changesOf(run: Finished): unknown {
  return JSON.parse(run.outputs['changes'] ?? '')
}

/** What the comment on a pull request would be. */
function comment(run: Finished): string {
  return readFileSync(run.outputs['summary'] ?? '', 'utf8')
}

function objectsIn(text: string): Fields[] {
  return parseAllDocuments(text).map((document) => fields(parse(JSON.stringify(document))))
}

describe.each(['plan', 'deploy with dry-run: true'])('%s', (how) => {
  const inputs = how === 'plan' ? PLAN : { operation: 'deploy', 'dry-run': 'true' }

  test('a first install: all objects come, and nothing is there afterwards', () =>
    withBundle({}, async ({ cluster, run }) => {
      const done = await run(tutorial(QUICK), inputs)
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ changed: 'false', impact: 'scale', name: 'zk' })
      expect(changesOf(done)).toEqual({
        'service/zk-hs': 'created',
        'service/zk-cs': 'created',
        'poddisruptionbudget/zk-pdb': 'created',
        'statefulset/zk': 'created',
      })
      expect(changing(cluster, 0)).toEqual([])
      expect(cluster.objects.list('StatefulSet')).toEqual([])
      expect(cluster.objects.list('Lease')).toEqual([])
    }))

  test('a template that changes: who goes, in which order, and the line that changes', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      const from = cluster.requests.length
      const done = await run(
        tutorial(QUICK, ['--snap_retain_count=3', '--snap_retain_count=4']),
        inputs,
      )
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ impact: 'roll', changed: 'false' })
      expect(done.outputs['leader']).toMatch(/^zk-/)
      expect(changesOf(done)).toMatchObject({
        'service/zk-hs': 'unchanged',
        'statefulset/zk': 'configured',
      })
      expect(done.outputs['message']).toMatch(/3 members would be replaced, one at a time/)
      const shown = comment(done)
      expect(shown).toMatch(/^-.*--snap_retain_count=3/m)
      expect(shown).toMatch(/^\+.*--snap_retain_count=4/m)
      expect(shown).not.toContain('managedFields')
      expect(changing(cluster, from)).toEqual([])
      expectFew(cluster, from)
    }))
})

describe('what it would mean', () => {
  test('nothing', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      const from = cluster.requests.length
      const done = await run(tutorial(QUICK), PLAN)
      expect(done.outputs).toMatchObject({ result: 'planned', impact: 'none' })
      expect(changing(cluster, from)).toEqual([])
      expectFew(cluster, from)
    }))

  test('objects alone, without a restart', () =>
    withBundle({}, async ({ run }) => {
      await run(tutorial(QUICK))
      const done = await run(tutorial(QUICK, ['maxUnavailable: 1', 'minAvailable: 2']), PLAN)
      expect(done.outputs).toMatchObject({ result: 'planned', impact: 'objects' })
      expect(comment(done)).toContain('no member would be restarted')
    }))

  test('a ConfigMap that no running member reads before it is restarted', () =>
    withBundle({}, async ({ run }) => {
      const manifest = example('zookeeper-configmap.yaml')
      await run(manifest)
      const done = await run(manifest.replace('client.cnxns: "60"', 'client.cnxns: "61"'), PLAN)
      expect(done.outputs).toMatchObject({ result: 'planned', impact: 'objects' })
      expect(comment(done)).toContain('read it only when they start')
    }))

  test('the leader by name, and its hand-over where names move', () =>
    withBundle({}, async ({ run }) => {
      await run(tutorial(QUICK))
      const done = await run(
        tutorial(QUICK, ['--snap_retain_count=3', '--snap_retain_count=4']),
        PLAN,
      )
      const leader = done.outputs['leader'] ?? ''
      expect(done.lines.join('\n')).toContain(`${leader} leads and hands over its leadership first`)
    }))

  test('a server that goes back by a minor version is a warning on the line of the image', () =>
    withBundle({}, async ({ run }) => {
      await run(undefined, { name: 'zk' })
      const done = await run(undefined, { name: 'zk', image: 'zookeeper:3.8', ...PLAN })
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(
        done.annotations
          .filter(({ kind }) => kind === 'warning')
          .map(({ message }) => message)
          .join('\n'),
      ).toContain('goes back from 3.9 to 3.8')
    }))

  test('what kubectl apply made and the manifest no longer has would go, and members roll for it', () =>
    withBundle({}, async ({ cluster, run }) => {
      const more = tutorial(QUICK, [
        '      - name: kubernetes-zookeeper\n',
        '      - name: kubernetes-zookeeper\n        env:\n        - name: LEFT_OUT\n          value: "1"\n',
      ])
      // The simulated kubectl would own the address that the server gives zk-cs, as the real one
      // does not.
      for (const object of objectsIn(more).filter(
        (one) => text(one, 'metadata', 'name') !== 'zk-cs',
      ))
        cluster.somebody.apply({
          ...object,
          metadata: { ...fields(object['metadata']), namespace: 'default' },
        })
      await run(undefined, { operation: 'status', name: 'zk', wait: 'true' })
      const from = cluster.requests.length
      const done = await run(tutorial(QUICK), PLAN)
      expect(done.outputs).toMatchObject({ result: 'planned', impact: 'roll' })
      expect(comment(done)).toMatch(/^-.*LEFT_OUT/m)
      expect(comment(done)).not.toMatch(/service.zk-hs: /)
      expect(changing(cluster, from)).toEqual([])
      expectFew(cluster, from)
      // And the deploy holds the members back: at the controller's own pace nobody would wait for
      // the quorum.
      await run(tutorial(QUICK), {}, { killAt: /statefulset\/zk configured/ })
      expect(
        number(cluster.objects.get('StatefulSet', 'default', 'zk'), [
          'spec',
          'updateStrategy',
          'rollingUpdate',
          'partition',
        ]),
      ).toBe(3)
    }))
})

describe('what a deploy would refuse is refused with its code', () => {
  const cases: readonly (readonly [
    string,
    string,
    (cluster: SimulatedCluster) => void,
    string,
    Readonly<Record<string, string>>,
  ])[] = [
    [
      'an immutable field',
      'IMMUTABLE_FIELD',
      () => undefined,
      tutorial(QUICK, ['storage: 10Gi', 'storage: 20Gi']),
      {},
    ],
    [
      'a member less',
      'MEMBERSHIP_CHANGE',
      () => undefined,
      tutorial(QUICK, ['replicas: 3', 'replicas: 1'], ['--servers=3', '--servers=1']),
      {},
    ],
    [
      'a field of somebody else',
      'CONFLICT',
      (cluster) =>
        cluster.somebody.setImage('default', 'zk', 'registry.k8s.io/kubernetes-zookeeper:mine'),
      tutorial(QUICK),
      {},
    ],
    [
      'a namespace that is not there',
      'NOT_FOUND',
      () => undefined,
      tutorial(QUICK),
      { namespace: 'nowhere' },
    ],
    [
      'what the lint finds',
      'LINT_FAILED',
      () => undefined,
      tutorial(QUICK, ['--servers=3', '--servers=5']),
      {},
    ],
    ['an input', 'INPUT_INVALID', () => undefined, tutorial(QUICK), { storage: '1Gi' }],
  ]
  test.each(cases)('%s: %s', (_what, code, before, manifest, inputs) =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      before(cluster)
      const from = cluster.requests.length
      const done = await run(manifest, { ...PLAN, ...inputs })
      expect(verdict(done)).toEqual({ result: 'refused', code, exitCode: 1 })
      expect(done.annotations.filter(({ kind }) => kind === 'error').length).toBe(1)
      expect(changing(cluster, from)).toEqual([])
    }),
  )

  test('a field of somebody else that is taken over by force is named with its owner', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      cluster.somebody.setImage('default', 'zk', 'registry.k8s.io/kubernetes-zookeeper:mine')
      const done = await run(tutorial(QUICK), { ...PLAN, 'force-conflicts': 'true' })
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(comment(done)).toMatch(/kubectl set.*would lose .*image/)
    }))

  test('the line of a field that cannot be changed', () =>
    withBundle({}, async ({ run }) => {
      await run(tutorial(QUICK))
      const manifest = tutorial(QUICK, ['storage: 10Gi', 'storage: 20Gi'])
      const done = await run(manifest, PLAN)
      const [error] = done.annotations.filter(({ kind }) => kind === 'error')
      expect(manifest.split('\n')[(error?.line ?? 0) - 1]).toContain('storage: 20Gi')
    }))
})

describe('with less than a deploy has', () => {
  test('without a cluster: rendered and linted, said so, and green', () =>
    withBundle({}, async ({ cluster, run }) => {
      const done = await run(tutorial(QUICK), PLAN, { env: { KUBECONFIG: '' } })
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ impact: '', changes: '{}', name: 'zk' })
      expect(comment(done)).toContain('rendered and linted, and nothing else')
      expect(comment(done)).toContain('serviceName: zk-hs')
      expect(cluster.requests).toEqual([])
    }))

  test('without a cluster the lint still refuses', () =>
    withBundle({}, async ({ run }) => {
      expect(
        verdict(
          await run(tutorial(QUICK, ['--servers=3', '--servers=5']), PLAN, {
            env: { KUBECONFIG: '' },
          }),
        ),
      ).toMatchObject({ result: 'refused', code: 'LINT_FAILED' })
    }))

  test('a kubeconfig that is given and does not work is a failure', () =>
    withBundle({}, async ({ run }) => {
      expect(
        verdict(
          await run(
            tutorial(QUICK),
            { ...PLAN, kubeconfig: 'nowhere.yaml' },
            { env: { KUBECONFIG: '' } },
          ),
        ),
      ).toMatchObject({ result: 'refused', code: 'INPUT_INVALID', exitCode: 1 })
      expect(
        verdict(await run(tutorial(QUICK), PLAN, { env: { KUBECONFIG: '/nowhere/kubeconfig' } })),
      ).toMatchObject({ result: 'refused', code: 'CLUSTER_UNREACHABLE', exitCode: 1 })
    }))

  test('who may only read: compared with what stands there, and said so', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      for (const verb of ['create', 'patch', 'update', 'delete']) cluster.faults.forbid(verb, '*')
      const from = cluster.requests.length
      const done = await run(
        tutorial(QUICK, ['--snap_retain_count=3', '--snap_retain_count=4']),
        PLAN,
      )
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(done.outputs['impact']).toBe('roll')
      expect(changesOf(done)).toMatchObject({
        'service/zk-hs': 'unchanged',
        'statefulset/zk': 'configured',
      })
      expect(comment(done)).toContain('Not tried, since this run may not patch them')
      expect(cluster.requests.slice(from).filter(({ dryRun }) => dryRun)).toEqual([])
      // As a dry run of the deploy it has to have what the deploy has.
      expect(verdict(await run(tutorial(QUICK), { 'dry-run': 'true' }))).toMatchObject({
        result: 'refused',
        code: 'ACCESS_DENIED',
      })
    }))

  test('who may not read', () =>
    withBundle({}, async ({ cluster, run }) => {
      cluster.faults.forbid('get', 'statefulsets')
      expect(verdict(await run(tutorial(QUICK), PLAN))).toMatchObject({
        result: 'refused',
        code: 'ACCESS_DENIED',
      })
    }))

  test('a namespace that a deploy would make', () =>
    withBundle({}, async ({ cluster, run }) => {
      const done = await run(tutorial(QUICK), {
        ...PLAN,
        namespace: 'preview-7',
        'create-namespace': 'true',
      })
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(changesOf(done)).toMatchObject({
        'namespace/preview-7': 'created',
        'statefulset/zk': 'created',
      })
      expect(comment(done)).toContain('no object could be tried')
      expect(changing(cluster, 0)).toEqual([])
    }))

  test('a lock that another run holds does not stop it', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      const lease = cluster.objects.get('Lease', 'default', 'zk-ensemble-zk')
      cluster.objects.put('Lease', {
        ...lease,
        spec: {
          ...fields(lease?.['spec']),
          holderIdentity: 'example/shop/77/1/x',
          renewTime: new Date().toISOString().replace('Z', '000Z'),
        },
      })
      const done = await run(tutorial(QUICK), PLAN)
      expect(verdict(done)).toEqual({ result: 'planned', code: '', exitCode: 0 })
      expect(
        done.annotations
          .filter(({ kind }) => kind === 'notice')
          .map(({ message }) => message)
          .join('\n'),
      ).toContain('holds the lock of zk now')
    }))
})

describe('the comment', () => {
  const secret = (password: string): string =>
    `apiVersion: v1\nkind: Secret\nmetadata:\n  name: creds\nstringData:\n  password: ${password}\n`
  const withEnv = (value: string): string =>
    `${tutorial(QUICK, ['      - name: kubernetes-zookeeper\n', `      - name: kubernetes-zookeeper\n        env:\n        - name: ADMIN_PASSWORD\n          value: ${value}\n        - name: JVMFLAGS\n          value: "-Xmx1G -Dzookeeper.ssl.keyStore.password=inner-${value}"\n`])}---\n${secret(`of-${value}`)}`

  test('shows that a secret changes, and never what it is', () =>
    withBundle({}, async ({ run }) => {
      await run(withEnv('before-canary'))
      const done = await run(withEnv('after-canary'), PLAN)
      expect(changesOf(done)).toMatchObject({
        'secret/creds': 'configured',
        'statefulset/zk': 'configured',
      })
      const shown = [
        comment(done),
        done.summary,
        readFileSync(done.outputs['report'] ?? '', 'utf8'),
        JSON.stringify(done.outputs),
        done.lines.filter((line) => !line.startsWith('::add-mask::')).join('\n'),
      ].join('\n')
      for (const word of [
        'before-canary',
        'after-canary',
        Buffer.from('of-before-canary').toString('base64'),
        Buffer.from('of-after-canary').toString('base64'),
      ])
        expect(shown).not.toContain(word)
      expect(comment(done)).toMatch(/^-.*\*\*\* \(before\)/m)
      expect(comment(done)).toMatch(/^\+.*\*\*\* \(after\)/m)
      expect(comment(done)).toContain('-Xmx1G -Dzookeeper.ssl.keyStore.password=***')
    }))

  test('is bounded, whatever changes', () =>
    withBundle({}, async ({ run }) => {
      const maps = Array.from(
        { length: 30 },
        (_, index) =>
          `---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: big-${index}\ndata:\n  text: |\n${Array.from({ length: 390 }, (_line, line) => `    ${'@octocat ```'.repeat(20)} ${index} ${line}`).join('\n')}\n`,
      ).join('')
      const done = await run(`${tutorial(QUICK)}${maps}`, PLAN)
      expect(verdict(done)).toMatchObject({ result: 'planned' })
      expect(Buffer.byteLength(comment(done))).toBeLessThanOrEqual(60_000)
      expect(comment(done)).toContain('A first install')
    }))

  test('every operation has one', () =>
    withBundle({}, async ({ run }) => {
      expect(comment(await run(tutorial(QUICK)))).toContain(': succeeded')
      expect(comment(await run(undefined, { operation: 'status', name: 'zk' }))).toContain(
        'status of zk',
      )
    }))
})
