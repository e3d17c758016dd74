// plan beside `kubectl diff`, on a server that knows defaults, owners and three-way merges: who
// reads a plan before a merge must see the same objects and fields.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { z } from 'zod'
import { act, requestsOf, verdict, type Ran } from '../action.ts'
import { example, kubectl, kubectlApply, run } from '../cluster.ts'

jest.setTimeout(600_000)

const tutorial = example('zookeeper-tutorial.yaml')
  .replace('cpu: "0.5"', 'cpu: "0.1"')
  .replace('memory: "1Gi"', 'memory: 128Mi')
  .replace('--heap=512M', '--heap=64M')
  .replace('storage: 10Gi', 'storage: 1Gi')
const namespace = `e2e-plan-${Math.random().toString(36).slice(2, 8)}`
const diffs = z.object({
  diffs: z.array(z.object({ object: z.string(), lines: z.array(z.string()) })),
})

beforeAll(async () => {
  await kubectl('create', 'namespace', namespace)
  await kubectlApply(namespace, tutorial)
  await kubectl('rollout', 'status', 'statefulset/zk', '-n', namespace, '--timeout=5m')
})
afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, '--wait=false')
})

/** The manifest with one text for another. */
function changed(from: string, to: string): string {
  if (!tutorial.includes(from)) throw new Error(`the manifest has no ${from}`)
  return tutorial.replace(from, to)
}

const CHANGES: readonly (readonly [string, string])[] = [
  ['another flag of the server', changed('--snap_retain_count=3', '--snap_retain_count=4')],
  ['another image', changed('1.0-3.4.10', '1.0-3.4.11')],
  ['a request', changed('memory: 128Mi', 'memory: 192Mi')],
  [
    'a variable',
    changed(
      '      - name: kubernetes-zookeeper\n',
      '      - name: kubernetes-zookeeper\n        env:\n        - name: EXTRA\n          value: x\n',
    ),
  ],
  [
    'a field of the probes left out',
    tutorial.replaceAll('          initialDelaySeconds: 10\n', ''),
  ],
  ['the affinity left out', tutorial.replace(/ {6}affinity:\n(?: {8}.*\n)+/, '')],
  [
    'a label of the set',
    changed(
      'kind: StatefulSet\nmetadata:\n  name: zk\n',
      'kind: StatefulSet\nmetadata:\n  name: zk\n  labels:\n    team: data\n',
    ),
  ],
  [
    'an annotation of the template',
    changed(
      '    metadata:\n      labels:\n        app: zk\n',
      '    metadata:\n      annotations:\n        note: "1"\n      labels:\n        app: zk\n',
    ),
  ],
  ['another field of the budget', changed('maxUnavailable: 1', 'minAvailable: 2')],
  [
    'a port of a service, and an object more',
    `${changed('  - port: 2181\n    name: client\n', '  - port: 2181\n    name: client\n  - port: 8080\n    name: admin\n')}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\ndata:\n  a: b\n`,
  ],
]

/** Changed lines of each object, without indentation and quotes, in which two printers differ. */
type Changes = ReadonlyMap<string, readonly string[]>

function plain(lines: readonly string[]): readonly string[] {
  return (
    lines
      .filter((line) => /^[-+]/.test(line))
      .map(
        (line) =>
          `${line.slice(0, 1)}${line
            .slice(1)
            .replaceAll(/["']/g, '')
            .replace(/^[\s-]+/, '')
            .trim()}`,
      )
      // The server counts; and kubectl diff shows the copy that it would keep.
      .filter(
        (line) =>
          !/^[-+](?:generation:|resourceVersion:|uid:|creationTimestamp:|kubectl\.kubernetes\.io\/last-applied|\{.*apiVersion|annotations:( \{\})?$|env:|$)/.test(
            line,
          ),
      )
      .toSorted()
  )
}

async function byKubectl(manifest: string): Promise<Changes> {
  const { stdout, exitCode, stderr } = await run('kubectl', ['diff', '-n', namespace, '-f', '-'], {
    input: manifest,
  })
  if (exitCode > 1) throw new Error(stderr)
  const parts = stdout.split(/^diff .*$/m).slice(1)
  const names = [...stdout.matchAll(/^diff .*\/[\w.]*\.(\w+)\.[\w-]+\.([\w-]+)$/gm)].map(
    ([, kind = '', name = '']) => `${kind.toLowerCase()}/${name}`,
  )
  return told(
    parts.map((part, index) => [
      names[index] ?? '',
      plain(part.split('\n').filter((line) => !/^(?:---|\+\+\+) /.test(line))),
    ]),
  )
}

function byPlan(ran: Ran): Changes {
  const report = diffs.parse(JSON.parse(readFileSync(ran.outputs['report'] ?? '', 'utf8')))
  return told(report.diffs.map(({ object, lines }) => [object, plain(lines)]))
}

function told(entries: readonly (readonly [string, readonly string[]])[]): Changes {
  return new Map(
    entries.filter(([, lines]) => lines.length > 0).toSorted(([a], [b]) => a.localeCompare(b)),
  )
}

/** kubectl breaks long lines: each of ours that has one of theirs in it stands for it. */
function shortened(ours: readonly string[], theirs: readonly string[]): readonly string[] {
  return ours
    .map(
      (line) =>
        theirs.find(
          (other) =>
            line.startsWith(other.slice(0, 1)) &&
            line.length > 100 &&
            line.includes(other.slice(1)),
        ) ?? line,
    )
    .toSorted()
}

describe('beside kubectl diff', () => {
  test.each(CHANGES)('%s: the same objects and fields', async (_what, manifest) => {
    const before = await kubectl(
      'get',
      'sts,svc,pdb',
      '-n',
      namespace,
      '-o',
      'jsonpath={.items[*].metadata.generation}',
    )
    const ran = await act(
      { operation: 'plan', namespace, manifests: 'ensemble.yaml' },
      { files: { 'ensemble.yaml': manifest } },
    )
    expect(verdict(ran)).toMatch(/^planned /)
    const [ours, theirs] = [byPlan(ran), await byKubectl(manifest)]
    expect([...ours.keys()]).toEqual([...theirs.keys()])
    // Of an object that comes kubectl shows what the server would add as well.
    for (const [object, lines] of ours)
      if (object !== 'configmap/more')
        expect({ object, lines: shortened(lines, theirs.get(object) ?? []) }).toEqual({
          object,
          lines: theirs.get(object),
        })
    // Of an unchanged ensemble 25 and less: a roll reads the volumes and the services as well.
    expect(requestsOf(ran)).toBeLessThanOrEqual(28)
    expect(
      await kubectl(
        'get',
        'sts,svc,pdb',
        '-n',
        namespace,
        '-o',
        'jsonpath={.items[*].metadata.generation}',
      ),
    ).toBe(before)
    expect(await kubectl('get', 'lease,cm', '-n', namespace, '-o', 'name')).toBe(
      'configmap/kube-root-ca.crt',
    )
  })
})
