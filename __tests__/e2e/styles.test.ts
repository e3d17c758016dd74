// Every style of manifest that users bring, and the built-in ensemble, whose data outlives the
// death of all its pods at once.

import { describe, expect, jest, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { act, verdict } from './action.ts'
import { everything, example, inNamespace, kubectl, read } from './cluster.ts'

jest.setTimeout(600_000)

const small = (manifest: string): string =>
  manifest.replaceAll(/cpu: \S+/g, 'cpu: 100m').replaceAll(/storage: \d+Gi/g, 'storage: 1Gi')
const SMALL = { name: 'zk', cpu: '100m', memory: '256Mi', heap: '64M', storage: '1Gi' }

describe('each style goes from nothing to verified', () => {
  test.concurrent('settings in a ConfigMap: its change rolls nothing, and that is said', async () => {
    await inNamespace('config', async (namespace) => {
      const manifest = small(example('zookeeper-configmap.yaml'))
      const first = await act(
        { manifests: 'zk.yaml', namespace },
        { files: { 'zk.yaml': manifest } },
      )
      expect(verdict(first)).toMatch(/^succeeded /)
      expect(first.outputs).toMatchObject({
        'ready-replicas': '3',
        pairs: '6/6',
        version: '3.4.10',
      })
      expect(JSON.parse(first.outputs['changes'] ?? '')).toEqual({
        'service/zk-headless': 'created',
        'configmap/zk-config': 'created',
        'poddisruptionbudget/zk-budget': 'created',
        'statefulset/zk': 'created',
      })
      expect(
        await read(namespace, 'pdb zk-budget', '{.status.desiredHealthy} {.status.currentHealthy}'),
      ).toBe('2 3')

      const pods = await read(namespace, 'pods -l app=zk', '{.items[*].metadata.uid}')
      const second = await act(
        { manifests: 'zk.yaml', namespace },
        { files: { 'zk.yaml': manifest.replace('tick: "2000"', 'tick: "2500"') } },
      )
      expect(verdict(second)).toMatch(/^succeeded /)
      expect(JSON.parse(second.outputs['changes'] ?? '')).toMatchObject({
        'configmap/zk-config': 'configured',
        'statefulset/zk': 'unchanged',
      })
      expect(second.lines.join('\n')).toContain('no member is replaced')
      expect(await read(namespace, 'pods -l app=zk', '{.items[*].metadata.uid}')).toBe(pods)
    })
  })

  test.concurrent('the built-in ensemble in a namespace of its own keeps its data when all its pods die at once', async () => {
    const namespace = `e2e-preview-${randomBytes(3).toString('hex')}`
    try {
      const made = await act({ ...SMALL, namespace, 'create-namespace': 'true', ttl: '72h' })
      expect(verdict(made)).toMatch(/^succeeded /)
      expect(made.outputs).toMatchObject({
        'ready-replicas': '3',
        pairs: '6/6',
        profile: 'zookeeper',
      })
      expect(
        await read(
          namespace,
          `namespace ${namespace}`,
          '{.metadata.labels.zk-ensemble-action/managed}',
        ),
      ).toBe('true')
      const expires = Date.parse(
        await read(
          namespace,
          `namespace ${namespace}`,
          '{.metadata.annotations.zk-ensemble-action/expires-at}',
        ),
      )
      expect(Math.round((expires - Date.parse(made.report.ended)) / 3_600_000)).toBe(72)

      await kubectl(
        'exec',
        '-n',
        namespace,
        'zk-0',
        '--',
        'zkCli.sh',
        'create',
        '/kept',
        'worth-keeping',
      )
      const before = await read(
        namespace,
        'pods -l app.kubernetes.io/instance=zk',
        '{.items[*].metadata.uid}',
      )
      await kubectl(
        'delete',
        'pods',
        'zk-0',
        'zk-1',
        'zk-2',
        '-n',
        namespace,
        '--grace-period=0',
        '--force',
      )
      await kubectl('rollout', 'status', 'statefulset/zk', '-n', namespace, '--timeout=240s')
      const verified = await act({ operation: 'verify', namespace })
      expect(verdict(verified)).toMatch(/^succeeded /)
      expect(verified.outputs['pairs']).toBe('6/6')
      for (const pod of ['zk-0', 'zk-1', 'zk-2'])
        expect(
          await kubectl('exec', '-n', namespace, pod, '--', 'zkCli.sh', 'get', '/kept'),
        ).toContain('worth-keeping')
      const after = await read(
        namespace,
        'pods -l app.kubernetes.io/instance=zk',
        '{.items[*].metadata.uid}',
      )
      expect(after.split(' ').filter((uid) => before.split(' ').includes(uid))).toEqual([])
    } finally {
      await kubectl('delete', 'namespace', namespace, '--wait=false', '--ignore-not-found')
    }
  })
})

/** Any depth of objects in one List, as `kubectl get -o json` prints it. */
function asList(manifest: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: parseAllDocuments(manifest).map((document) =>
      z.looseObject({ kind: z.string() }).parse(document.toJS()),
    ),
  })
}

// What takes minutes is no part of the core: there it isn't even registered.
const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

describe('with E2E=all', () => {
  all('five members: twenty pairs', async () => {
    await inNamespace('five', async (namespace) => {
      const ran = await act(
        { manifests: 'zk5.yaml', namespace },
        { files: { 'zk5.yaml': small(example('zookeeper-five.yaml')) } },
      )
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(ran.outputs).toMatchObject({ name: 'zk5', 'ready-replicas': '5', pairs: '20/20' })
      expect(JSON.parse(ran.outputs['members'] ?? '')).toHaveLength(5)
    })
  })

  all('a single member, written to and read again in a new session', async () => {
    await inNamespace('one', async (namespace) => {
      const ran = await act({ ...SMALL, namespace, replicas: '1' })
      expect(verdict(ran)).toMatch(/^succeeded /)
      // One member makes no pair: it is read in a session that did not write.
      expect(ran.outputs).toMatchObject({ 'ready-replicas': '1', pairs: '' })
      expect(ran.report.checks).toContainEqual(
        expect.objectContaining({ name: 'data', outcome: 'passed' }),
      )
      expect(ran.report.checks).toContainEqual(
        expect.objectContaining({ name: 'quorum', outcome: 'passed' }),
      )
    })
  })

  all('a directory with a kustomization', async () => {
    await inNamespace('kustom', async (namespace) => {
      const files = {
        'overlay/base.yaml': small(example('zookeeper-configmap.yaml')),
        'overlay/kustomization.yaml':
          'resources: [base.yaml]\ncommonAnnotations: {team: storage}\n',
      }
      const ran = await act({ manifests: 'overlay', namespace }, { files })
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(await read(namespace, 'statefulset zk', '{.metadata.annotations.team}')).toBe(
        'storage',
      )
    })
  })

  all('a List in JSON, as kubectl get -o json gives it', async () => {
    await inNamespace('list', async (namespace) => {
      const ran = await act(
        { manifests: 'zk.json', namespace },
        { files: { 'zk.json': asList(small(example('zookeeper-tutorial.yaml'))) } },
      )
      expect(verdict(ran)).toMatch(/^succeeded /)
      expect(ran.outputs['pairs']).toBe('6/6')
    })
  })
})
