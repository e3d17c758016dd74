// Members of a running ensemble are replaced: by the action, and beside it by what people type
// today, on an ensemble of the same kind that nothing else touches.

import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { noticed, type Noticed } from './bench-watch.ts'

export interface Row {
  readonly what: string
  readonly ours: string
  readonly today: string
  readonly reach: string
}

/** A kind of ensemble: the inputs by which the action makes it, and those that change it. */
export interface Kind {
  readonly name: string
  /** Name of its StatefulSet. */
  readonly set: string
  /** Selects its pods and nobody else's on the cluster. */
  readonly selector: string
  /** Its manifests, as somebody without the action applies them. */
  readonly manifest: (replicas: number) => string
  readonly container: string
  /** A tag that its registry answers it doesn't have. */
  readonly missingImage: string
  readonly inputs: Readonly<Record<string, string>>
  readonly changed: Readonly<Record<string, string>>
  readonly reach: {
    readonly restart: string
    readonly drain: string
    readonly moved: string
    readonly first: string
  }
}

/** Runs the action to its end; gives its result, whatever it is. */
export type Act = (inputs: Readonly<Record<string, string>>) => Promise<string>

/**
 * Peers know new addresses only then: nobody begins with a handicap that the one before has left.
 */
const SETTLE_MS = 60_000
/** How long somebody waits for `kubectl rollout undo` before it is called stuck. */
const STUCK_AFTER_S = 60

const run = promisify(execFile)

async function kubectl(namespace: string, ...args: string[]): Promise<string> {
  return (await run('kubectl', ['-n', namespace, ...args])).stdout.trim()
}

export async function rollRows(act: Act, kind: Kind, namespace: string): Promise<readonly Row[]> {
  const ours = `${namespace}-ours`
  const today = `${namespace}-kubectl`
  const mustBe = async (
    wanted: string,
    inputs: Readonly<Record<string, string>>,
  ): Promise<void> => {
    const result = await act(inputs)
    if (result !== wanted)
      throw new Error(
        `${inputs['operation'] ?? 'deploy'} in ${ours} ended as ${result}, not as ${wanted}`,
      )
  }
  try {
    for (const name of [ours, today]) {
      await run('kubectl', ['create', 'namespace', name])
      await mustBe('succeeded', { ...kind.inputs, namespace: name })
    }
    await settle()
    const restarted = await noticed(ours, kind.set, () =>
      mustBe('succeeded', {
        operation: 'restart',
        name: kind.set,
        namespace: ours,
        verify: 'quick',
      }),
    )
    const restartedToday = await noticed(today, kind.set, () =>
      rollout(today, kind.set, 'rollout', 'restart', `statefulset/${kind.set}`),
    )
    await settle()
    const rolled = await noticed(ours, kind.set, () =>
      mustBe('succeeded', { ...kind.inputs, ...kind.changed, namespace: ours, verify: 'quick' }),
    )
    const rolledToday = await noticed(today, kind.set, () =>
      rollout(
        today,
        kind.set,
        'set',
        'env',
        `statefulset/${kind.set}`,
        '-c',
        kind.container,
        'BENCH=1',
      ),
    )
    await settle()
    // The revision before must have been verified to be gone back to.
    await mustBe('unchanged', { ...kind.inputs, ...kind.changed, namespace: ours })
    const undone = await noticed(ours, kind.set, () =>
      mustBe('undone', {
        ...kind.inputs,
        ...kind.changed,
        namespace: ours,
        image: kind.missingImage,
      }),
    )
    return [
      {
        what: `${kind.name}: restart of three members (kubectl rollout restart, rollout status)`,
        ours: inWords(restarted),
        today: inWords(restartedToday),
        reach: kind.reach.restart,
      },
      {
        what: `${kind.name}: a change of the template by deploy (kubectl set env, rollout status)`,
        ours: inWords(rolled),
        today: inWords(rolledToday),
        reach: '–',
      },
      {
        what: `${kind.name}: an image that isn't there, until whole again (kubectl rollout undo)`,
        ours: inWords(undone),
        today: await undoneToday(today, kind),
        reach: '–',
      },
    ]
  } finally {
    for (const name of [ours, today])
      spawnSync('kubectl', ['delete', 'namespace', name, '--wait=false', '--ignore-not-found'])
  }
}

export function inWords({ ms, longestGapMs, elections, lost }: Noticed): string {
  const loss = lost === undefined ? ', loss not known' : lost === 0 ? '' : `, ${lost} LOST`
  return `${(ms / 1000).toFixed(0)} s, gap ${(longestGapMs / 1000).toFixed(1)} s, ${elections} el.${loss}`
}

async function rollout(namespace: string, set: string, ...change: string[]): Promise<void> {
  await kubectl(namespace, ...change)
  await kubectl(namespace, 'rollout', 'status', `statefulset/${set}`, '--timeout=10m')
}

/** As somebody does it who sees the pull fail at once. */
async function undoneToday(
  namespace: string,
  { set, container, missingImage }: Kind,
): Promise<string> {
  const began = performance.now()
  await kubectl(namespace, 'set', 'image', `statefulset/${set}`, `${container}=${missingImage}`)
  const waiting = '{.items[*].status.containerStatuses[*].state.waiting.reason}'
  while (
    !/ImagePull/.test(await kubectl(namespace, 'get', 'pods', '-o', `jsonpath=${waiting}`)) &&
    performance.now() - began < 120_000
  )
    await pause(500)
  await kubectl(namespace, 'rollout', 'undo', `statefulset/${set}`)
  const status = await kubectl(
    namespace,
    'rollout',
    'status',
    `statefulset/${set}`,
    `--timeout=${STUCK_AFTER_S}s`,
  ).then(
    () => 'done',
    () => 'not done',
  )
  const ready = await kubectl(
    namespace,
    'get',
    'statefulset',
    set,
    '-o',
    'jsonpath={.status.readyReplicas}',
  )
  return status === 'done' && ready === '3'
    ? `${((performance.now() - began) / 1000).toFixed(0)} s`
    : `stuck after ${STUCK_AFTER_S} s, ${ready} of 3 ready`
}

export function settle(): Promise<void> {
  return pause(SETTLE_MS)
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
