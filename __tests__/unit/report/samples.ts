// Reports as runs leave them: a deploy that went well, one that failed with evidence, a refusal by
// lint, and one whose every text is hostile.

import { newReport, type NodeRow, type RunReport } from '../../../src/report/run-report.ts'

const STARTED = Date.UTC(2026, 0, 31, 12, 0, 0)

export function deployed(): RunReport {
  return {
    ...newReport('deploy', STARTED),
    result: 'succeeded',
    message: 'deploy of zk in shop succeeded',
    changed: true,
    name: 'zk',
    namespace: 'shop',
    context: 'prod',
    profile: 'zookeeper',
    version: '3.9.3',
    connectionString: 'zk-cs.shop.svc:2181',
    revision: 'zk-6d5f',
    previousRevision: 'zk-5b4c',
    replicas: 3,
    readyReplicas: 3,
    leader: 'zk-1',
    members: [0, 1, 2].map((ordinal) => ({
      pod: `zk-${ordinal}`,
      ordinal,
      id: ordinal + 1,
      role: ordinal === 1 ? ('leader' as const) : ('follower' as const),
      node: `node-${ordinal}`,
      claim: `datadir-zk-${ordinal}`,
      version: '3.9.3',
      zxid: '0x100000002',
      revision: 'zk-6d5f',
      restarts: 0,
      ready: true,
      readySince: STARTED + 20_000 + ordinal * 5000,
      trouble: undefined,
      uid: `uid-${ordinal}`,
      alive: true,
      fault: undefined,
      askedAt: STARTED + 42_000,
      identity: undefined,
    })),
    changes: [
      { object: 'service/zk-hs', change: 'unchanged' },
      { object: 'statefulset/zk', change: 'configured', note: 'image' },
    ],
    checks: [
      {
        name: 'quorum',
        outcome: 'passed',
        detail: 'one leader, two followers, all synced',
        findings: [],
        ms: 12,
      },
    ],
    matrix: {
      members: ['zk-0', 'zk-1', 'zk-2'],
      cells: [0, 1, 2].map((writer) =>
        [0, 1, 2].map((reader) =>
          writer === reader ? { kind: 'self' as const } : { kind: 'ok' as const, ms: 4 },
        ),
      ),
    },
    pairs: '6/6',
    phases: [{ title: 'Apply', ms: 400, outcome: 'done' }],
    timeline: [{ at: STARTED + 20_000, what: 'ready', member: 'zk-0' }],
    verifyLevel: 'full',
    requests: { get: 12, patch: 4 },
    ended: STARTED + 42_100,
    runUrl: 'https://github.com/org/shop/actions/runs/7/attempts/1',
  }
}

export function crashed(): RunReport {
  return {
    ...deployed(),
    result: 'failed',
    code: 'CRASH_LOOP',
    standing: 'zk-0 serves the new revision, zk-1 does not get ready',
    readyReplicas: 1,
    leader: '',
    pairs: '',
    matrix: undefined,
    findings: [
      { code: 'NOT_READY', severity: 'warning', message: 'zone spread is uneven' },
      {
        code: 'CRASH_LOOP',
        severity: 'error',
        message: 'container zookeeper of zk-1 has ended 4 times, the last time with exit code 1',
        object: 'pod/zk-1',
        ordinal: 1,
      },
    ],
    evidence: [
      {
        object: 'pod/zk-1',
        container: 'zookeeper',
        reason: 'CrashLoopBackOff',
        message: 'back-off 1m20s restarting failed container',
        exitCode: 1,
        restarts: 4,
        events: [
          {
            warning: false,
            reason: 'Pulled',
            message: 'image is there',
            count: 1,
            last: STARTED + 1000,
          },
          {
            warning: true,
            reason: 'BackOff',
            message: 'Back-off restarting failed container',
            count: 12,
            last: STARTED + 9000,
          },
        ],
        logs: [
          {
            container: 'zookeeper',
            previous: true,
            lines: [
              'Processing ruok command from /127.0.0.1:4000',
              'java.io.IOException: No space left on device',
            ],
          },
        ],
      },
    ],
    members: deployed().members.map((row) =>
      row.ordinal === 0
        ? row
        : {
            ...row,
            ready: false,
            readySince: undefined,
            role: undefined,
            id: undefined,
            alive: false,
            fault: row.ordinal === 1 ? 'zookeeper: CrashLoopBackOff' : undefined,
          },
    ),
  }
}

/**
 * Three nodes in turn: two were drained, the third's command failed and its cordon was removed.
 */
export function drainFailed(): RunReport {
  const nodes = drained().nodes.map((row): NodeRow =>
    row.node === 'node-2'
      ? {
          ...row,
          outcome: 'failed',
          phases: [
            ...row.phases.slice(0, 3),
            { phase: 'maintenance', at: STARTED + 200_000, ms: undefined },
          ],
          note: 'uncordoned',
        }
      : row,
  )
  return {
    ...drained(),
    result: 'failed',
    code: 'MAINTENANCE_FAILED',
    standing: 'our cordons were removed; 3 of 3 members serve',
    standingFirst: 'our cordons were removed',
    nodes,
    drainedNodes: ['node-0', 'node-1'],
    remainingNodes: ['node-2'],
    longestWriteGapMs: undefined,
    acknowledgedWritesLost: undefined,
    findings: [
      {
        code: 'MAINTENANCE_FAILED',
        severity: 'error',
        message: 'the maintenance command of node-2 exited with 7',
        object: 'node/node-2',
        fix: 'Its output is in the log of this step.',
      },
    ],
    evidence: [
      {
        object: 'node/node-2',
        container: undefined,
        reason: 'last line of the maintenance command: no space left',
        message: '',
        exitCode: undefined,
        restarts: undefined,
        events: [],
        logs: [],
      },
    ],
  }
}

export function drained(): RunReport {
  const nodes = [0, 1, 2].map((index): NodeRow => {
    const at = STARTED + index * 80_000
    return {
      node: `node-${index}`,
      outcome: 'drained',
      placement: 'elsewhere',
      members: [`zk-${index}`],
      cordon: 'none',
      note: '',
      phases: [
        { phase: 'gates', at, ms: 250 },
        { phase: 'cordon', at: at + 250, ms: 50 },
        { phase: 'evict', at: at + 300, ms: 3100 },
        { phase: 'wait', at: at + 3400, ms: 30_200 },
      ],
      pods: [
        { pod: `shop/zk-${index}`, outcome: 'evicted', note: 'serves on node-3 after 30.2s' },
        { pod: 'kube-system/proxy', outcome: 'skipped', note: 'DaemonSet' },
      ],
    }
  })
  return {
    ...deployed(),
    operation: 'drain',
    message: '',
    changes: [],
    nodes,
    drainedNodes: nodes.map(({ node }) => node),
    standing: 'every node was drained and uncordoned; every member serves',
    longestWriteGapMs: 1200,
    acknowledgedWritesLost: 0,
    members: deployed().members.map((row) => ({ ...row, askedAt: STARTED + 249_000 })),
    timeline: [
      { at: STARTED + 300, what: 'cordoned', node: 'node-0' },
      {
        at: STARTED + 800,
        what: 'evicted',
        member: 'zk-0',
        node: 'node-0',
        event: { kind: 'evicted' },
      },
    ],
    ended: STARTED + 250_000,
  }
}

export function refusedByLint(): RunReport {
  return {
    ...newReport('deploy', STARTED),
    result: 'refused',
    code: 'LINT_FAILED',
    name: 'zk',
    findings: [
      {
        code: 'LINT_FAILED',
        severity: 'error',
        message: 'the budget allows all three members to be evicted at once',
        fix: 'set maxUnavailable to 1',
        place: { file: 'k8s/zk.yaml', line: 31 },
      },
      {
        code: 'LINT_FAILED',
        severity: 'error',
        message: 'the headless service does not publish unready addresses',
        fix: 'set publishNotReadyAddresses: true',
        place: { file: 'k8s/zk.yaml', line: 4 },
      },
    ],
    ended: STARTED + 90,
  }
}

/** Markup, commands, colours, line ends and shell words in every text that a cluster can choose. */
export const HOSTILE =
  '\u001b[31m</pre></details><script>alert(1)</script>\n::error::owned\r##[error]x | `tick` [a](https://evil.example) *b* $(id) \u202e'

export function hostile(): RunReport {
  const report = crashed()
  return {
    ...report,
    message: HOSTILE,
    name: HOSTILE,
    namespace: HOSTILE,
    context: HOSTILE,
    profile: HOSTILE,
    version: HOSTILE,
    leader: HOSTILE,
    connectionString: HOSTILE,
    standing: HOSTILE,
    verifyLevel: HOSTILE,
    pairs: HOSTILE,
    members: report.members.map((row) => ({
      ...row,
      pod: HOSTILE,
      id: HOSTILE,
      node: HOSTILE,
      claim: HOSTILE,
      revision: HOSTILE,
      trouble: HOSTILE,
      fault: HOSTILE,
    })),
    changes: [{ object: HOSTILE, change: 'created', note: HOSTILE }],
    checks: [{ name: 'data', outcome: 'failed', detail: HOSTILE, findings: [], ms: 1 }],
    matrix: {
      members: [HOSTILE, HOSTILE],
      cells: [
        [{ kind: 'self' }, { kind: 'failed', why: HOSTILE }],
        [{ kind: 'not tried' }, { kind: 'self' }],
      ],
    },
    phases: [{ title: HOSTILE, ms: 1, outcome: 'failed' }],
    timeline: [{ at: STARTED, what: HOSTILE, member: HOSTILE, node: HOSTILE }],
    findings: [
      {
        code: 'CRASH_LOOP',
        severity: 'error',
        message: HOSTILE,
        fix: HOSTILE,
        object: HOSTILE,
        place: { file: HOSTILE, line: 1 },
      },
    ],
    evidence: [
      {
        object: HOSTILE,
        container: HOSTILE,
        reason: HOSTILE,
        message: HOSTILE,
        exitCode: 1,
        restarts: 1,
        events: [{ warning: true, reason: HOSTILE, message: HOSTILE, count: 2, last: STARTED }],
        logs: [{ container: HOSTILE, previous: false, lines: [HOSTILE] }],
      },
    ],
    notes: [HOSTILE],
    byHand: [HOSTILE],
    requests: { [HOSTILE]: 1 },
    revisions: [
      {
        revision: 1,
        name: HOSTILE,
        image: HOSTILE,
        changeCause: HOSTILE,
        created: STARTED,
        current: true,
        members: 1,
        verified: false,
      },
    ],
    drainedNodes: [HOSTILE],
    remainingNodes: [HOSTILE],
    unfit: [
      {
        pod: HOSTILE,
        node: HOSTILE,
        member: true,
        reasons: [{ reason: HOSTILE, nodes: 1, names: [HOSTILE] }],
      },
    ],
    nodes: [
      {
        node: HOSTILE,
        outcome: 'failed',
        placement: '',
        members: [HOSTILE],
        cordon: 'ours',
        phases: [{ phase: 'evict', at: STARTED, ms: 5 }],
        pods: [{ pod: HOSTILE, outcome: 'evicted', note: HOSTILE }],
        note: HOSTILE,
      },
    ],
  }
}
