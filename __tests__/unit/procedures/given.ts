// A run as the procedures get it, with nothing behind it: a test passes what its procedure is to
// meet, and anything else that is asked for is a failure.

import { Deadline } from '../../../src/clock.ts'
import type { Profile } from '../../../src/ensemble/profile.ts'
import type { Follower } from '../../../src/kube/follow.ts'
import type { Kube } from '../../../src/kube/kube.ts'
import type { Rights } from '../../../src/procedures/open/access.ts'
import type { Ensemble, ReachableEnsemble } from '../../../src/procedures/open/ensemble.ts'
import { Recorder } from '../../../src/report/recorder.ts'
import type { Run } from '../../../src/run.ts'
import type { EnsembleView } from '../../../src/view/surroundings.ts'
import { T0 } from '../decide/given.ts'

function unused(): never {
  throw new Error('not asked for by this procedure')
}

export function kubeWith(more: Partial<Kube> = {}): Kube {
  return {
    context: '',
    namespace: 'prod',
    server: '',
    requests: { reads: 0, writes: 0, dryRuns: 0, watches: 0, streams: 0, lease: 0 },
    credentialsEnd: undefined,
    get: unused,
    list: unused,
    listAs: unused,
    watch: unused,
    apply: unused,
    create: unused,
    createDry: unused,
    replace: unused,
    patch: unused,
    patchDry: unused,
    delete: unused,
    evict: unused,
    logs: unused,
    forward: unused,
    tunnel: unused,
    exec: unused,
    denied: unused,
    kinds: unused,
    time: unused,
    close: () => undefined,
    ...more,
  }
}

export const ALL_RIGHTS: Rights = {
  missing: [],
  forward: true,
  exec: true,
  logs: true,
  events: true,
  announce: true,
  budgets: true,
  evict: true,
  deletePods: true,
  revisions: true,
  nodes: true,
  classes: true,
  endpoints: true,
  makeServices: true,
  deleteServices: true,
}

/** Lines of the log go to `lines`. */
export function runWith(
  profile: Partial<Profile>,
  more: Partial<ReachableEnsemble> = {},
  lines: string[] = [],
): ReachableEnsemble {
  const say = (line: string): void => void lines.push(line)
  return {
    kube: kubeWith(),
    run: {
      clock: { now: () => T0, sleep: () => Promise.resolve() },
      report: new Recorder('deploy', { now: () => T0, say }),
      runId: '1',
      journal: {
        phase: (_title, work) => work(() => undefined),
        info: say,
        warning: say,
        notice: say,
        debug: say,
        verdict: say,
      },
    },
    rights: ALL_RIGHTS,
    nodes: undefined,
    memberTimeoutMs: 300_000,
    logLines: 25,
    profile: { name: 'zookeeper', look: unused, verify: unused, ...profile },
    reach: { may: { forward: true, exec: true }, open: unused, tunnel: unused, exec: unused },
    target: {
      name: 'zk',
      namespace: 'prod',
      container: 'zookeeper',
      clientPort: 2181,
      headlessService: 'zk-hs',
      clientService: undefined,
      requiresDistinctNodes: true,
      memberServices: [],
      listedServices: new Map(),
    },
    ...more,
  }
}

/** The same while it is being changed; `run` and `journal` say only what is special about them. */
export function ensembleWith(
  {
    run = {},
    journal = {},
    ...more
  }: Partial<Omit<Ensemble, 'run'>> & {
    readonly run?: Partial<Run>
    readonly journal?: Partial<Run['journal']>
  },
  lines: string[] = [],
): Ensemble {
  const reachable = runWith({}, {}, lines)
  const clock = run.clock ?? reachable.run.clock
  return {
    ...reachable,
    run: {
      ...reachable.run,
      signal: new AbortController().signal,
      holder: { repository: 'org/app', runId: '1', attempt: '1', runUrl: '' },
      hostname: 'runner',
      manifestIo: {
        workspace: '/workspace',
        temp: undefined,
        open: unused,
        realpath: unused,
        stat: unused,
        readDirectory: unused,
        glob: unused,
        run: unused,
        fetch: unused,
        hide: unused,
      },
      hasCluster: unused,
      connect: unused,
      publish: () => undefined,
      remember: () => undefined,
      command: unused,
      ...run,
      journal: { ...reachable.run.journal, ...journal },
    },
    inputs: { verify: 'off', pace: 'quorum' },
    follower: followerOf(NOBODY),
    before: NOBODY,
    deadline: new Deadline(clock, 600_000),
    place: { at: '' },
    addresses: { kind: 'stay', reason: 'no member moves' },
    ...more,
  }
}

const NOBODY: EnsembleView = { set: undefined, pods: [], claims: [], events: [] }

/** Shows this and nothing ever changes. */
export function followerOf(view: EnsembleView): Follower {
  return {
    ready: () => Promise.resolve(),
    snapshot: () => view,
    changed: unused,
    expect: () => undefined,
    notes: () => [],
    stop: () => Promise.resolve(),
  }
}
