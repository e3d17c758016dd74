// Without these a hostile pod message could forge the summary, and a long one would make the runner
// drop it as a whole.

import { describe, expect, test } from '@jest/globals'
import { byteLength } from '../../../src/report/escape.ts'
import { roleFor } from '../../../src/kube/rules.ts'
import { summaryText } from '../../../src/report/summary.ts'
import {
  crashed,
  deployed,
  drained,
  drainFailed,
  hostile,
  HOSTILE,
  refusedByLint,
} from './samples.ts'

/** Lines of Markdown outside of preformatted blocks. */
function prose(text: string): string[] {
  return text.replace(/<pre>\n[\s\S]*?\n<\/pre>/g, '').split('\n')
}

describe('what stands where', () => {
  test('the verdict is the first line; what happened, how it stands and what next follow before anything else', () => {
    const text = summaryText(crashed())
    expect(text.split('\n')[0]).toBe('## ❌ deploy of zk in shop: failed (CRASH_LOOP)')
    const order = [
      '| **What happened** | container zookeeper of zk-1',
      '| **Now** | ❌ Clients can&#39;t read or write: 1 of 3 members serves; the quorum needs 2<br>',
      '| **Next** | Read the last log lines',
      'kubectl -n shop logs zk-1',
      '| Member | Role | Node | Revision | Ready since (UTC) | Trouble |',
      '<details><summary>Evidence: pod/zk-1, container zookeeper: CrashLoopBackOff, exit code 1, 4 restarts; 2 events, 1 log line</summary>',
    ]
    const places = order.map((part) => text.indexOf(part))
    expect(places).not.toContain(-1)
    expect(places).toEqual([...places].sort((a, b) => a - b))
  })

  test('the commands name the pod, the container and the namespace', () => {
    expect(summaryText(crashed())).toContain(
      '<pre>\nkubectl -n shop logs zk-1 -c zookeeper --tail=100 --previous\nkubectl -n shop describe pod zk-1\n</pre>',
    )
  })

  test('logs are folded, without the lines that probes leave', () => {
    const text = summaryText(crashed())
    expect(text).toContain(
      'Last log line of zookeeper before its restart (1 line of probes left out):\n\n<pre>\njava.io.IOException: No space left on device\n</pre>\n\n</details>',
    )
    expect(text).not.toContain('ruok')
  })

  test('a success shows every member and every pair', () => {
    const text = summaryText(deployed())
    expect(text).toContain('## ✅ deploy of zk in shop: succeeded\n')
    expect(text).toContain('| **What happened** | 1 configured; took 42.1s. |')
    expect(text).toContain('| zk-1 | **leader** | node-1 | 6d5f | 12:00:25 | – |')
    expect(text).toContain('<details><summary>✅ 6/6 write-then-read pairs</summary>')
    expect(text).toContain('| zk-0 | – | ok, 4ms | ok, 4ms |')
    expect(text).not.toContain('Requests to the API server')
  })

  test('a drain shows what became of each node, where its time went, and every pod that it looked at', () => {
    const text = summaryText(drained())
    expect(text.split('\n')[0]).toBe('## ✅ drain of zk in shop: succeeded')
    expect(text).toContain(
      '| **What happened** | 3 of 3 nodes drained: node-0 (33.6s), node-1 (33.6s), node-2 (33.6s) |',
    )
    expect(text).toContain(
      '<details><summary>3 of 3 nodes drained</summary>\n\n| Node | Outcome | Placement | Members | Cordon | Seconds | Note |',
    )
    expect(text).toContain(
      '| node-1 | drained | elsewhere | zk-1 | – | gates 0.25, cordon 0.05, evict 3.1, wait 30.2, total 33.6 | – |',
    )
    expect(text).toContain(
      '<details><summary>node-2: 1 evicted, 1 skipped</summary>\n\n<pre>\nevicted shop/zk-2 (serves on node-3 after 30.2s)\nskipped kube-system/proxy (DaemonSet)\n</pre>',
    )
  })

  test('a refused drain shows by name what each node has against each pod; of a large cluster the first nodes of each reason', () => {
    const row = {
      pod: 'shop/zk-0',
      node: 'node-1',
      member: true,
      reasons: [
        { reason: "didn't match pod anti-affinity rules", nodes: 2, names: ['node-2', 'node-3'] },
        { reason: 'will be cordoned by this drain', nodes: 1, names: ['node-1'] },
      ],
    }
    const refused = { ...drainFailed(), result: 'refused' as const, code: 'DRAIN_REFUSED' as const }
    expect(summaryText({ ...refused, unfit: [row] })).toContain(
      [
        '### 1 pod has no other place',
        '',
        '| Pod | On | node-1 | node-2 | node-3 |',
        '| --- | --- | --- | --- | --- |',
        '| shop/zk-0 | node-1 | will be cordoned by this drain | didn&#39;t match pod anti-affinity rules | didn&#39;t match pod anti-affinity rules |',
      ].join('\n'),
    )
    const many = { reason: 'Insufficient cpu', nodes: 400, names: ['n1', 'n2', 'n3'] }
    expect(summaryText({ ...refused, unfit: [{ ...row, reasons: [many] }] })).toContain(
      '| shop/zk-0 | node-1 | n1, n2, n3 and 397 more: Insufficient cpu |',
    )
  })

  test('the short summary has the verdict and its three rows, and nothing behind a line', () => {
    const text = summaryText(crashed(), undefined, 'short')
    expect(text.split('\n')[0]).toBe('## ❌ deploy of zk in shop: failed (CRASH_LOOP)')
    expect(text).toContain('| **Next** |')
    expect(text).not.toMatch(/<details>|```|kubectl/)
  })

  test('a Role to add is one block to copy, from its first line to its last', () => {
    const role = roleFor([
      { verb: 'get', group: '', resource: 'pods', namespace: 'shop' },
      { verb: 'list', group: '', resource: 'nodes' },
    ])
    const fix = `Add these rules.\n${role}`
    const finding = { code: 'ACCESS_DENIED', severity: 'error', message: 'no', fix } as const
    const text = summaryText({
      ...crashed(),
      code: 'ACCESS_DENIED',
      evidence: [],
      findings: [finding],
    })
    expect(text).toContain('| **Next** | Add these rules. |')
    const [, pasted = ''] = /<pre>\n([^]*?)\n<\/pre>/.exec(text) ?? []
    expect(pasted.replaceAll('&quot;', '"')).toBe(role.trimEnd())
  })

  test('the code leads to its heading at the version that runs', () =>
    expect(
      summaryText({ ...crashed(), helpUrl: 'https://github.com/org/zk/blob/v1/docs/t.md' }),
    ).toContain('([CRASH_LOOP](https://github.com/org/zk/blob/v1/docs/t.md#crash_loop))'))

  test('the timeline of a drain tells nodes and members apart, and goes through the phases of each node', () => {
    const text = summaryText(drained())
    expect(text).toContain('<br>Longest time without a write 1.2s, no acknowledged write was lost')
    expect(text).toContain(
      '<details><summary>Timeline: 11 steps</summary>\n\n| Time | Node | Member | What |',
    )
    expect(text).toContain('| 12:00:00 UTC | node-0 | zk-0 | evicted |')
    expect(text).toContain('| 12:01:23 UTC | node-1 | – | wait, 30.2s |')
    expect(text.match(/\| cordon(ed|, \d+ms) \|/g)).toEqual(['| cordoned |'])
  })

  test('a drain that failed says at which node, what remains, and where that node was left', () => {
    const text = summaryText(drainFailed())
    expect(text).toContain(
      '<br>2 of 3 nodes drained: node-0 (33.6s), node-1 (33.6s); not drained: node-2',
    )
    expect(text).toContain(
      '| node-2 | **failed** | elsewhere | zk-2 | – | gates 0.25, cordon 0.05, evict 3.1, total 3.4, maintenance not ended | uncordoned; the maintenance command of node-2 exited with 7 |',
    )
    expect(text).toContain('last line of the maintenance command: no space left')
    expect(text).toContain('kubectl describe node node-2')
  })

  test('a drain that was only planned claims no node', () => {
    const text = summaryText({
      ...drained(),
      result: 'planned',
      changed: false,
      drainedNodes: [],
      standing: 'nothing was changed; node-0 would be drained',
    })
    expect(text).toContain('<details><summary>3 nodes</summary>\n')
    expect(text).toContain('Nothing was changed; node-0 would be drained; took')
    expect(text).not.toContain('0 of 3')
  })

  test('every lint finding stands there with its line and its fix', () => {
    const text = summaryText(refusedByLint())
    expect(text).toContain(
      '| **What happened** | k8s/zk.yaml:31: the budget allows all three members to be evicted at once<br>1 more error below |',
    )
    expect(text).toContain('| **Next** | Set maxUnavailable to 1 |')
    expect(text).toContain('| LINT_FAILED | k8s/zk.yaml:4 | the headless service')
  })
})

describe('hostile text', () => {
  const text = summaryText(hostile())

  test('brings in no tag, no link and no heading of its own', () => {
    expect(text).not.toContain('<script')
    expect(prose(text).join('\n')).not.toContain('](https://evil')
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length)
    expect(text.match(/<pre>/g)?.length).toBe(text.match(/<\/pre>/g)?.length)
    expect(text).not.toContain('\u001b')
    expect(text).not.toContain('\u202e')
  })

  test('breaks no table: every row has the cells of its head, none of them empty', () => {
    let head: number | undefined
    let rows = 0
    // The first table has a head without words.
    for (const line of prose(text).slice(4)) {
      if (!line.startsWith('|')) {
        head = undefined
        continue
      }
      const cells = line.slice(1, -1).split('|')
      head ??= cells.length
      expect(cells).toHaveLength(head)
      expect(cells.filter((one) => one.trim() === '')).toEqual([])
      rows += 1
    }
    expect(rows).toBeGreaterThan(20)
  })

  test('a command to copy keeps a hostile name inside quotes', () => {
    const commands = summaryText({ ...crashed(), namespace: '$(id); rm -rf x', byHand: [] })
    expect(commands).toContain('kubectl -n &#39;$(id); rm -rf x&#39; describe pod zk-1')
  })

  test('leaves no verdict without its line', () => {
    expect(text.startsWith('## ❌ deploy of ')).toBe(true)
    expect(text.split('\n')[0]).toContain('failed (CRASH_LOOP)')
    expect(HOSTILE).toContain('\n')
  })
})

describe('the limit', () => {
  test('a summary of many megabytes is cut to the limit, the longest section first, and says what is missing', () => {
    const report = crashed()
    const timeline = Array.from({ length: 40_000 }, (_, index) => ({
      at: report.started + index * 1000,
      what: `step ${index} é ${'x'.repeat(100)}`,
      member: 'zk-0',
    }))
    const text = summaryText({ ...report, timeline })
    expect(byteLength(text)).toBeLessThanOrEqual(1_000_000)
    expect(text).toMatch(
      /\d+ earlier left out to keep this page within its limit; the JSON report has all\./,
    )
    expect(text).toContain('step 39999 ')
    expect(text).not.toContain('step 0 ')
    expect(text).toContain('No space left on device')
    expect(text).toContain('| zk-2 | ')
  })

  test('what stands at the top of the page is not said again in the evidence, anything else is', () => {
    const report = crashed()
    const [first] = report.evidence
    if (first === undefined) throw new Error('the sample has evidence')
    const deciding = report.findings.find(({ severity }) => severity === 'error')
    const alike = { ...first, message: deciding?.message ?? '' }
    const other = { ...first, object: 'pod/zk-2', message: 'its probe fails' }
    const [top = '', ...folded] = summaryText({ ...report, evidence: [alike, other] }).split(
      '<details>',
    )
    expect(top).toContain(deciding?.message)
    expect(folded.join('')).not.toContain(deciding?.message)
    expect(folded.join('')).toContain('its probe fails')
  })

  test('evidence that alone is over the limit is cut too, its markup stays closed', () => {
    const report = crashed()
    const [one] = report.evidence
    if (one === undefined) throw new Error('the sample has evidence')
    const logs = [
      {
        container: 'zookeeper',
        previous: false,
        lines: Array.from({ length: 25 }, () => '<'.repeat(500)),
      },
    ]
    const text = summaryText({
      ...report,
      evidence: Array.from({ length: 200 }, () => ({ ...one, logs })),
    })
    expect(byteLength(text)).toBeLessThanOrEqual(1_000_000)
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length)
    expect(text).toContain('more left out to keep this page within its limit')
  })

  test('a small room that is left by other writers is respected, the verdict stays', () => {
    const text = summaryText(crashed(), 3000)
    expect(byteLength(text)).toBeLessThanOrEqual(3000)
    expect(text).toContain('failed (CRASH_LOOP)')
  })
})
