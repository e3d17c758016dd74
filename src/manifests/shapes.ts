// The parts of StatefulSets, Services and budgets that are judged here, parsed out of manifests and
// live objects alike; all the rest passes through unread.

import { z } from 'zod'
import type { Finding } from '../errors.ts'
import type { KubeObject } from '../kube/kube.ts'
import { invalid } from './findings.ts'
import type { Manifest } from './manifest.ts'

const strings = z.record(z.string(), z.string())
/** Kubernetes takes an absent list and a null alike. */
function listOf<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((value) => value ?? [])
}
/** The same for a single field. */
function maybe<T extends z.ZodType>(field: T) {
  return field.nullish().transform((value) => value ?? undefined)
}
const quantity = z.union([z.string(), z.number().transform(String)])
const intOrText = z.union([z.number(), z.string()])

const selectorSchema = z.looseObject({
  matchLabels: maybe(strings),
  matchExpressions: listOf(
    z.looseObject({
      key: z.string(),
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
      values: maybe(z.array(z.string())),
    }),
  ),
})

const probeSchema = z.looseObject({
  exec: maybe(z.looseObject({ command: listOf(z.string()) })),
  httpGet: maybe(z.looseObject({ path: z.string().optional() })),
  tcpSocket: maybe(z.looseObject({ port: intOrText })),
  periodSeconds: maybe(z.number()),
  timeoutSeconds: maybe(z.number()),
})

const containerSchema = z.looseObject({
  name: z.string(),
  image: maybe(z.string()),
  command: listOf(z.string()),
  args: listOf(z.string()),
  env: listOf(
    z.looseObject({
      name: z.string(),
      value: maybe(z.string()),
      valueFrom: maybe(
        z.looseObject({
          configMapKeyRef: z
            .looseObject({ name: z.string(), key: z.string(), optional: maybe(z.boolean()) })
            .optional(),
        }),
      ),
    }),
  ),
  envFrom: listOf(
    z.looseObject({
      prefix: maybe(z.string()),
      configMapRef: maybe(z.looseObject({ name: z.string() })),
      secretRef: maybe(z.looseObject({ name: z.string() })),
    }),
  ),
  ports: listOf(z.looseObject({ containerPort: z.number(), name: maybe(z.string()) })),
  resources: maybe(
    z.looseObject({
      limits: z.record(z.string(), quantity).nullish(),
      requests: z.record(z.string(), quantity).nullish(),
    }),
  ),
  readinessProbe: maybe(probeSchema),
  livenessProbe: maybe(probeSchema),
  volumeMounts: listOf(
    z.looseObject({
      name: z.string(),
      mountPath: z.string(),
      subPath: maybe(z.string()),
      readOnly: maybe(z.boolean()),
    }),
  ),
})

const affinityTermSchema = z.looseObject({
  labelSelector: maybe(selectorSchema),
  topologyKey: z.string(),
})

const podSpecSchema = z.looseObject({
  containers: z.array(containerSchema).min(1),
  initContainers: listOf(containerSchema),
  volumes: listOf(z.looseObject({ name: z.string() })),
  terminationGracePeriodSeconds: maybe(z.number()),
  hostNetwork: maybe(z.boolean()),
  affinity: z
    .looseObject({
      podAntiAffinity: maybe(
        z.looseObject({
          requiredDuringSchedulingIgnoredDuringExecution: listOf(affinityTermSchema),
          preferredDuringSchedulingIgnoredDuringExecution: listOf(
            z.looseObject({ podAffinityTerm: affinityTermSchema }),
          ),
        }),
      ),
    })
    .nullish(),
  topologySpreadConstraints: listOf(
    z.looseObject({
      topologyKey: z.string(),
      maxSkew: z.number(),
      whenUnsatisfiable: z.string(),
      labelSelector: maybe(selectorSchema),
    }),
  ),
})

const setSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: maybe(z.string()),
    annotations: maybe(strings),
  }),
  spec: z
    .looseObject({
      replicas: z.int().min(0).nullish(),
      serviceName: z
        .string()
        .nullish()
        .transform((value) => value ?? ''),
      selector: selectorSchema,
      podManagementPolicy: z
        .enum(['OrderedReady', 'Parallel'])
        .nullish()
        .transform((value) => value ?? 'OrderedReady'),
      updateStrategy: maybe(
        z.looseObject({
          type: z.enum(['RollingUpdate', 'OnDelete']).optional(),
          rollingUpdate: z
            .looseObject({ partition: z.number().optional(), maxUnavailable: intOrText.optional() })
            .nullish(),
        }),
      ),
      minReadySeconds: maybe(z.number()),
      ordinals: maybe(z.looseObject({ start: z.int().min(0).optional() })),
      template: z.looseObject({
        metadata: maybe(z.looseObject({ labels: strings.nullish() })),
        spec: podSpecSchema,
      }),
      volumeClaimTemplates: listOf(
        z.looseObject({ metadata: z.looseObject({ name: z.string() }) }),
      ),
      // Left out, Kubernetes makes one member of a new set and keeps the number of one that is
      // there.
    })
    .transform((spec) => ({
      ...spec,
      replicas: spec.replicas ?? 1,
      replicasGiven: typeof spec.replicas === 'number',
    })),
})

const serviceSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: maybe(z.string()) }),
  spec: z.looseObject({
    clusterIP: maybe(z.string()),
    type: maybe(z.string()),
    publishNotReadyAddresses: maybe(z.boolean()),
    selector: strings.nullish().transform((value) => value ?? {}),
    ports: listOf(
      z.looseObject({ name: maybe(z.string()), port: z.number(), targetPort: maybe(intOrText) }),
    ),
  }),
})

const budgetSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: maybe(z.string()) }),
  spec: z.looseObject({
    selector: maybe(selectorSchema),
    minAvailable: maybe(intOrText),
    maxUnavailable: maybe(intOrText),
    unhealthyPodEvictionPolicy: maybe(z.string()),
  }),
})

const configMapSchema = z.looseObject({ data: strings.nullish().transform((value) => value ?? {}) })

export type PodSpec = z.infer<typeof podSpecSchema>
export type Container = PodSpec['containers'][number]
export type SetShape = z.infer<typeof setSchema>
export type ServiceShape = z.infer<typeof serviceSchema>
export type BudgetShape = z.infer<typeof budgetSchema>
export type Selector = z.infer<typeof selectorSchema>

/** The pod spec of a template or of a live pod; undefined when it isn't one. */
export function parsePodSpec(value: unknown): PodSpec | undefined {
  return podSpecSchema.safeParse(value).data
}

/**
 * A StatefulSet, from a manifest or as it is in the cluster; undefined when the object isn't one.
 */
export function parseSet(object: KubeObject): SetShape | undefined {
  return setSchema.safeParse(object).data
}

/** A Service, from a manifest or as it is in the cluster; undefined when the object isn't one. */
export function parseService(object: KubeObject): ServiceShape | undefined {
  return serviceSchema.safeParse(object).data
}

/** One parsed object and the manifest it comes from. */
export interface Shaped<T> {
  readonly manifest: Manifest
  readonly shape: T
}

export interface Shapes {
  readonly sets: readonly Shaped<SetShape>[]
  readonly services: readonly Shaped<ServiceShape>[]
  readonly budgets: readonly Shaped<BudgetShape>[]
  /** Data by ConfigMap name. */
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** MANIFEST_INVALID where an object hasn't the fields of its kind. */
  readonly findings: readonly Finding[]
}

/** The objects that the lint and the choice look at. */
export function shapesOf(manifests: readonly Manifest[]): Shapes {
  const findings: Finding[] = []
  function of<T>(kind: string, schema: z.ZodType<T>): Shaped<T>[] {
    return manifests
      .filter((manifest) => manifest.object.kind === kind)
      .flatMap((manifest) => {
        const parsed = schema.safeParse(manifest.object)
        if (parsed.success) return [{ manifest, shape: parsed.data }]
        findings.push(...parsed.error.issues.map((issue) => misshapen(manifest, issue)))
        return []
      })
  }
  const configMaps = of('ConfigMap', configMapSchema).map(
    ({ manifest, shape }) => [manifest.object.metadata.name, shape.data] as const,
  )
  return {
    sets: of('StatefulSet', setSchema),
    services: of('Service', serviceSchema),
    budgets: of('PodDisruptionBudget', budgetSchema),
    configMaps: new Map(configMaps),
    findings,
  }
}

function misshapen(manifest: Manifest, issue: z.core.$ZodIssue): Finding {
  const path = issue.path.filter((key) => typeof key !== 'symbol')
  const { kind, metadata } = manifest.object
  const object = `${kind.toLowerCase()}/${metadata.name}`
  const words = issue.message.replace(/^Invalid (?:input|option): /, '')
  return {
    ...invalid(
      manifest.placeOf(path),
      `${object}: ${path.join('.')} is not what the API takes: ${words}`,
      fixFor(issue, kind),
    ),
    object,
  }
}

function fixFor(issue: z.core.$ZodIssue, kind: string): string {
  const field = String(issue.path.at(-1) ?? 'it')
  const expected = issue.code === 'invalid_type' ? issue.expected : undefined
  if (expected === 'string' && !issue.message.endsWith('undefined'))
    return `put the value of ${field} in quotes`
  if (expected === 'number' || expected === 'int')
    return `write ${field} as a number without quotes`
  return `write ${field} as the API reference for ${kind} says`
}

/** Whether a selector takes pods with these labels; an empty one takes all, an absent one none. */
export function selects(
  selector: Selector | null | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (selector === null || selector === undefined) return false
  const byLabels = Object.entries(selector.matchLabels ?? {}).every(
    ([key, value]) => labels[key] === value,
  )
  return (
    byLabels &&
    selector.matchExpressions.every(({ key, operator, values }) => {
      const value = labels[key]
      switch (operator) {
        case 'In':
          return value !== undefined && (values ?? []).includes(value)
        case 'NotIn':
          return value === undefined || !(values ?? []).includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
      }
    })
  )
}
