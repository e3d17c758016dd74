// A pod's demands on its node, from the spec: requests added up as the scheduler does, selectors,
// tolerations, terms and constraints with the server's defaults.

import { z } from 'zod'
import { whole } from '../../view/quantity.ts'
import type {
  NodeTerm,
  PodDemands,
  PodTerm,
  SpreadConstraint,
  Toleration,
} from '../../view/scheduling.ts'
import { labels, list, quantity, selector, text } from './shape.ts'

const amounts = z
  .record(z.string(), quantity)
  .nullish()
  .transform((value) => value ?? {})
const resources = z
  .object({ requests: amounts, claims: list(z.object({ name: z.string() })) })
  .nullish()
const port = z.object({ hostPort: z.number().nullish(), protocol: text, hostIP: text })
const container = z.object({ name: z.string(), restartPolicy: text, resources, ports: list(port) })

const requirement = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']),
  values: list(z.string()),
})
const nodeTerm = z.object({ matchExpressions: list(requirement), matchFields: list(requirement) })
/** As pods and volumes have it. */
export const nodeTerms = z.object({ nodeSelectorTerms: list(nodeTerm) })

const podTerm = z.object({
  labelSelector: selector.nullish(),
  namespaces: list(z.string()),
  namespaceSelector: selector.nullish(),
  topologyKey: z.string(),
})
const podTerms = z
  .object({ requiredDuringSchedulingIgnoredDuringExecution: list(podTerm) })
  .nullish()
const policy = z.enum(['Honor', 'Ignore']).nullish()

export const demandsSchema = z.object({
  spec: z.object({
    containers: list(container),
    initContainers: list(container),
    resources,
    overhead: amounts,
    nodeSelector: labels,
    affinity: z
      .object({
        nodeAffinity: z
          .object({ requiredDuringSchedulingIgnoredDuringExecution: nodeTerms.nullish() })
          .nullish(),
        podAffinity: podTerms,
        podAntiAffinity: podTerms,
      })
      .nullish(),
    tolerations: list(
      z.object({
        key: text,
        operator: z.enum(['Exists', 'Equal', 'Lt', 'Gt']).nullish(),
        value: text,
        effect: text,
      }),
    ),
    topologySpreadConstraints: list(
      z.object({
        topologyKey: z.string(),
        maxSkew: z.number(),
        whenUnsatisfiable: text,
        minDomains: z.number().nullish(),
        labelSelector: selector.nullish(),
        matchLabelKeys: list(z.string()),
        nodeAffinityPolicy: policy,
        nodeTaintsPolicy: policy,
      }),
    ),
    schedulerName: text,
    schedulingGates: list(z.object({ name: z.string() })),
    resourceClaims: list(z.object({ name: z.string() })),
    priority: z.number().nullish(),
    preemptionPolicy: text,
  }),
  /** What containers run with, where it isn't what the spec says: a resize in place. */
  running: z.record(z.string(), z.object({ resources, allocatedResources: amounts })),
  /** The claim that the scheduler made for resources of a device class. */
  extended: text,
})

type Parsed = z.infer<typeof demandsSchema>
type Container = Parsed['spec']['containers'][number]
type Amounts = Readonly<Record<string, number>>

export function demandsOf({ spec, running, extended }: Parsed): PodDemands {
  const sidecars = spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  return {
    requests: requestsOf(spec, running),
    nodeSelector: spec.nodeSelector,
    nodeAffinity: termsOf(
      spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution,
    ),
    tolerations: spec.tolerations.map(({ key, operator, value, effect }): Toleration => ({
      key: given(key),
      operator: operator ?? 'Equal',
      value: value ?? '',
      effect: given(effect),
    })),
    affinity: podTermsOf(spec.affinity?.podAffinity),
    antiAffinity: podTermsOf(spec.affinity?.podAntiAffinity),
    spread: spec.topologySpreadConstraints
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
      .map((one): SpreadConstraint => ({
        topologyKey: one.topologyKey,
        maxSkew: one.maxSkew,
        minDomains: one.minDomains ?? 1,
        selector: one.labelSelector ?? undefined,
        matchLabelKeys: one.matchLabelKeys,
        nodeAffinityPolicy: one.nodeAffinityPolicy ?? 'Honor',
        nodeTaintsPolicy: one.nodeTaintsPolicy ?? 'Ignore',
      })),
    ports: [...spec.containers, ...sidecars].flatMap(({ ports }) =>
      ports.flatMap(({ hostPort, hostIP, protocol }) =>
        hostPort === undefined || hostPort === null || hostPort === 0
          ? []
          : [{ ip: given(hostIP) ?? '0.0.0.0', protocol: protocol ?? 'TCP', port: hostPort }],
      ),
    ),
    scheduler: given(spec.schedulerName) ?? 'default-scheduler',
    gates: spec.schedulingGates.map(({ name }) => name),
    resourceClaims: [
      ...spec.resourceClaims.map(({ name }) => name),
      ...(extended === undefined ? [] : [extended]),
    ],
    priority: spec.priority ?? 0,
    preempts: spec.preemptionPolicy !== 'Never',
  }
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

/**
 * Undefined stays undefined: nothing is required, which is not the same as no term that can hold.
 */
export function termsOf(
  terms: z.infer<typeof nodeTerms> | null | undefined,
): readonly NodeTerm[] | undefined {
  return terms?.nodeSelectorTerms.map(({ matchExpressions, matchFields }) => ({
    expressions: matchExpressions,
    fields: matchFields,
  }))
}

/**
 * `matchLabelKeys` and `mismatchLabelKeys` were merged into the selector by the server when the pod
 * was made.
 */
function podTermsOf(terms: z.infer<typeof podTerms>): readonly PodTerm[] {
  return (terms?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(
    ({ labelSelector, namespaces, namespaceSelector, topologyKey }) => ({
      selector: labelSelector ?? undefined,
      namespaces,
      namespaceSelector: namespaceSelector ?? undefined,
      topologyKey,
    }),
  )
}

/** Resources that can be requested for the pod as a whole. */
const POD_LEVEL = /^(cpu|memory|hugepages-.+)$/

/**
 * Containers and sidecars together, or the one init container that needs more (with the sidecars
 * that run before it), then what is requested for the pod as a whole instead, then the overhead.
 * As `PodRequests` of k8s.io/component-helpers does it.
 */
function requestsOf(spec: Parsed['spec'], running: Parsed['running']): Amounts {
  const sum = new Map<string, number>()
  const sidecars = new Map<string, number>()
  const start = new Map<string, number>()
  for (const one of spec.containers) add(sum, ownRequests(one, running))
  for (const one of spec.initContainers) {
    const own = ownRequests(one, running)
    if (one.restartPolicy === 'Always') {
      add(sum, own)
      add(sidecars, own)
      most(start, sidecars)
    } else {
      const needed = new Map(sidecars)
      add(needed, own)
      most(start, needed)
    }
  }
  most(sum, start)
  for (const [name, amount] of Object.entries(spec.resources?.requests ?? {}))
    if (POD_LEVEL.test(name)) sum.set(name, whole(name, amount))
  add(
    sum,
    new Map(Object.entries(spec.overhead).map(([name, amount]) => [name, whole(name, amount)])),
  )
  return Object.fromEntries([...sum].filter(([, amount]) => amount > 0))
}

/** The largest of what is wanted, allocated and in force while a resize is under way. */
function ownRequests(
  { name, resources: wanted }: Container,
  running: Parsed['running'],
): Map<string, number> {
  const largest = new Map<string, number>()
  const there = running[name]
  for (const some of [wanted?.requests, there?.allocatedResources, there?.resources?.requests])
    most(
      largest,
      new Map(
        Object.entries(some ?? {}).map(([resource, amount]) => [resource, whole(resource, amount)]),
      ),
    )
  return largest
}

function add(sum: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0) + amount)
}

function most(sum: Map<string, number>, other: ReadonlyMap<string, number>): void {
  for (const [name, amount] of other) sum.set(name, Math.max(sum.get(name) ?? 0, amount))
}
