// Sets, pods, claims and events as a real 1.36 cluster shows them, so that a table row says only
// what is special about it.

import type { ClaimView, EnsembleView, EventView } from '../../../src/view/surroundings.ts'
import type { OfferedVolume } from '../../../src/view/scheduling.ts'
import type {
  ClaimTemplate,
  ContainerState,
  ContainerView,
  PodView,
  SetView,
  Terminated,
} from '../../../src/view/workload.ts'

export const T0 = Date.UTC(2026, 10, 22, 17, 0, 0)
export const SECOND = 1000
export const OLD = 'zk-5b57997fc5'
export const NEW = 'zk-75df8b7db7'
export const SET_UID = 'set-uid'

export type SetChange = Partial<Omit<SetView, 'status'>> & {
  readonly status?: Partial<SetView['status']>
}

export function set(change: SetChange = {}): SetView {
  const { status, ...rest } = change
  return {
    name: 'zk',
    namespace: 'prod',
    uid: SET_UID,
    generation: 2,
    observedGeneration: 2,
    replicas: 3,
    start: 0,
    strategy: { type: 'RollingUpdate', partition: 0 },
    podManagement: 'OrderedReady',
    minReadySeconds: 0,
    selector: { matchLabels: { app: 'zk' }, matchExpressions: [] },
    claimTemplates: [claimTemplate()],
    retention: { whenScaled: 'Retain', whenDeleted: 'Retain' },
    deleting: false,
    ...rest,
    status: {
      currentRevision: NEW,
      updateRevision: NEW,
      ...status,
    },
  }
}

export function claimTemplate(change: Partial<ClaimTemplate> = {}): ClaimTemplate {
  return {
    name: 'datadir',
    storageClass: undefined,
    size: 10 * 2 ** 30,
    accessModes: ['ReadWriteOnce'],
    volumeMode: 'Filesystem',
    selector: undefined,
    volume: undefined,
    ...change,
  }
}

/** A volume that was made by hand and is free, reached by every node. */
export function offered(name: string, change: Partial<OfferedVolume> = {}): OfferedVolume {
  return {
    name,
    phase: 'Available',
    claim: undefined,
    labels: {},
    nodeAffinity: undefined,
    csi: undefined,
    storageClass: 'manual',
    capacity: 10 * 2 ** 30,
    accessModes: ['ReadWriteOnce'],
    volumeMode: 'Filesystem',
    deleting: false,
    taken: false,
    ...change,
  }
}

/** Where a volume of one node lies. */
export function onNode(...nodes: readonly string[]): Pick<OfferedVolume, 'nodeAffinity'> {
  return {
    nodeAffinity: [
      {
        expressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: nodes }],
        fields: [],
      },
    ],
  }
}

export const running: ContainerState = { kind: 'running', since: T0 - 60 * SECOND }

export function waiting(reason: string, message = ''): ContainerState {
  return { kind: 'waiting', reason, message }
}

export function ended(exitCode: number, more: Partial<Terminated> = {}): Terminated {
  return {
    kind: 'terminated',
    reason: exitCode === 0 ? 'Completed' : 'Error',
    message: '',
    exitCode,
    finished: T0 - 5 * SECOND,
    ...more,
  }
}

export function container(change: Partial<ContainerView> = {}): ContainerView {
  return {
    name: 'zookeeper',
    image: 'zookeeper:3.9',
    ready: true,
    restarts: 0,
    ports: [],
    state: running,
    last: undefined,
    ...change,
  }
}

/** A Ready member of the new revision; change what is wrong with it. */
export function pod(ordinal: number, change: Partial<PodView> = {}): PodView {
  const name = `zk-${ordinal}`
  return {
    name,
    namespace: 'prod',
    uid: `uid-${ordinal}`,
    ordinal,
    revision: NEW,
    owner: { kind: 'StatefulSet', name: 'zk', uid: SET_UID },
    labels: { app: 'zk' },
    node: `node-${ordinal + 1}`,
    ip: `10.244.0.${ordinal + 1}`,
    phase: 'Running',
    reason: undefined,
    message: undefined,
    created: T0 - 120 * SECOND,
    deleting: undefined,
    ready: true,
    readySince: T0 - 60 * SECOND,
    unscheduled: undefined,
    openGates: [],
    initContainers: [],
    containers: [container()],
    claims: [`datadir-${name}`],
    storage: 'claims',
    finalizers: [],
    preStop: [],
    ...change,
  }
}

/** A member whose only container stands like this. */
export function unready(
  ordinal: number,
  one: Partial<ContainerView>,
  change: Partial<PodView> = {},
): PodView {
  const phase = one.state?.kind === 'waiting' && (one.restarts ?? 0) === 0 ? 'Pending' : 'Running'
  return pod(ordinal, {
    phase,
    ready: false,
    readySince: T0 - 30 * SECOND,
    containers: [container({ ready: false, ...one })],
    ...change,
  })
}

export function unscheduled(
  ordinal: number,
  message: string,
  change: Partial<PodView> = {},
): PodView {
  return pod(ordinal, {
    phase: 'Pending',
    node: undefined,
    ip: undefined,
    ready: false,
    readySince: undefined,
    created: T0,
    unscheduled: { reason: 'Unschedulable', message, since: T0 },
    containers: [container({ ready: false, state: { kind: 'none' } })],
    ...change,
  })
}

export function claim(ordinal: number, change: Partial<ClaimView> = {}): ClaimView {
  const name = `datadir-zk-${ordinal}`
  return {
    name,
    uid: `claim-${ordinal}`,
    phase: 'Bound',
    storageClass: 'standard',
    size: 10 * 2 ** 30,
    capacity: 10 * 2 ** 30,
    volume: `pvc-${ordinal}`,
    deleting: false,
    created: T0 - 120 * SECOND,
    owners: [],
    ...change,
  }
}

export function event(
  kind: string,
  name: string,
  reason: string,
  message: string,
  change: Partial<Omit<EventView, 'object'>> & {
    readonly uid?: string
    readonly fieldPath?: string
  } = {},
): EventView {
  const { uid, fieldPath, ...rest } = change
  return {
    uid: `event-${kind}-${name}-${reason}`,
    type: 'Warning',
    reason,
    message,
    object: { kind, name, uid, fieldPath },
    last: T0,
    count: 1,
    ...rest,
  }
}

export function podEvent(
  ordinal: number,
  reason: string,
  message: string,
  change: Parameters<typeof event>[4] = {},
): EventView {
  return event('Pod', `zk-${ordinal}`, reason, message, {
    uid: `uid-${ordinal}`,
    fieldPath: 'spec.containers{zookeeper}',
    ...change,
  })
}

export function view(
  pods: readonly PodView[],
  more: {
    readonly set?: SetView | undefined
    readonly claims?: readonly ClaimView[]
    readonly events?: readonly EventView[]
  } = {},
): EnsembleView {
  return {
    set: 'set' in more ? more.set : set(),
    pods,
    claims: more.claims ?? [claim(0), claim(1), claim(2)],
    events: more.events ?? [],
  }
}
