// Fields of a StatefulSet that the server refuses to change; its answer names none of them, so they
// are compared here.

import { quantityOf } from '../../view/quantity.ts'
import { differences } from '../apply/changes.ts'
import type { PreflightFinding, PreflightInput } from './finding.ts'

const IMMUTABLE = [
  'selector',
  'serviceName',
  'podManagementPolicy',
  'volumeClaimTemplates',
] as const

/** One immutable field that would change. */
export interface ImmutableDifference {
  /** Below `spec`: `['volumeClaimTemplates', 0, 'spec', 'storageClassName']`. */
  readonly path: readonly (string | number)[]
  readonly live: unknown
  readonly wanted: unknown
}

/**
 * Compares the two specs after the server's defaults are taken out of account. A field that the
 * manifest doesn't write is not touched,
 * because a server-side apply leaves it as it is.
 */
export function immutableDifferences(
  live: unknown,
  wanted: unknown,
): readonly ImmutableDifference[] {
  if (!isMap(live) || !isMap(wanted)) return []
  return IMMUTABLE.flatMap((field): readonly ImmutableDifference[] => {
    const [before, after] = [live[field], wanted[field]]
    if (after === undefined || after === null) return []
    if (field === 'volumeClaimTemplates')
      return templateDifferences(templatesIn(live), templatesIn(wanted))
    return differences(withoutEmpty(before), withoutEmpty(after), '').length === 0
      ? []
      : [{ path: [field], live: before, wanted: after }]
  })
}

export function immutableFindings({ live, wanted }: PreflightInput): readonly PreflightFinding[] {
  if (live === undefined) return []
  return immutableDifferences(live.spec, wanted.spec).map(
    ({ path, live: before, wanted: after }) => {
      const field = ['spec', ...path].reduce<string>(
        (text, key) =>
          typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`,
        '',
      )
      return {
        code: 'IMMUTABLE_FIELD',
        severity: 'error',
        object: `statefulset/${wanted.name}`,
        message: `${field} can't be changed: it is ${show(before)} in the cluster, the manifest says ${show(after)}`,
        fix: fixFor(path, live.spec, wanted),
        path: ['spec', ...path],
      }
    },
  )
}

function fixFor(
  path: ImmutableDifference['path'],
  live: unknown,
  { namespace, name, spec }: PreflightInput['wanted'],
): string {
  const replace = `kubectl -n ${namespace} delete statefulset ${name} --cascade=orphan, and deploy again; the pods keep running`
  if (path.at(-1) === 'storage')
    return `Grow the claims themselves (kubectl edit pvc), then replace the StatefulSet with: ${replace}.`
  if (path[0] === 'volumeClaimTemplates' && addsClaim(live, spec))
    return 'Keep it as it is. A claim is added by hand, to one member after the other, the lowest ordinal first.'
  return path[0] === 'volumeClaimTemplates' || path[0] === 'podManagementPolicy'
    ? `Keep it as it is, or: ${replace}, claims that exist stay as they are.`
    : 'Keep it as it is: with another one the members would lose their names or their pods.'
}

/** The pods that run could not be given it: see left-pods.ts. */
function addsClaim(live: unknown, wanted: unknown): boolean {
  const known = templatesIn(live).map(({ name }) => name)
  return templatesIn(wanted).some(({ name }) => !known.includes(name))
}

function templatesIn(spec: unknown): readonly Template[] {
  const templates = isMap(spec) ? spec['volumeClaimTemplates'] : undefined
  return Array.isArray(templates) ? templates.map(plainTemplate) : []
}

function templateDifferences(
  before: readonly Template[],
  after: readonly Template[],
): readonly ImmutableDifference[] {
  const names = (list: readonly Template[]): string =>
    list.map((template) => template.name).join(', ')
  if (names(before) !== names(after))
    return [{ path: ['volumeClaimTemplates'], live: names(before), wanted: names(after) }]
  return after.flatMap((template, index) => {
    const other = before[index]
    const keys = [...new Set([...template.fields.keys(), ...(other?.fields.keys() ?? [])])]
    return keys.flatMap((key): readonly ImmutableDifference[] => {
      const [was, is] = [other?.fields.get(key), template.fields.get(key)]
      return differences(was?.value, is?.value, '').length === 0
        ? []
        : [
            {
              path: ['volumeClaimTemplates', index, ...((is ?? was)?.path ?? [])],
              live: was?.written,
              wanted: is?.written,
            },
          ]
    })
  })
}

interface Template {
  readonly name: string
  readonly fields: ReadonlyMap<
    string,
    { readonly path: readonly string[]; readonly value: unknown; readonly written: unknown }
  >
}

/**
 * The fields that are compared one by one; what the server fills in (kind, status, volumeMode)
 * counts as written.
 */
function plainTemplate(template: unknown): Template {
  const metadata = mapAt(template, 'metadata')
  const spec = mapAt(template, 'spec')
  const storage = mapAt(mapAt(spec, 'resources'), 'requests')['storage']
  const fields = new Map<
    string,
    { readonly path: readonly string[]; readonly value: unknown; readonly written: unknown }
  >()
  const add = (
    path: readonly string[],
    written: unknown,
    value: unknown = withoutEmpty(written),
  ): void => {
    if (value !== undefined && value !== null) fields.set(path.join('.'), { path, value, written })
  }
  add(['metadata', 'labels'], metadata['labels'])
  add(['metadata', 'annotations'], metadata['annotations'])
  add(['spec', 'resources', 'requests', 'storage'], storage, quantityOf(storage) ?? storage)
  add(['spec', 'volumeMode'], spec['volumeMode'] ?? 'Filesystem')
  for (const [key, value] of Object.entries(spec))
    if (key !== 'resources' && key !== 'volumeMode') add(['spec', key], value)
  const name = metadata['name']
  return { name: typeof name === 'string' ? name : '', fields }
}

function mapAt(value: unknown, key: string): Readonly<Record<string, unknown>> {
  const found = isMap(value) ? value[key] : undefined
  return isMap(found) ? found : {}
}

/** An empty map or list that one side writes and the other leaves out is no difference. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty)
  if (!isMap(value)) return value ?? undefined
  const kept = Object.entries(value)
    .map(([key, field]) => [key, withoutEmpty(field)] as const)
    .filter(([, field]) => field !== undefined)
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (value === undefined || value === null) return 'not set'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
