// What the API server fills in and normalises, as far as our kinds need it: an apply of an
// unchanged manifest must come out equal.

import type { Fields, Json } from './json.ts'
import { at, fields, fill, isFields, items, put, text } from './json.ts'
import type { Stored } from './store.ts'
import { nameOf } from './store.ts'

/** Zero values that the server leaves out (`omitempty`). */
const DROPPED: Readonly<Record<string, readonly Json[]>> = {
  minReadySeconds: [0],
  initialDelaySeconds: [0],
  publishNotReadyAddresses: [false],
  hostNetwork: [false],
  hostPID: [false],
  hostIPC: [false],
  readOnly: [false],
  stdin: [false],
  tty: [false],
  creationTimestamp: [null],
  value: [''],
  hostPort: [0],
}

/** Fills in the server's defaults, in place. */
export function setDefaults(object: Stored): void {
  normalise(object)
  switch (object.kind) {
    case 'StatefulSet':
      return statefulSet(object)
    case 'Deployment':
    case 'DaemonSet':
    case 'ReplicaSet':
      return podTemplate(fields(object, 'spec', 'template'))
    case 'Service':
      return service(object)
    case 'Pod':
      return pod(object)
    case 'PodDisruptionBudget':
      if (at(object, 'status') === undefined)
        put(object, ['status'], {
          disruptionsAllowed: 0,
          currentHealthy: 0,
          desiredHealthy: 0,
          expectedPods: 0,
        })
      return
    case 'PersistentVolumeClaim':
      return claim(object)
    case 'StorageClass':
      fill(object, ['reclaimPolicy'], 'Delete')
      return fill(object, ['volumeBindingMode'], 'Immediate')
    case 'Namespace':
      put(object, ['metadata', 'labels'], {
        ...fields(object, 'metadata', 'labels'),
        'kubernetes.io/metadata.name': nameOf(object),
      })
      fill(object, ['spec', 'finalizers'], ['kubernetes'])
      return fill(object, ['status', 'phase'], 'Active')
    case 'Secret':
      return secret(object)
    default:
  }
}

/** Quantities in their canonical form, zero values and empty maps gone. */
function normalise(node: Json, field = ''): void {
  if (Array.isArray(node)) for (const item of node) normalise(item)
  if (!isFields(node)) return
  for (const [key, value] of Object.entries(node)) {
    const empty =
      (key === 'labels' || key === 'annotations' || key === 'data') &&
      isFields(value) &&
      Object.keys(value).length === 0
    if (empty || DROPPED[key]?.includes(value) === true) delete node[key]
    else if (
      (field === 'requests' || field === 'limits' || field === 'capacity') &&
      (typeof value === 'string' || typeof value === 'number')
    )
      node[key] = quantity(value)
    else normalise(value, key)
  }
}

const SUFFIXES: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** The number that a quantity such as `500m` or `1Gi` stands for. */
export function amount(value: Json | undefined): number {
  const found = /^([0-9.]+)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(
    typeof value === 'number' ? String(value) : text(value),
  )
  return found === null ? 0 : Number(found[1]) * (SUFFIXES[found[2] ?? ''] ?? 1)
}

/** Canonical: no fraction, so `0.5` becomes `500m` and `1.5Gi` becomes `1536Mi`. */
function quantity(value: string | number): string {
  const given = String(value)
  if (!given.includes('.')) return given.replace(/^(\d+)000m$/, '$1')
  const whole = amount(given)
  if (given.endsWith('i'))
    for (const suffix of ['Gi', 'Mi', 'Ki'])
      if (Number.isInteger(whole / (SUFFIXES[suffix] ?? 1)))
        return `${whole / (SUFFIXES[suffix] ?? 1)}${suffix}`
  return Number.isInteger(whole) ? String(whole) : `${Math.round(whole * 1000)}m`
}

function statefulSet(object: Stored): void {
  fill(object, ['spec', 'replicas'], 1)
  fill(object, ['spec', 'podManagementPolicy'], 'OrderedReady')
  if (text(object, 'spec', 'updateStrategy', 'type') === '') {
    put(object, ['spec', 'updateStrategy', 'type'], 'RollingUpdate')
    fill(object, ['spec', 'updateStrategy', 'rollingUpdate'], {})
  }
  if (isFields(at(object, 'spec', 'updateStrategy', 'rollingUpdate')))
    fill(object, ['spec', 'updateStrategy', 'rollingUpdate', 'partition'], 0)
  fill(object, ['spec', 'revisionHistoryLimit'], 10)
  fill(object, ['spec', 'persistentVolumeClaimRetentionPolicy'], {
    whenDeleted: 'Retain',
    whenScaled: 'Retain',
  })
  for (const template of items(object, 'spec', 'volumeClaimTemplates').filter(isFields)) {
    fill(template, ['kind'], 'PersistentVolumeClaim')
    fill(template, ['apiVersion'], 'v1')
    fill(template, ['spec', 'volumeMode'], 'Filesystem')
    fill(template, ['status', 'phase'], 'Pending')
  }
  podTemplate(fields(object, 'spec', 'template'))
  fill(object, ['status'], { replicas: 0, availableReplicas: 0 })
}

function podTemplate(template: Fields): void {
  podSpec(fields(template, 'spec'))
}

function podSpec(spec: Fields): void {
  for (const list of ['containers', 'initContainers'])
    for (const entry of items(spec, list).filter(isFields)) container(entry)
  for (const volume of items(spec, 'volumes').filter(isFields)) {
    for (const source of ['secret', 'configMap', 'projected'])
      if (isFields(volume[source])) fill(volume, [source, 'defaultMode'], 420)
    if (isFields(volume['hostPath'])) fill(volume, ['hostPath', 'type'], '')
  }
  fill(spec, ['restartPolicy'], 'Always')
  fill(spec, ['terminationGracePeriodSeconds'], 30)
  fill(spec, ['dnsPolicy'], 'ClusterFirst')
  fill(spec, ['securityContext'], {})
  fill(spec, ['schedulerName'], 'default-scheduler')
  const account = text(spec, 'serviceAccountName')
  if (account !== '') put(spec, ['serviceAccount'], account)
}

function container(entry: Fields): void {
  for (const port of items(entry, 'ports').filter(isFields)) fill(port, ['protocol'], 'TCP')
  for (const variable of items(entry, 'env').filter(isFields))
    if (isFields(at(variable, 'valueFrom', 'fieldRef')))
      fill(variable, ['valueFrom', 'fieldRef', 'apiVersion'], 'v1')
  fill(entry, ['resources'], {})
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = entry[name]
    if (!isFields(probe)) continue
    fill(probe, ['timeoutSeconds'], 1)
    fill(probe, ['periodSeconds'], 10)
    fill(probe, ['successThreshold'], 1)
    fill(probe, ['failureThreshold'], 3)
    if (isFields(probe['httpGet'])) {
      fill(probe, ['httpGet', 'path'], '/')
      fill(probe, ['httpGet', 'scheme'], 'HTTP')
    }
  }
  const image = text(entry, 'image')
  fill(
    entry,
    ['imagePullPolicy'],
    image.endsWith(':latest') || !/:[^/]+$/.test(image) ? 'Always' : 'IfNotPresent',
  )
  fill(entry, ['terminationMessagePath'], '/dev/termination-log')
  fill(entry, ['terminationMessagePolicy'], 'File')
}

function pod(object: Stored): void {
  const spec = fields(object, 'spec')
  podSpec(spec)
  fill(spec, ['serviceAccountName'], 'default')
  fill(spec, ['serviceAccount'], 'default')
  fill(spec, ['enableServiceLinks'], true)
  fill(spec, ['priority'], 0)
  fill(spec, ['preemptionPolicy'], 'PreemptLowerPriority')
  const seconds = ['not-ready', 'unreachable'].map((key): Json => ({
    key: `node.kubernetes.io/${key}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  }))
  const given = items(spec, 'tolerations')
  put(
    spec,
    ['tolerations'],
    [
      ...given,
      ...seconds.filter(
        (entry) => !given.some((other) => text(other, 'key') === text(entry, 'key')),
      ),
    ],
  )
  // Limits without requests are requests too, but only in the pod, not in its template.
  for (const entry of items(spec, 'containers').filter(isFields)) {
    for (const [name, limit] of Object.entries(fields(entry, 'resources', 'limits')))
      fill(entry, ['resources', 'requests', name], limit)
  }
  fill(object, ['status', 'phase'], 'Pending')
  fill(object, ['status', 'qosClass'], 'Burstable')
}

function claim(object: Stored): void {
  fill(object, ['spec', 'volumeMode'], 'Filesystem')
  fill(object, ['status', 'phase'], 'Pending')
  fill(object, ['metadata', 'finalizers'], ['kubernetes.io/pvc-protection'])
}

function secret(object: Stored): void {
  fill(object, ['type'], 'Opaque')
  for (const [key, value] of Object.entries(fields(object, 'stringData')))
    put(object, ['data', key], Buffer.from(text(value)).toString('base64'))
  delete object['stringData']
}

let nextAddress = 1

function service(object: Stored): void {
  fill(object, ['spec', 'type'], 'ClusterIP')
  for (const port of items(object, 'spec', 'ports').filter(isFields)) {
    fill(port, ['protocol'], 'TCP')
    const number = at(port, 'port')
    if (number !== undefined) fill(port, ['targetPort'], number)
  }
  if (text(object, 'spec', 'clusterIP') === '')
    put(
      object,
      ['spec', 'clusterIP'],
      `10.96.${Math.floor(nextAddress / 250)}.${(nextAddress++ % 250) + 1}`,
    )
  put(object, ['spec', 'clusterIPs'], [text(object, 'spec', 'clusterIP')])
  fill(object, ['spec', 'sessionAffinity'], 'None')
  fill(object, ['spec', 'ipFamilies'], ['IPv4'])
  fill(object, ['spec', 'ipFamilyPolicy'], 'SingleStack')
  fill(object, ['spec', 'internalTrafficPolicy'], 'Cluster')
  fill(object, ['status'], { loadBalancer: {} })
}
