// A Pod of the API as the view that decisions are made on.

import { z } from 'zod'
import type { ContainerState, ContainerView, PodView, Terminated } from '../../view/workload.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { controllerOf, count, createdAt, list, quantity, read, text, time } from './shape.ts'

const terminatedSchema = z.object({
  reason: text,
  message: text,
  exitCode: z.number(),
  finishedAt: time,
})

const stateSchema = z.object({
  waiting: z.object({ reason: text, message: text }).nullish(),
  running: z.object({ startedAt: time }).nullish(),
  terminated: terminatedSchema.nullish(),
})

const securitySchema = z.object({ runAsUser: z.number().nullish() }).nullish()

const containerSchema = z.object({
  name: z.string(),
  image: text,
  ports: list(z.object({ name: text, containerPort: z.number() })),
  resources: z.object({ limits: z.object({ memory: quantity.optional() }).nullish() }).nullish(),
  lifecycle: z.object({ preStop: z.unknown().optional() }).nullish(),
  securityContext: securitySchema,
})

const volumeSchema = z.looseObject({
  persistentVolumeClaim: z.object({ claimName: z.string() }).nullish(),
})

const containerStatusSchema = z.object({
  name: z.string(),
  ready: z.boolean().nullish(),
  restartCount: count,
  state: stateSchema.nullish(),
  lastState: stateSchema.nullish(),
})

const schema = z.object({
  metadata: metadataSchema,
  spec: z.object({
    nodeName: text,
    readinessGates: list(z.object({ conditionType: z.string() })),
    securityContext: securitySchema,
    containers: list(containerSchema),
    initContainers: list(containerSchema),
    volumes: list(volumeSchema),
  }),
  status: z
    .object({
      phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).nullish(),
      reason: text,
      message: text,
      podIP: text,
      conditions: list(
        z.object({
          type: z.string(),
          status: z.string(),
          reason: text,
          message: text,
          lastTransitionTime: time,
        }),
      ),
      containerStatuses: list(containerStatusSchema),
      initContainerStatuses: list(containerStatusSchema),
    })
    .nullish(),
})

type Status = z.infer<typeof schema>['status']
type Condition = NonNullable<Status>['conditions'][number]
type ContainerStatus = z.infer<typeof containerStatusSchema>

/** Throws a ViewError that names object and field. */
export function toPod(object: KubeObject): PodView {
  const { metadata, spec, status } = read(schema, object)
  const user = spec.securityContext?.runAsUser ?? undefined
  return {
    ...identityOf(metadata),
    node: spec.nodeName === '' ? undefined : spec.nodeName,
    ...outcomeOf(status),
    ...readinessOf(status, createdAt(metadata)),
    openGates: openGates(spec.readinessGates, status),
    initContainers: containers(spec.initContainers, status?.initContainerStatuses ?? [], user),
    containers: containers(spec.containers, status?.containerStatuses ?? [], user),
    claims: spec.volumes.flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []),
    storage: storageOf(spec.volumes),
    preStop: spec.containers.flatMap(({ name, lifecycle }) =>
      lifecycle?.preStop === undefined || lifecycle.preStop === null ? [] : [name],
    ),
  }
}

type Identity =
  | 'name'
  | 'namespace'
  | 'uid'
  | 'ordinal'
  | 'revision'
  | 'owner'
  | 'labels'
  | 'created'
  | 'deleting'
  | 'finalizers'

/** Which pod it is, whose, and whether it is being deleted. */
function identityOf(metadata: KubeObject['metadata']): Pick<PodView, Identity> {
  const owner = controllerOf(metadata)
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid ?? '',
    ordinal: ordinalOf(metadata.name, owner?.kind === 'StatefulSet' ? owner.name : undefined),
    revision: metadata.labels?.['controller-revision-hash'],
    owner: owner === undefined ? undefined : { kind: owner.kind, name: owner.name, uid: owner.uid },
    labels: metadata.labels ?? {},
    created: createdAt(metadata),
    deleting:
      metadata.deletionTimestamp === undefined ? undefined : Date.parse(metadata.deletionTimestamp),
    finalizers: metadata.finalizers ?? [],
  }
}

/** How far it has come as a whole. */
function outcomeOf(status: Status): Pick<PodView, 'ip' | 'phase' | 'reason' | 'message'> {
  return {
    ip: status?.podIP === '' ? undefined : status?.podIP,
    phase: status?.phase ?? 'Pending',
    reason: status?.reason,
    message: status?.message,
  }
}

/** Whether it is ready, or has not even got a node. */
function readinessOf(
  status: Status,
  created: number,
): Pick<PodView, 'ready' | 'readySince' | 'unscheduled'> {
  const ready = condition(status, 'Ready')
  const scheduled = condition(status, 'PodScheduled')
  return {
    ready: ready?.status === 'True',
    readySince: ready?.lastTransitionTime,
    unscheduled:
      scheduled?.status === 'False'
        ? {
            reason: scheduled.reason ?? '',
            message: scheduled.message ?? '',
            since: scheduled.lastTransitionTime ?? created,
          }
        : undefined,
  }
}

function openGates(
  gates: readonly { readonly conditionType: string }[],
  status: Status,
): readonly string[] {
  return gates
    .map((gate) => gate.conditionType)
    .filter((gate) => condition(status, gate)?.status !== 'True')
}

/** The last of its type. */
function condition(status: Status, type: string): Condition | undefined {
  return status?.conditions.findLast((one) => one.type === type)
}

/** Volumes that end with their pod, or hold nothing that members write. */
const WITH_THE_POD = [
  'emptyDir',
  'ephemeral',
  'configMap',
  'secret',
  'projected',
  'downwardAPI',
  'image',
]

function storageOf(volumes: readonly z.infer<typeof volumeSchema>[]): PodView['storage'] {
  if (
    volumes.some(
      (volume) =>
        volume.persistentVolumeClaim !== null && volume.persistentVolumeClaim !== undefined,
    )
  )
    return 'claims'
  return volumes.every((volume) =>
    WITH_THE_POD.some((kind) => volume[kind] !== undefined && volume[kind] !== null),
  )
    ? 'pod'
    : 'elsewhere'
}

/**
 * The number at the name's end. With a StatefulSet as owner the name must be `<set>-<number>`;
 * without an owner (a pod that was orphaned) the number counts.
 */
function ordinalOf(name: string, set: string | undefined): number | undefined {
  const match = /^(.+)-(\d+)$/.exec(name)
  if (match === null || (set !== undefined && match[1] !== set)) return undefined
  return Number(match[2])
}

function containers(
  specs: readonly z.infer<typeof containerSchema>[],
  statuses: readonly ContainerStatus[],
  podUser: number | undefined,
): readonly ContainerView[] {
  return specs.map((spec) => {
    const status = statuses.find((candidate) => candidate.name === spec.name)
    const last = status?.lastState?.terminated
    return {
      name: spec.name,
      image: spec.image ?? '',
      ready: status?.ready ?? false,
      restarts: status?.restartCount ?? 0,
      memoryLimit: spec.resources?.limits?.memory,
      runAsUser: spec.securityContext?.runAsUser ?? podUser,
      ports: spec.ports.map((port) => ({ name: port.name, port: port.containerPort })),
      state: stateOf(status),
      last: last === null || last === undefined ? undefined : terminated(last),
    }
  })
}

function stateOf(status: ContainerStatus | undefined): ContainerState {
  const state = status?.state
  if (state?.terminated) return terminated(state.terminated)
  if (state?.running) return { kind: 'running', since: state.running.startedAt ?? 0 }
  if (state?.waiting)
    return {
      kind: 'waiting',
      reason: state.waiting.reason ?? '',
      message: state.waiting.message ?? '',
    }
  return { kind: 'none' }
}

function terminated(state: z.infer<typeof terminatedSchema>): Terminated {
  return {
    kind: 'terminated',
    reason: state.reason ?? '',
    message: state.message ?? '',
    exitCode: state.exitCode,
    finished: state.finishedAt ?? 0,
  }
}
