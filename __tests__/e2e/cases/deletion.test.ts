// A member that was evicted and doesn't: its preStop hook and a kubelet that is gone are told
// apart, each with a way out that works. A finalizer: see claims.test.ts.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict } from '../action.ts'
import { everything, inNamespace, kubectl, lab, read, root, switchLab } from '../cluster.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined
const onLab = lab === undefined ? () => undefined : all
/** Nodes that members may run on, one of which loses its network; all where nothing is said. */
const nodes = (process.env['E2E_NODES'] ?? '').split(',').filter((name) => name !== '')

const manifest = readFileSync(
  join(root, '__tests__', 'cases', 'claims-being-deleted', 'manifest.yaml'),
  'utf8',
)

function changed(from: string, to: string, text = manifest): string {
  expect(text.split(from)).toHaveLength(2)
  return text.replace(from, to)
}

async function deployed(namespace: string, text: string): Promise<void> {
  expect(
    verdict(
      await act({ manifests: 'zk.yaml', namespace, timeout: '5m' }, { files: { 'zk.yaml': text } }),
    ),
  ).toMatch(/^succeeded /)
}

describe('e2e: cases of deletion', () => {
  all(
    'a preStop hook that sleeps is waited for as long as the run may take, then it is the cause, with the time that is left; the member that waits for it is the only one that goes',
    async () => {
      await inNamespace('prestop', async (namespace) => {
        const slow = changed(
          'terminationGracePeriodSeconds: 20',
          'terminationGracePeriodSeconds: 900',
          changed(
            '          ports:\n',
            '          lifecycle: {preStop: {exec: {command: [sleep, "600"]}}}\n          ports:\n',
          ),
        )
        await deployed(namespace, slow)
        // Its grace period is no standstill (member-timeout); of a restart `timeout` is a member's.
        const ran = await act({
          operation: 'restart',
          namespace,
          timeout: '40s',
          'member-timeout': '30s',
        })
        expect(verdict(ran)).toMatch(/^failed NOT_READY /)
        const [finding] = ran.report.findings
        expect(finding?.message).toMatch(
          /is being deleted and not gone: its preStop hook \(container zookeeper\), or its server after it, has not ended yet: 1[0-9]m\S* of its grace period are left/,
        )
        expect(finding?.['fix']).toContain('it is ended when its grace period is over')
        const going = (
          await read(namespace, 'pods', '{.items[?(@.metadata.deletionTimestamp)].metadata.name}')
        ).split(' ')
        expect(going).toHaveLength(1)
        // Shorter than its grace period it goes by force alone, which is somebody's own decision on
        // a node that answers.
        await kubectl(
          '-n',
          namespace,
          'delete',
          'pod',
          going[0] ?? '',
          '--grace-period=1',
          '--wait=true',
        )
        await kubectl(
          '-n',
          namespace,
          'delete',
          'pods',
          '--all',
          '--grace-period=1',
          '--wait=false',
        )
      })
    },
  )

  onLab(
    'a node whose kubelet is gone is the cause, not the pod; once it is back the restart continues',
    async () => {
      await inNamespace('kubelet', async (namespace) => {
        const pinned =
          nodes.length === 0
            ? manifest
            : changed(
                '      affinity:\n',
                `      affinity:\n        nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [${nodes.join(', ')}]}]}]}}\n`,
              )
        await deployed(namespace, pinned)
        const last = nodes.at(-1)
        const placed = (
          await read(namespace, 'pods', '{range .items[*]}{.metadata.name}={.spec.nodeName} {end}')
        )
          .trim()
          .split(' ')
          .map((one) => one.split('='))
        const [pod = '', node = ''] =
          placed.find(([, on]) => last === undefined || on === last) ?? []
        const number = node.replace(/^\D*/, '')
        let off: Promise<void> | undefined
        try {
          const ran = await act(
            { operation: 'restart', namespace, 'member-timeout': '90s' },
            {
              onLine: (line) =>
                void (line.includes(`${pod}: evicted`)
                  ? (off ??= switchLab('isolate', number))
                  : undefined),
            },
          )
          await off
          expect(off).toBeDefined()
          expect(verdict(ran)).toMatch(/^failed NOT_READY /)
          const [finding] = ran.report.findings
          expect(finding?.message).toContain(
            `${pod}: is being deleted and not gone: its node ${node} is not Ready: the kubelet there, which alone can end it, does not answer`,
          )
          expect(finding?.['fix']).toContain(
            `kubectl taint nodes ${node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`,
          )
        } finally {
          await off
          await switchLab('join', number)
        }
        await kubectl('wait', `node/${node}`, '--for=condition=Ready', '--timeout=120s')
        expect(verdict(await act({ operation: 'restart', namespace, timeout: '8m' }))).toMatch(
          /^succeeded /,
        )
      })
    },
  )
})
