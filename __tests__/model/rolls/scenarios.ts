// What is done to the simulated ensemble under trouble, and what each must come to.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { untilHere } from '../../support/in-process.ts'
import { text } from '../../support/cluster/json.ts'
import type { Goal } from './invariants.ts'
import type { Place, Trouble } from './schedule.ts'
import type { Scenario } from './seed.ts'

const TUTORIAL = readFileSync(
  fileURLToPath(new URL('../../../examples/manifests/zookeeper-tutorial.yaml', import.meta.url)),
  'utf8',
).replaceAll('initialDelaySeconds: 10', 'initialDelaySeconds: 1')
const IMAGE = 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'

function changed(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`no ${from} in the manifest`)
  return text.replaceAll(from, to)
}

const GOOD = changed(TUTORIAL, '--heap=512M', '--heap=480M')
const ON_DELETE = changed(TUTORIAL, 'type: RollingUpdate', 'type: OnDelete')
const BAD = {
  'an image that is not there': changed(
    TUTORIAL,
    IMAGE,
    'registry.k8s.io/kubernetes-zookeeper:nowhere',
  ),
  'a server that dies': changed(TUTORIAL, IMAGE, 'registry.k8s.io/kubernetes-zookeeper:dies'),
  'a member that never finds its peers': changed(
    TUTORIAL,
    '--election_port=3888',
    '--election_port=3999',
  ),
}

/** Trouble of the cluster's making. */
const ALL: readonly Trouble[] = [
  'crash',
  'lost pod',
  'slow pod',
  'slow rejoin',
  'watches lost',
  'history forgotten',
  'request refused',
  'answer lost',
  'slow lists',
  'API pauses',
  'tunnels cut',
  'harmless edit',
  'kill',
  'cancel',
]
const MEMBER_TIMEOUT_MS = 120_000
const TIMEOUT_MS = 900_000
const TIMES = { timeout: '15m', 'member-timeout': '2m' }
/**
 * The way back has a member's time for each member, and one more; what is undone at the end
 * takes seconds.
 */
const FORTH_MS = TIMEOUT_MS + 60_000
const FORTH_AND_BACK_MS = FORTH_MS + 4 * MEMBER_TIMEOUT_MS
/**
 * Trouble may end a run, but never without a name; a change that is good is not rolled back by it.
 */
const ENDED = /^(succeeded|unchanged|cancelled|failed|refused)\b/
const REACHED = /^(succeeded|unchanged)$/

const deploy = (file: string): Readonly<Record<string, string>> => ({ ...TIMES, manifests: file })
const BASE = {
  before: TUTORIAL,
  after: GOOD,
  replicas: 3,
  kinds: ALL,
  most: 4,
  withinMs: 60_000,
  inputs: deploy('after.yaml'),
  next: deploy('after.yaml'),
}

/**
 * Somebody's change of the image, and their `kubectl rollout undo`, which leaves the highest member
 * on the image that is not there.
 */
async function stuckBySomebody({ cluster, clock, namespace, set }: Place): Promise<void> {
  cluster.somebody.setImage(namespace, set, 'registry.k8s.io/kubernetes-zookeeper:nowhere')
  await untilHere(clock, 'a member that is stuck', () =>
    JSON.stringify(cluster.objects.get('Pod', namespace, `${set}-2`)?.['status'] ?? '').includes(
      'ImagePull',
    ),
  )
  cluster.somebody.rolloutUndo(namespace, set)
  await untilHere(
    clock,
    'the controller',
    () =>
      text(cluster.objects.get('StatefulSet', namespace, set), 'status', 'observedGeneration') ===
      text(cluster.objects.get('StatefulSet', namespace, set), 'metadata', 'generation'),
  )
}

export interface Case {
  readonly scenario: Scenario
  readonly goal: Goal
}

function bad(name: keyof typeof BAD): Case {
  return {
    scenario: { ...BASE, withinMs: 30_000, after: BAD[name], next: deploy('before.yaml') },
    goal: {
      run: /^(undone|failed|refused|cancelled)\b/,
      second: REACHED,
      revision: 'of before',
      withinMs: FORTH_AND_BACK_MS,
    },
  }
}

export const CASES = {
  'a paced roll': {
    scenario: BASE,
    goal: { run: ENDED, second: REACHED, revision: 'new', withinMs: FORTH_MS },
  },
  'a roll by evictions': {
    scenario: {
      ...BASE,
      before: ON_DELETE,
      after: changed(ON_DELETE, '--heap=512M', '--heap=480M'),
    },
    goal: { run: ENDED, second: REACHED, revision: 'new', withinMs: FORTH_MS },
  },
  'an image that is not there': bad('an image that is not there'),
  'a server that dies': bad('a server that dies'),
  'a member that never finds its peers': bad('a member that never finds its peers'),
  'an undo out of what somebody left stuck': {
    scenario: {
      ...BASE,
      withinMs: 20_000,
      stage: stuckBySomebody,
      inputs: { ...TIMES, operation: 'undo', name: 'zk' },
      next: deploy('before.yaml'),
    },
    goal: { run: ENDED, second: REACHED, revision: 'of before', withinMs: FORTH_MS },
  },
  'a restart': {
    scenario: {
      ...BASE,
      inputs: { ...TIMES, operation: 'restart', name: 'zk' },
      next: { ...TIMES, operation: 'restart', name: 'zk' },
    },
    goal: {
      run: ENDED,
      second: REACHED,
      revision: 'of before',
      everyMemberAnew: true,
      withinMs: 3 * FORTH_MS,
    },
  },
} as const satisfies Readonly<Record<string, Case>>

const sized = (members: number): string =>
  changed(
    changed(TUTORIAL, 'replicas: 3', `replicas: ${members}`),
    '--servers=3',
    `--servers=${members}`,
  )

/** Trouble that a change of the number of members bears; kills above all. */
const OF_SCALES: readonly Trouble[] = [
  'crash',
  'slow rejoin',
  'watches lost',
  'request refused',
  'answer lost',
  'slow lists',
  'API pauses',
  'tunnels cut',
  'kill',
  'kill',
  'kill',
  'cancel',
  'lost pod',
  'slow pod',
]

export type Scale = Case

/** From one number to another, and the second run to the same or another one. */
function scale(replicas: number, target: number, members = target): Scale {
  const inputs = (count: number): Readonly<Record<string, string>> => ({
    ...TIMES,
    operation: 'scale',
    name: 'zk',
    replicas: String(count),
  })
  return {
    scenario: {
      ...BASE,
      before: sized(replicas),
      after: sized(target),
      replicas,
      members,
      kinds: OF_SCALES,
      withinMs: 120_000,
      inputs: inputs(target),
      next: inputs(members),
    },
    goal: {
      run: ENDED,
      second: REACHED,
      revision: members === replicas ? 'of before' : 'new',
      withinMs: FORTH_MS,
    },
  }
}

export const SCALES = {
  '5 to 3': scale(5, 3),
  '5 to 4': scale(5, 4),
  '4 to 3, and back': scale(4, 3, 4),
  '3 to 4, and back': scale(3, 4, 3),
} as const satisfies Readonly<Record<string, Scale>>
