// Names and labels that Kubernetes would refuse later, some of them only when the pods are made: told before any request, with a name that would do.

import { createHash } from 'node:crypto'
import type { Finding } from '../errors.ts'
import { invalid } from './findings.ts'
import type { Manifest } from './manifest.ts'
import { parseSet } from './shapes.ts'

/** A label's value, and a host's name (RFC 1123). */
const LABEL = 63
/** Name of an object (DNS subdomain). */
const SUBDOMAIN = 253
/** `-` and at most ten characters of a hash: the controller labels each pod with `controller-revision-hash: <set>-<hash>`. */
const HASH = 11
/** Of all annotations of an object together; k8s.io/apimachinery, TotalAnnotationSizeLimitB. */
const ANNOTATIONS = 256 * 1024

type Path = readonly (string | number)[]

/** MANIFEST_INVALID for each. */
export function nameFindings(manifests: readonly Manifest[]): readonly Finding[] {
  return manifests.flatMap((manifest) => [...ownName(manifest), ...labelFindings(manifest, ['metadata']), ...annotationSize(manifest), ...setFindings(manifest)])
}

function ownName(manifest: Manifest): readonly Finding[] {
  const { kind, metadata } = manifest.object
  const { name, namespace } = metadata
  const findings: Finding[] = []
  const tell = (path: Path, message: string, mend: string): void => void findings.push({ ...invalid(manifest.placeOf(path), message, mend), object: `${kind.toLowerCase()}/${name}` })
  const most = MOST[kind] ?? SUBDOMAIN
  // Some kinds take other characters (roles: colons); they are the server's to judge.
  if (name.length > most) tell(['metadata', 'name'], `the name of ${kind} ${name} has ${name.length} characters, Kubernetes takes ${most}${WHY[kind] ?? ''}`, `shorten it, for instance to ${shorter(name, most)}`)
  else if (kind in MOST && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) tell(['metadata', 'name'], `the name of ${kind} ${name} has characters that Kubernetes does not take`, 'use lower case letters, digits and -, a letter first and no - at the end')
  if (namespace !== undefined && namespace.length > LABEL) tell(['metadata', 'namespace'], `the namespace ${namespace} has ${namespace.length} characters, Kubernetes takes ${LABEL}`, `shorten it, for instance to ${shorter(namespace, LABEL)}`)
  return findings
}

/** Longest name by kind; others take 253. */
const MOST: Readonly<Record<string, number>> = { StatefulSet: LABEL - HASH, Service: LABEL, Namespace: LABEL, Pod: LABEL, Job: LABEL, CronJob: 52 }
const WHY: Readonly<Record<string, string>> = { StatefulSet: ' of a StatefulSet: with the hash of its revision it is a label of each pod, and a label takes 63', CronJob: ': its jobs get eleven characters more' }

/** Its beginning, and a hash of the whole, so that two long names stay two. */
function shorter(name: string, most: number): string {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 6)
  return `${name.slice(0, most - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`
}

function labelFindings(manifest: Manifest, path: Path): readonly Finding[] {
  const labels = at(manifest.object, [...path, 'labels'])
  if (typeof labels !== 'object' || labels === null) return []
  return Object.entries(labels).flatMap(([key, value]: [string, unknown]) => {
    if (typeof value !== 'string' || (value.length <= LABEL && /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/.test(value))) return []
    const why = value.length > LABEL ? `has ${value.length} characters, a label takes ${LABEL}` : 'has characters that a label does not take'
    return [{ ...invalid(manifest.placeOf([...path, 'labels', key]), `the value of the label ${key} of ${manifest.object.kind} ${manifest.object.metadata.name} ${why}`, 'shorten it to letters, digits, - _ and . with a letter or digit at both ends, or make it an annotation') }]
  })
}

function annotationSize(manifest: Manifest): readonly Finding[] {
  const size = Object.entries(manifest.object.metadata.annotations ?? {}).reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return size <= ANNOTATIONS ? [] : [invalid(manifest.placeOf(['metadata', 'annotations']), `the annotations of ${manifest.object.kind} ${manifest.object.metadata.name} have ${size} characters, Kubernetes takes ${ANNOTATIONS}`, 'put what is large into a ConfigMap')]
}

/** What the controller makes of a set's name: hosts of pods and names of claims, with the longest ordinal. */
function setFindings(manifest: Manifest): readonly Finding[] {
  const shape = manifest.object.kind === 'StatefulSet' ? parseSet(manifest.object) : undefined
  if (shape === undefined) return []
  const { name } = manifest.object.metadata
  const last = (shape.spec.ordinals?.start ?? 0) + Math.max(0, (shape.spec.replicas ?? 1) - 1)
  const pod = `${name}-${last}`
  const claims = shape.spec.volumeClaimTemplates.flatMap((template, index): Finding[] => {
    const claim = `${template.metadata.name}-${pod}`
    if (claim.length <= SUBDOMAIN) return []
    return [invalid(manifest.placeOf(['spec', 'volumeClaimTemplates', index, 'metadata', 'name']), `the claim ${claim} would have ${claim.length} characters, Kubernetes takes ${SUBDOMAIN}`, 'shorten the name of the claim template')]
  })
  const host = pod.length <= LABEL || name.length > LABEL - HASH ? [] : [invalid(manifest.placeOf(['metadata', 'name']), `the host name ${pod} of the last member would have ${pod.length} characters, a host name takes ${LABEL}`, `shorten the name, for instance to ${shorter(name, LABEL - HASH)}`)]
  return [...claims, ...host, ...labelFindings(manifest, ['spec', 'template', 'metadata'])]
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined), value)
}
