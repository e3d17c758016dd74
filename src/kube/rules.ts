// Rights that are missing, as the Role to add: the smallest that grants them, ready to be copied.

import type { Access } from './kube.ts'

const ROLE_NAME = 'zk-ensemble-action'

const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']

interface RuleText {
  readonly group: string
  readonly resources: readonly string[]
  readonly names: readonly string[]
  readonly verbs: readonly string[]
}

/**
 * YAML of a Role for each namespace and one ClusterRole for the rest, documents parted by `---`; ''
 * when nothing is wanted.
 */
export function roleFor(wanted: readonly Access[], name = ROLE_NAME): string {
  const scopes = [...new Set(wanted.map((access) => access.namespace))].toSorted((a, b) =>
    (a ?? '~').localeCompare(b ?? '~'),
  )
  return scopes
    .map((namespace) => {
      const head =
        namespace === undefined
          ? `apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: ${scalar(name)}\n`
          : `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: ${scalar(name)}\n  namespace: ${scalar(namespace)}\n`
      return `${head}rules:\n${minimalRules(
        wanted.filter((access) => access.namespace === namespace),
      )
        .map(ruleYaml)
        .join('')}`
    })
    .join('---\n')
}

/** ` in shop: get, list statefulsets; create leases; in the whole cluster: list nodes`. */
export function rightsInWords(wanted: readonly Access[]): string {
  const scopes = Map.groupBy(wanted, ({ namespace }) => namespace)
  return [...scopes]
    .map(([namespace, rights]) => {
      const byResource = Map.groupBy(rights, ({ resource }) => resource)
      const told = [...byResource].map(
        ([resource, some]) =>
          `${[...new Set(some.map(({ verb }) => verb))].toSorted(byVerb).join(', ')} ${resource}`,
      )
      return ` in ${namespace ?? 'the whole cluster'}: ${told.join('; ')}`
    })
    .join(';')
}

/** One rule of the core group, for a Role that is there; ends without a line's end. */
export function ruleFor(resource: string, verbs: readonly string[], name?: string): string {
  const names = name === undefined ? [] : [name]
  return ruleYaml({ group: '', resources: [resource], names, verbs }).trimEnd()
}

/** A WebSocket opens with GET, and newer servers ask for create as well. */
const STREAM = ['get', 'create']
export const FORWARD_RULE = ruleFor('pods/portforward', STREAM)
export const EXEC_RULE = ruleFor('pods/exec', STREAM)
export const ADD_EXEC = `Add this rule to the Role of this workflow:\n${EXEC_RULE}`

/**
 * Verbs of a resource gathered, then resources with the same verbs, then names with the same
 * rights.
 */
function minimalRules(wanted: readonly Access[]): readonly RuleText[] {
  const verbs = new Map<
    string,
    { group: string; resource: string; name: string | undefined; verbs: Set<string> }
  >()
  for (const { group, resource, name, verb } of wanted) {
    const key = JSON.stringify([group, resource, name])
    const entry = verbs.get(key) ?? { group, resource, name, verbs: new Set<string>() }
    entry.verbs.add(verb)
    verbs.set(key, entry)
  }
  const rules = new Map<
    string,
    { group: string; resources: Set<string>; names: Set<string>; verbs: readonly string[] }
  >()
  for (const entry of verbs.values()) {
    const sorted = [...entry.verbs].toSorted(byVerb)
    // Names are granted together only for one resource: a rule grants each name in each of its
    // resources.
    const key = JSON.stringify([
      entry.group,
      sorted,
      entry.name === undefined ? '' : entry.resource,
    ])
    const rule = rules.get(key) ?? {
      group: entry.group,
      resources: new Set<string>(),
      names: new Set<string>(),
      verbs: sorted,
    }
    rule.resources.add(entry.resource)
    if (entry.name !== undefined) rule.names.add(entry.name)
    rules.set(key, rule)
  }
  return [...rules.values()]
    .map((rule) => ({
      group: rule.group,
      resources: [...rule.resources].toSorted(),
      names: [...rule.names].toSorted(),
      verbs: rule.verbs,
    }))
    .toSorted(
      (a, b) =>
        a.group.localeCompare(b.group) || a.resources.join().localeCompare(b.resources.join()),
    )
}

function byVerb(a: string, b: string): number {
  const place = (verb: string): number =>
    VERBS.includes(verb) ? VERBS.indexOf(verb) : VERBS.length
  return place(a) - place(b) || a.localeCompare(b)
}

function ruleYaml(rule: RuleText): string {
  const names = rule.names.length === 0 ? '' : `  resourceNames: ${flow(rule.names)}\n`
  return `- apiGroups: ${flow([rule.group])}\n  resources: ${flow(rule.resources)}\n${names}  verbs: ${flow(rule.verbs)}\n`
}

function flow(values: readonly string[]): string {
  return `[${values.map(scalar).join(', ')}]`
}

function scalar(value: string): string {
  return /^[a-z]([a-z0-9./-]*[a-z0-9])?$/.test(value) &&
    !['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'].includes(value)
    ? value
    : JSON.stringify(value)
}
