// Whose hand wrote a field: a person's tool, from whose fields an asked-for undo or scale may take
// over, or a controller, which would write it again.

import { capital } from '../../capital.ts'
import type { WayAround } from '../../errors.ts'
import { isTree, parseKey, type Tree } from '../../manifests/fields-v1.ts'

export type Hand = {
  readonly kind: 'person' | 'controller' | 'unknown'
  readonly name: string
  readonly fix?: string
}

interface Known {
  readonly name: string
  readonly managers: RegExp
  readonly fix?: string
}

/**
 * The managers that people's tools write as; a tool without one of its own is known by the start of
 * its User-Agent.
 */
const PEOPLE: readonly Known[] = [
  { name: 'kubectl set', managers: /^kubectl-set$/ },
  { name: 'kubectl patch', managers: /^kubectl-patch$/ },
  { name: 'kubectl edit', managers: /^kubectl-edit$/ },
  { name: 'kubectl rollout', managers: /^kubectl-rollout$/ },
  { name: 'kubectl apply', managers: /^kubectl-client-side-apply$/ },
  { name: 'kubectl', managers: /^(?:kubectl|kubectl-[a-z-]+|oc)$/ },
  { name: 'the Kubernetes dashboard', managers: /^(?:kubernetes-)?dashboard(?:-\w+)?$/i },
  { name: 'Lens', managers: /^(?:node-fetch|open-?lens|lens|freelens)$/i },
  { name: 'k9s', managers: /^k9s$/i },
  {
    name: 'a browser (Headlamp, the OpenShift console)',
    managers: /^(?:Mozilla|headlamp(?:-server)?)$/i,
  },
  { name: 'Rancher', managers: /^rancher$/i },
]

const CONTROLLERS: readonly Known[] = [
  {
    name: 'Argo CD',
    managers: /^argocd(?:-[\w-]+)?$/,
    fix: 'change it in the repository that Argo CD follows, or take its self-heal off',
  },
  {
    name: 'Flux',
    managers: /^(?:kustomize-controller|helm-controller|flux(?:-[\w-]+)?)$/,
    fix: 'change it in the source that Flux follows, or suspend the Kustomization or HelmRelease',
  },
  {
    name: 'Helm',
    managers: /^helm$/i,
    fix: 'change it through the chart: the next helm upgrade writes it again',
  },
  {
    name: 'KEDA',
    managers: /^keda(?:-[\w-]+)?$/i,
    fix: 'delete the ScaledObject that targets it',
  },
  {
    name: 'the VerticalPodAutoscaler',
    managers: /^vpa-[\w-]+$/i,
    fix: 'set updateMode: "Off" in the VerticalPodAutoscaler',
  },
  {
    name: 'Rancher Fleet',
    managers: /^fleet(?:agent|controller)?$/i,
    fix: 'change it in the repository that Fleet follows',
  },
  {
    name: 'kapp',
    managers: /^kapp(?:-controller|-server-side-apply)?$/,
    fix: 'change it in the App that kapp follows',
  },
]

/** `subresource`: through which it wrote; the autoscaler is known by it. */
export function handOf(manager: string, subresource?: string): Hand {
  if (manager === 'kube-controller-manager') {
    return subresource === 'scale'
      ? {
          kind: 'controller',
          name: 'a HorizontalPodAutoscaler',
          fix: 'delete the HorizontalPodAutoscaler that targets it',
        }
      : { kind: 'controller', name: 'a controller of Kubernetes' }
  }
  const controller = CONTROLLERS.find((one) => one.managers.test(manager))
  if (controller !== undefined)
    return {
      kind: 'controller',
      name: controller.name,
      ...(controller.fix === undefined ? {} : { fix: controller.fix }),
    }
  const person = PEOPLE.find((one) => one.managers.test(manager))
  if (person === undefined) return { kind: 'unknown', name: manager }
  return {
    kind: 'person',
    name: manager === 'kubectl' && subresource === 'scale' ? 'kubectl scale' : person.name,
  }
}

/** Parts of an object by the names of its fields; what lies below them belongs to them. */
export type Part = readonly string[]

/**
 * A tree of FieldsV1 in two: what lies in one of the parts, and the rest; undefined where nothing
 * does.
 */
export function splitFields(
  fields: unknown,
  parts: readonly Part[],
): { readonly taken: Tree | undefined; readonly left: Tree | undefined } {
  if (!isTree(fields)) return { taken: undefined, left: undefined }
  if (parts.some((part) => part.length === 0)) return { taken: fields, left: undefined }
  const taken: Record<string, unknown> = {}
  const left: Record<string, unknown> = {}
  for (const [key, below] of Object.entries(fields)) {
    const deeper = parts.flatMap(([first, ...rest]) => (key === `f:${first ?? ''}` ? [rest] : []))
    if (deeper.length === 0) {
      left[key] = below
      continue
    }
    const both = splitFields(below, deeper)
    if (both.taken !== undefined) taken[key] = both.taken
    if (both.left !== undefined) left[key] = both.left
  }
  return {
    taken: Object.keys(taken).length === 0 ? undefined : taken,
    left: Object.keys(left).length === 0 ? undefined : left,
  }
}

/**
 * The fields of a tree as an API error names them, such as
 * `.spec.template.spec.containers[name="c"].image`.
 */
export function pathsOf(fields: unknown, at = ''): readonly string[] {
  if (!isTree(fields)) return []
  const below = Object.entries(fields).filter(([key]) => key !== '.')
  if (below.length === 0) return at === '' ? [] : [at]
  return below.flatMap(([key, value]) => pathsOf(value, `${at}${step(key)}`))
}

function step(key: string): string {
  if (key.startsWith('f:')) return `.${key.slice(2)}`
  const keys = parseKey(key.slice(2))
  if (key.startsWith('k:') && isTree(keys))
    return `[${Object.entries(keys)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(',')}]`
  return `[${key.startsWith('v:') ? `=${key.slice(2)}` : key.slice(2)}]`
}

/** Fields whose values may be told: what a person changes by hand and nobody keeps a secret in. */
const TOLD =
  /^\.spec\.(?:replicas|minReadySeconds|podManagementPolicy|type|maxUnavailable|minAvailable|updateStrategy\..*|template\.spec\.(?:(?:initContainers|containers)\[name="[^"]*"\]\.(?:image|imagePullPolicy|resources\..*)|terminationGracePeriodSeconds|serviceAccountName|priorityClassName|hostNetwork))$/

export interface Conflict {
  readonly manager: string
  readonly subresource: string | undefined
  /** As the API names it. */
  readonly field: string
}

interface Told {
  readonly object: string
  readonly live: unknown
  readonly wanted: unknown
}

/** Who changed what, and what to do; `mayForce`: where an input takes the fields over. */
export function conflictWords(
  conflicts: readonly Conflict[],
  { object, live, wanted }: Told,
  mayForce: boolean,
): { readonly message: string; readonly fix: string; readonly orSet?: WayAround } {
  const groups = new Map<
    string,
    { readonly hand: Hand; readonly manager: string; readonly fields: string[] }
  >()
  for (const { manager, subresource, field } of conflicts) {
    const key = `${manager} ${subresource ?? ''}`
    const group = groups.get(key) ?? { hand: handOf(manager, subresource), manager, fields: [] }
    group.fields.push(`${field}${changeOf(field, live, wanted)}`)
    groups.set(key, group)
  }
  const all = [...groups.values()]
  const message = `${object}: ${all.map(({ hand, manager, fields }) => `${hand.name}${hand.name === manager ? '' : ` (field manager ${manager})`} set ${fields.join(', ')}`).join('; ')}`
  const controllers = all.filter(({ hand }) => hand.kind === 'controller')
  if (controllers.length === 0) {
    const keep =
      'If what stands there is to stay, write it into the manifests, or leave the fields out of them.'
    if (mayForce)
      return {
        message,
        fix: keep,
        orSet: { input: 'force-conflicts', value: 'true', why: 'once, to take these fields over' },
      }
    return {
      message,
      fix: `${keep} If not: operation: deploy with force-conflicts: true, once, takes these fields over.`,
    }
  }
  const advice = [
    ...new Set(controllers.map(({ hand }) => hand.fix ?? `find out why ${hand.name} writes it`)),
  ]
  return {
    message,
    fix: `${capital(advice.join('; '))}: until then it would be written again${mayForce ? ', whoever takes the fields over' : ''}.`,
  }
}

/** ` (zookeeper:3.9.4 there, zookeeper:3.9.5 wanted)`, for values that may be told. */
export function changeOf(field: string, live: unknown, wanted: unknown): string {
  if (!TOLD.test(field)) return ''
  const [before, after] = [valueAt(live, field), valueAt(wanted, field)]
  return before === undefined && after === undefined
    ? ''
    : ` (${shown(before)} there, ${shown(after)} wanted)`
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value).slice(0, 200)
    : 'another'
}

function valueAt(object: unknown, field: string): unknown {
  let at: unknown = object
  for (const [, name, keys] of field.matchAll(/\.([^.[]+)|\[([^\]]*)\]/g)) {
    if (name !== undefined) {
      at = isTree(at) ? at[name] : undefined
      continue
    }
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(keys ?? '') ?? []
    const wanted = parseKey(value)
    at = Array.isArray(at)
      ? at.find((item: unknown) => isTree(item) && item[key] === wanted)
      : undefined
  }
  return at
}
