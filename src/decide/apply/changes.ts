// What an apply would change, from the live object and a dry run's answer: paths, whose fields they
// are, and whether members roll for it.

import type { KubeObject } from '../../kube/kube.ts'

/** Written by the server, or not part of what is wanted. */
const IGNORED_METADATA = new Set([
  'managedFields',
  'resourceVersion',
  'generation',
  'uid',
  'creationTimestamp',
  'selfLink',
])

/**
 * Paths that differ, such as `spec.template.spec.containers[0].image`; a path, never a value, so
 * Secrets stay secret. Empty: the same.
 */
export function compareObjects(live: KubeObject, dryRun: KubeObject): readonly string[] {
  return differences(wantedPart(live), wantedPart(dryRun), '')
}

/** Without what the server writes. */
export function wantedPart(object: KubeObject): Readonly<Record<string, unknown>> {
  const { status: _, metadata, ...rest } = object
  return {
    ...rest,
    metadata: Object.fromEntries(
      Object.entries(metadata).filter(([key]) => !IGNORED_METADATA.has(key)),
    ),
  }
}

/**
 * Whether our managedFields entry of an Apply is the same: without a field gained or given up, an
 * apply that changes no value need not be sent.
 */
export function ownsSame(live: KubeObject, dryRun: KubeObject, manager: string): boolean {
  const [before, after] = [live, dryRun].map((object) =>
    (object.metadata.managedFields ?? []).find(
      (entry) =>
        entry.manager === manager &&
        entry.operation === 'Apply' &&
        (entry.subresource ?? '') === '',
    ),
  )
  return (
    before?.apiVersion === after?.apiVersion &&
    differences(before?.fieldsV1, after?.fieldsV1, '').length === 0
  )
}

/**
 * Whether the paths of a StatefulSet's change touch the pod template, which is what makes a new
 * revision.
 */
export function rollsMembers(changedPaths: readonly string[]): boolean {
  return changedPaths.some(
    (path) => path === 'spec' || path === 'spec.template' || path.startsWith('spec.template.'),
  )
}

/**
 * Leaves that differ between two JSON values. An absent field, a null and an undefined are one;
 * lists of different length differ as a whole.
 */
export function differences(a: unknown, b: unknown, path: string): readonly string[] {
  if (a === b || (isAbsent(a) && isAbsent(b))) return []
  if (isMap(a) && isMap(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])]
      .toSorted()
      .flatMap((key) => differences(a[key], b[key], step(path, key)))
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length)
    return a.flatMap((item: unknown, index) => differences(item, b[index], `${path}[${index}]`))
  return [path]
}

function step(path: string, key: string): string {
  const plain = /^[A-Za-z_][\w-]*$/.test(key)
  if (!plain) return `${path}["${key}"]`
  return path === '' ? key : `${path}.${key}`
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
