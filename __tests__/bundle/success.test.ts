// The shipped bundle does its main job: deploys, checks, does nothing the second time, and tells it
// everywhere a person or a later step looks.
//
// Long: members are waited for by the real clock.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { text } from '../support/cluster/json.ts'
import { QUICK, example, tutorial, verdict, withBundle, writes } from './given.ts'

describe('deploy', () => {
  test.concurrent("the tutorial's manifest: three members in quorum, every write read through every other", () =>
    withBundle({}, async ({ cluster, run }) => {
      const first = await run(tutorial(), { namespace: 'shop', 'create-namespace': 'true' })
      expect(verdict(first)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(first.outputs).toMatchObject({
        name: 'zk',
        namespace: 'shop',
        profile: 'zookeeper',
        version: '3.4.10',
        replicas: '3',
        'ready-replicas': '3',
        pairs: '6/6',
        changed: 'true',
      })
      expect(JSON.parse(first.outputs['changes'] ?? '')).toMatchObject({
        'statefulset/zk': 'created',
        'service/zk-hs': 'created',
        'poddisruptionbudget/zk-pdb': 'created',
      })
      expect(first.outputs['leader']).toMatch(/^zk-[012]$/)
      expect(first.annotations.filter((annotation) => annotation.kind === 'error')).toEqual([])
      expect(first.summary).toContain('| zk-0 |')
      expect(first.stderr).toBe('')
      expect(JSON.parse(readFileSync(first.outputs['report'] ?? '', 'utf8'))).toMatchObject({
        result: 'succeeded',
      })
      // What the check wrote is gone again, but for the node that all runs share.
      expect(cluster.zookeeper('shop', 'zk').paths(0)).toEqual(['/zk-ensemble-action'])
    }))

  test.concurrent('again and unchanged: verified, and nothing written but the lock', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      const before = writes(cluster).length
      const versions = (): string[] =>
        cluster.objects
          .list('StatefulSet')
          .concat(cluster.objects.list('Service'))
          .map((object) => text(object, 'metadata', 'resourceVersion'))
      const stood = versions()
      const again = await run(tutorial(QUICK))
      expect(verdict(again)).toEqual({ result: 'unchanged', code: '', exitCode: 0 })
      expect(again.outputs).toMatchObject({ changed: 'false', pairs: '6/6' })
      expect(writes(cluster).slice(before)).toEqual([])
      expect(versions()).toEqual(stood)
    }))

  test.concurrent('the lock is released', () =>
    withBundle({}, async ({ cluster, run }) => {
      const done = await run(tutorial(QUICK))
      expect(
        text(cluster.objects.get('Lease', 'default', 'zk-ensemble-zk'), 'spec', 'holderIdentity'),
      ).toBe('')
      const post = await done.post()
      expect({
        exitCode: post.exitCode,
        lines: post.lines.filter((line) => !line.startsWith('::add-mask::')),
        stderr: post.stderr,
      }).toEqual({ exitCode: 0, lines: [], stderr: '' })
    }))

  test.concurrent('the built-in ensemble from inputs alone', () =>
    withBundle({}, async ({ run }) => {
      const done = await run(undefined, { name: 'zk', replicas: '3' })
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ version: '3.9.5', pairs: '6/6' })
    }))

  test.concurrent('the older style with its settings in a ConfigMap', () =>
    withBundle({}, async ({ run }) => {
      const done = await run(example('zookeeper-configmap.yaml'), {})
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ version: '3.4.10', pairs: '6/6' })
    }))

  test.concurrent('five members', () =>
    withBundle({ nodes: 5 }, async ({ run }) => {
      const done = await run(example('zookeeper-five.yaml'), {})
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs).toMatchObject({ pairs: '20/20', 'ready-replicas': '5' })
    }))

  test.concurrent('a changed template rolls every member, and what was written before is there afterwards', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      cluster.zookeeper('default', 'zk').put('/orders', 'paid')
      const done = await run(tutorial(QUICK, ['--snap_retain_count=3', '--snap_retain_count=4']))
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs['revision']).not.toBe(done.outputs['previous-revision'])
      expect(done.outputs['previous-revision']).not.toBe('')
      for (const ordinal of [0, 1, 2])
        expect(cluster.zookeeper('default', 'zk').paths(ordinal)).toContain('/orders')
    }))

  test.concurrent('requests of a first deploy stay within what was promised, and do not grow with its time', async () => {
    const count = async (speed: number): Promise<number> => {
      let asked = 0
      await withBundle({ speed }, async ({ cluster, run }) => {
        await run(tutorial(QUICK))
        asked = cluster.requests.filter(
          (request) =>
            !['watch', 'exec', 'portforward'].includes(request.verb) && request.kind !== 'Lease',
        ).length
      })
      return asked
    }
    const [quick, slow] = [await count(100), await count(8)]
    expect(quick).toBeLessThanOrEqual(40)
    expect(slow - quick).toBeLessThanOrEqual(2)
  })
})

describe('verify', () => {
  test.concurrent.each(['quick', 'full', 'thorough'])(
    '%s: says what a healthy ensemble is, and changes nothing in the cluster',
    (level) =>
      withBundle({}, async ({ cluster, run }) => {
        await run(tutorial(QUICK))
        const before = writes(cluster).length
        const done = await run(undefined, { operation: 'verify', verify: level, name: 'zk' })
        expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
        expect(done.outputs).toMatchObject({
          name: 'zk',
          changed: 'false',
          'ready-replicas': '3',
          version: '3.4.10',
        })
        expect(writes(cluster).slice(before)).toEqual([])
      }),
  )

  test.concurrent('names each member as it calls itself, with the user of its server and the owner of its data', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK), { namespace: 'shop', 'create-namespace': 'true' })
      const verify = { operation: 'verify', name: 'zk', namespace: 'shop' }
      const done = await run(undefined, verify)
      const name = 'zk-1.zk-hs.shop.svc.cluster.local'
      expect(done.lines).toContain(
        `zk-1: id 2, name ${name}, listed as server.2=${name}:2888:3888; runs as user 1000, data drwxr-sr-x 1000:1000`,
      )
      expect(done.summary).toContain(
        `| zk-1 | 2 | ${name} | server.2=${name}:2888:3888 | 1000 | drwxr-sr-x 1000:1000 |`,
      )
      cluster.faults.forbid('*', 'pods/exec')
      const outside = await run(undefined, { ...verify, verify: 'quick' })
      expect(verdict(outside)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(outside.lines.join('\n')).not.toContain('runs as user')
    }))

  test.concurrent('thorough: the last log lines of members that are well, where logs may be read', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      const verify = { operation: 'verify', name: 'zk', verify: 'thorough' }
      const done = await run(undefined, verify)
      expect(done.summary).toContain('<summary>Last log lines of 3 members</summary>')
      expect(done.summary).toContain('My election bind port')
      // Made seconds before: whether it counts as new is the machine's speed.
      expect(done.lines.join('\n')).toMatch(
        /data: passed – .*; \/zk-ensemble-action(?: is new|, made .* UTC, is read back)/,
      )
      cluster.faults.forbid('*', 'pods/log')
      const without = await run(undefined, verify)
      expect(verdict(without)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(without.summary).not.toContain('Last log lines')
      expect(without.summary).toContain('log lines were not looked at')
    }))

  test.concurrent('by exec, where port-forward is not allowed', () =>
    withBundle({}, async ({ cluster, run }) => {
      await run(tutorial(QUICK))
      cluster.faults.forbid('*', 'pods/portforward')
      const from = cluster.requests.length
      const done = await run(undefined, { operation: 'verify', name: 'zk' })
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.outputs['pairs']).toBe('6/6')
      expect(
        cluster.requests.slice(from).filter((request) => request.verb === 'portforward'),
      ).toEqual([])
    }))
})
