// What a user of the shipped bundle counts on when nodes are drained: outputs and summary, a
// command that can't command the runner, and nothing left by a run that is cut off.

import { describe, expect, test } from '@jest/globals'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { at, parse, text } from '../support/cluster/json.ts'
import { QUICK, tutorial, verdict, withBundle, type Given } from './given.ts'

const MARK = 'zk-ensemble-action/cordon'
const RECORD = 'zk-ensemble-zk'
/** From the runner's first warning to the end; milliseconds. */
const PROMISED_MS = 10_000

async function withEnsemble(nodes: number, work: (given: Given) => Promise<void>): Promise<void> {
  await withBundle({ nodes }, async (given) => {
    expect(verdict(await given.run(tutorial(QUICK), { verify: 'quick' }))).toEqual({
      result: 'succeeded',
      code: '',
      exitCode: 0,
    })
    await work(given)
  })
}

function nodeOf({ objects }: SimulatedCluster, pod: string): string {
  return text(objects.get('Pod', 'default', pod), 'spec', 'nodeName')
}

function followerOf(cluster: SimulatedCluster): number {
  return (
    [0, 1, 2].find((ordinal) => cluster.zookeeper('default', 'zk').mode(ordinal) === 'follower') ??
    0
  )
}

function holder({ objects }: SimulatedCluster): string {
  return text(objects.get('Lease', 'default', RECORD), 'spec', 'holderIdentity')
}

/** Nodes with a cordon, or with our mark. */
function cordoned({ objects }: SimulatedCluster): readonly string[] {
  return objects
    .list('Node')
    .filter(
      (node) =>
        at(node, 'spec', 'unschedulable') === true ||
        text(node, 'metadata', 'annotations', MARK) !== '',
    )
    .map((node) => text(node, 'metadata', 'name'))
}

function maintenance({ objects }: SimulatedCluster): unknown {
  return (
    at(
      parse(text(objects.get('ConfigMap', 'default', RECORD), 'data', 'record.json')),
      'maintenance',
    ) ?? null
  )
}

const DRAIN = { operation: 'drain', name: 'zk', verify: 'quick' } as const

test(
  "a node with its command: times in the outputs, the node in the summary, no workflow command from the command's output and none of the runner's files in its environment",
  () =>
    withEnsemble(3, async ({ cluster, run }) => {
      const pod = `zk-${followerOf(cluster)}`
      const node = nodeOf(cluster, pod)
      const script =
        'echo "::set-output name=changed::stolen"\necho "on $NODE_NAME, $(env | grep -c -E "^(INPUT_|STATE_|GITHUB_OUTPUT=|GITHUB_STATE=|GITHUB_TOKEN=)" || true) withheld ones seen"\necho "::error::not an annotation"'
      const done = await run(undefined, { ...DRAIN, members: pod, 'maintenance-command': script })
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.lines).toContain(`on ${node}, 0 withheld ones seen`)
      expect(done.annotations.filter(({ kind }) => kind === 'error')).toEqual([])
      expect(done.outputs).toMatchObject({
        changed: 'true',
        'drained-nodes': node,
        'remaining-nodes': '',
        'acknowledged-writes-lost': '0',
        'ready-replicas': '3',
      })
      const times = parse(done.outputs['node-times'] ?? '{}')
      for (const phase of [
        'gates',
        'cordon',
        'evict',
        'maintenance',
        'uncordon',
        'rejoin',
        'total',
      ])
        expect(typeof at(times, node, phase)).toBe('number')
      expect(done.summary).toContain(node)
      expect(done.stderr).toBe('')
      expect(cordoned(cluster)).toEqual([])
      expect(maintenance(cluster)).toBeNull()
      expect(holder(cluster)).toBe('')
    }),
  120_000,
)

test(
  'a token that the credential plugin renews while the command runs is masked: the runner listens to that, though it does not listen to the command',
  () =>
    withEnsemble(3, async ({ cluster, job, run }) => {
      const [token, seen, plugin] = ['token', 'seen', 'plugin'].map((name) => join(job.temp, name))
      if (token === undefined || seen === undefined || plugin === undefined)
        throw new Error('no paths')
      writeFileSync(token, 'simulated-token-first')
      // Ended long ago: the plugin is asked each time.
      writeFileSync(
        plugin,
        `printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"2020-01-01T00:00:00Z"}}' "$(cat ${token})"\n`,
      )
      const kubeconfig = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'simulated',
        clusters: [
          { name: 'simulated', cluster: { server: cluster.url, 'insecure-skip-tls-verify': true } },
        ],
        users: [
          {
            name: 'deployer',
            user: {
              exec: {
                apiVersion: 'client.authentication.k8s.io/v1',
                command: 'bash',
                args: [plugin],
                interactiveMode: 'Never',
              },
            },
          },
        ],
        contexts: [
          {
            name: 'simulated',
            context: { cluster: 'simulated', user: 'deployer', namespace: 'default' },
          },
        ],
      })
      const onLine = (line: string): void => {
        if (line === 'at it') {
          writeFileSync(token, 'simulated-token-renewed')
          cluster.faults.dropWatches()
        } else if (line.includes('simulated-token-renewed')) writeFileSync(seen, '')
      }
      const script = `echo at it\nfor _ in $(seq 600); do [ ! -e ${seen} ] || break; sleep 0.05; done\necho "::error::not an annotation"`
      const done = await run(
        undefined,
        { ...DRAIN, members: `zk-${followerOf(cluster)}`, 'maintenance-command': script },
        { kubeconfig, onLine },
      )
      expect(verdict(done)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
      expect(done.masks).toContain('simulated-token-renewed')
      expect(done.lines.filter((line) => line.includes('simulated-token')).length).toBe(
        done.masks.filter((mask) => mask.includes('simulated-token')).length,
      )
      expect(done.annotations.filter(({ kind }) => kind === 'error')).toEqual([])
    }),
  120_000,
)

test(
  'refused: what does not fit is told with its reason, one annotation, and no node is touched',
  () =>
    withEnsemble(3, async ({ cluster, run }) => {
      const pod = `zk-${followerOf(cluster)}`
      const refused = await run(undefined, { ...DRAIN, members: pod })
      expect(verdict(refused)).toEqual({ result: 'refused', code: 'DRAIN_REFUSED', exitCode: 1 })
      expect(refused.outputs['message']).toMatch(
        /only its own node takes it, once that is uncordoned: node-/,
      )
      expect(refused.outputs).toMatchObject({
        changed: 'false',
        'drained-nodes': '',
        'remaining-nodes': nodeOf(cluster, pod),
      })
      expect(refused.annotations.filter(({ kind }) => kind === 'error')).toHaveLength(1)
      expect(cordoned(cluster)).toEqual([])
    }),
  120_000,
)

describe('a run that is cut off', () => {
  test.each([
    ['when the node is cordoned', /: cordoned$/],
    ['while the command runs', /^still at it$/],
  ])(
    'by a cancel %s: command and cordon are ended at once',
    (_, cancelAt) =>
      withEnsemble(3, async ({ cluster, run }) => {
        const pod = `zk-${followerOf(cluster)}`
        const cancelled = await run(
          undefined,
          { ...DRAIN, members: pod, 'maintenance-command': 'echo still at it\nsleep 300' },
          { cancelAt },
        )
        expect(verdict(cancelled)).toEqual({ result: 'cancelled', code: 'CANCELLED', exitCode: 1 })
        expect(cancelled.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
        expect(cancelled.outputs['remaining-nodes']).not.toBe('')
        expect(cordoned(cluster)).toEqual([])
        expect(holder(cluster)).toBe('')
      }),
    120_000,
  )

  test(
    'by a kill while the command runs: the post step uncordons the node, and the next run drains it',
    () =>
      withEnsemble(3, async ({ cluster, run }) => {
        const pod = `zk-${followerOf(cluster)}`
        const node = nodeOf(cluster, pod)
        const killed = await run(
          undefined,
          { ...DRAIN, members: pod, 'maintenance-command': 'echo at it\nsleep 5' },
          { killAt: /^at it$/ },
        )
        expect(killed.signal).toBe('SIGKILL')
        expect(cordoned(cluster)).toEqual([node])
        expect(killed.outputs).toMatchObject({ changed: 'true', 'remaining-nodes': node })
        const post = await killed.post()
        expect(post.exitCode).toBe(0)
        expect(post.lines.join('\n')).toContain(
          `Node ${node} was left cordoned by a killed step and was uncordoned.`,
        )
        expect(cordoned(cluster)).toEqual([])
        expect(maintenance(cluster)).toBeNull()
        const next = await run(undefined, { ...DRAIN, members: pod, 'maintenance-command': 'true' })
        expect(verdict(next)).toEqual({ result: 'succeeded', code: '', exitCode: 0 })
        expect(cordoned(cluster)).toEqual([])
      }),
    120_000,
  )
})
