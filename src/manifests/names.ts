// Names and labels that Kubernetes would refuse later, some of them only when the pods are made:
// told before any request, with a name that would do.

import type { Finding, Place } from '../errors.ts'
import { invalid } from './findings.ts'
import type { Manifest } from './manifest.ts'
import { DNS_LABEL, podNameFindings } from './pod-names.ts'
import { shortName } from '../short-name.ts'
import { parseSet } from './shapes.ts'
import { textsOf } from './texts.ts'

/** A label's value, and a host's name (RFC 1123). */
const LABEL = 63
/** Name of an object (DNS subdomain). */
const SUBDOMAIN = 253
/**
 * `-` and at most ten characters of a hash: the controller labels each pod with
 * `controller-revision-hash: <set>-<hash>`.
 */
const HASH = 11
/** Of all annotations of an object together; k8s.io/apimachinery, TotalAnnotationSizeLimitB. */
const ANNOTATIONS = 256 * 1024

type Path = readonly (string | number)[]

/** MANIFEST_INVALID for each. */
export function nameFindings(manifests: readonly Manifest[]): readonly Finding[] {
  return manifests.flatMap((manifest) => [
    ...ownName(manifest),
    ...metadataFindings(manifest, ['metadata']),
    ...setFindings(manifest),
  ])
}

function ownName(manifest: Manifest): readonly Finding[] {
  const { kind, metadata } = manifest.object
  const { name, namespace } = metadata
  const findings: Finding[] = []
  const tell = (path: Path, message: string, fix: string): void =>
    void findings.push({
      ...invalid(manifest.placeOf(path), message, fix),
      object: `${kind.toLowerCase()}/${name}`,
    })
  const most = MOST[kind] ?? SUBDOMAIN
  // Some kinds take other characters (roles: colons); they are the server's to judge.
  if (name.length > most)
    tell(
      ['metadata', 'name'],
      `the name of ${kind} ${name} has ${name.length} characters, Kubernetes takes ${most}${WHY[kind] ?? ''}`,
      `shorten it, for instance to ${shortName(name, most)}`,
    )
  else if (
    (HOSTS.has(kind) && !DNS_LABEL.test(name)) ||
    (PLAIN.has(kind) && !SUBDOMAIN_NAME.test(name))
  ) {
    tell(
      ['metadata', 'name'],
      `the name of ${kind} ${name} has characters that Kubernetes does not take`,
      `use lower case letters, digits and -${HOSTS.has(kind) ? ' (no dots)' : ' or .'}, with a letter or digit at both ends`,
    )
  }
  if (namespace !== undefined && namespace.length <= LABEL && !DNS_LABEL.test(namespace))
    tell(
      ['metadata', 'namespace'],
      `the namespace ${namespace} has characters that Kubernetes does not take`,
      'use lower case letters, digits and -, with a letter or digit at both ends',
    )
  if (namespace !== undefined && namespace.length > LABEL)
    tell(
      ['metadata', 'namespace'],
      `the namespace ${namespace} has ${namespace.length} characters, Kubernetes takes ${LABEL}`,
      `shorten it, for instance to ${shortName(namespace, LABEL)}`,
    )
  return findings
}

/** Longest name by kind; others take 253. */
const MOST: Readonly<Record<string, number>> = {
  StatefulSet: LABEL - HASH,
  Service: LABEL,
  Namespace: LABEL,
  Job: LABEL,
  CronJob: 52,
}
/** Kinds whose names become parts of hosts: a DNS label. */
const HOSTS: ReadonlySet<string> = new Set(['StatefulSet', 'Service', 'Namespace'])
const PLAIN: ReadonlySet<string> = new Set([
  'Pod',
  'Job',
  'CronJob',
  'Deployment',
  'DaemonSet',
  'ConfigMap',
  'Secret',
  'ServiceAccount',
  'PersistentVolumeClaim',
  'PersistentVolume',
  'StorageClass',
  'PodDisruptionBudget',
  'NetworkPolicy',
  'Ingress',
])
const SUBDOMAIN_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const WHY: Readonly<Record<string, string>> = {
  StatefulSet:
    ' of a StatefulSet: with the hash of its revision it is a label of each pod, and a label takes 63',
  CronJob: ': its jobs get eleven characters more',
}

/** Labels and annotations below a `metadata`. */
function metadataFindings(manifest: Manifest, path: Path): readonly Finding[] {
  const labels = stringsAt(manifest, [...path, 'labels'])
  const annotations = stringsAt(manifest, [...path, 'annotations'])
  const of = `of ${manifest.object.kind} ${manifest.object.metadata.name}`
  const where = (...more: Path): Place => manifest.placeOf([...path, ...more])
  const size = annotations.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )
  return [
    ...labels.flatMap(([key, value]) => [
      ...(isQualified(key)
        ? []
        : [
            invalid(
              where('labels', key),
              `the label ${key} ${of} has a name that Kubernetes does not take`,
              KEY_MEND,
            ),
          ]),
      ...(value.length <= LABEL && /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/.test(value)
        ? []
        : [
            invalid(
              where('labels', key),
              `the value of the label ${key} ${of} ${value.length > LABEL ? `has ${value.length} characters, a label takes ${LABEL}` : 'has characters that a label does not take'}`,
              'shorten it to letters, digits, - _ and . with a letter or digit at both ends, or make it an annotation',
            ),
          ]),
    ]),
    ...annotations
      .filter(([key]) => !isQualified(key.toLowerCase()))
      .map(([key]) =>
        invalid(
          where('annotations', key),
          `the annotation ${key} ${of} has a name that Kubernetes does not take`,
          KEY_MEND,
        ),
      ),
    ...(size <= ANNOTATIONS
      ? []
      : [
          invalid(
            where('annotations'),
            `the annotations ${of} have ${size} bytes, Kubernetes takes ${ANNOTATIONS}`,
            'put what is large into a ConfigMap',
          ),
        ]),
  ]
}

const KEY_MEND =
  'write name or prefix/name: the name of at most 63 letters, digits, - _ and . with a letter or digit at both ends, the prefix in lower case as a DNS name'

/** `name` or `prefix/name`. */
function isQualified(key: string): boolean {
  const parts = key.split('/')
  const name = parts.at(-1) ?? ''
  const prefix = parts.length === 2 ? parts[0] : undefined
  return (
    parts.length <= 2 &&
    name.length <= LABEL &&
    /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name) &&
    (prefix === undefined || (prefix.length <= SUBDOMAIN && SUBDOMAIN_NAME.test(prefix)))
  )
}

function stringsAt(manifest: Manifest, path: Path): readonly (readonly [string, string])[] {
  return Object.entries(textsOf(at(manifest.object, path)))
}

/**
 * What the controller makes of a set's name: hosts of pods and names of claims, with the longest
 * ordinal.
 */
function setFindings(manifest: Manifest): readonly Finding[] {
  const shape = manifest.object.kind === 'StatefulSet' ? parseSet(manifest.object) : undefined
  if (shape === undefined) return []
  const { name } = manifest.object.metadata
  const last = (shape.spec.ordinals?.start ?? 0) + Math.max(0, (shape.spec.replicas ?? 1) - 1)
  const pod = `${name}-${last}`
  const claims = shape.spec.volumeClaimTemplates.flatMap((template, index): Finding[] => {
    const claim = `${template.metadata.name}-${pod}`
    if (claim.length <= SUBDOMAIN) return []
    return [
      invalid(
        manifest.placeOf(['spec', 'volumeClaimTemplates', index, 'metadata', 'name']),
        `the claim ${claim} would have ${claim.length} characters, Kubernetes takes ${SUBDOMAIN}`,
        'shorten the name of the claim template',
      ),
    ]
  })
  const host =
    pod.length <= LABEL || name.length > LABEL - HASH
      ? []
      : [
          invalid(
            manifest.placeOf(['metadata', 'name']),
            `the host name ${pod} of the last member would have ${pod.length} characters, a host name takes ${LABEL}`,
            `shorten the name, for instance to ${shortName(name, LABEL - HASH)}`,
          ),
        ]
  const claimed = shape.spec.volumeClaimTemplates.flatMap((_, index) =>
    metadataFindings(manifest, ['spec', 'volumeClaimTemplates', index, 'metadata']),
  )
  return [
    ...claims,
    ...host,
    ...claimed,
    ...metadataFindings(manifest, ['spec', 'template', 'metadata']),
    ...podNameFindings(manifest, shape),
  ]
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined,
    value,
  )
}
