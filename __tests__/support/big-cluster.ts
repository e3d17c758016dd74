// A cluster of any size, made object by object when it is asked for: as large in bytes as real ones
// are. As a program it serves the lists page by page.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { KubeObject } from '../../src/kube/kube.ts'

export interface Size {
  readonly nodes: number
  readonly pods: number
}

/** Pods of DaemonSets on each node. */
const DAEMONS = 3
const ZONES = ['a', 'b', 'c'] as const
/**
 * Of the other pods each tenth is a member of an ensemble of five, the rest are of Deployments of
 * ten.
 */
const ENSEMBLE = 5
const REPLICAS = 10

const MANAGED = [
  {
    manager: 'kube-controller-manager',
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:spec': Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`f:field-${index}`, {}]),
      ),
    },
  },
]

const meta = (kind: string, name: string, namespace: string | undefined, more: object = {}) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  uid: `${kind}-${namespace ?? ''}-${name}-3d0c-4a11-9f60`,
  resourceVersion: '123456789',
  creationTimestamp: '2026-01-01T00:00:00Z',
  managedFields: MANAGED,
  ...more,
})

export function nodeAt(index: number): KubeObject {
  const name = `node-${index}`
  const zone = ZONES[index % ZONES.length] ?? 'a'
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: meta('node', name, undefined, {
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/region': 'eu',
        'topology.kubernetes.io/zone': zone,
        'node.kubernetes.io/instance-type': 'm5.4xlarge',
        pool: index % 10 === 0 ? 'small' : 'large',
      },
      annotations: {
        'node.alpha.kubernetes.io/ttl': '0',
        'csi.volume.kubernetes.io/nodeid': JSON.stringify({ 'ebs.csi.example.com': `i-${index}` }),
      },
    }),
    spec: {
      podCIDR: `10.${index >> 8}.${index & 255}.0/24`,
      ...(index % 50 === 1
        ? {
            unschedulable: true,
            taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }],
          }
        : {}),
    },
    status: {
      allocatable: { cpu: '15890m', memory: '61234Mi', pods: '110', 'ephemeral-storage': '95Gi' },
      conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
        type,
        status: type === 'Ready' ? 'True' : 'False',
        reason: 'Kubelet',
        message: 'as the kubelet says',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      })),
      nodeInfo: { bootID: `boot-${index}`, kubeletVersion: 'v1.36.3' },
      images: Array.from({ length: 40 }, (_, image) => ({
        names: [
          `registry.example.com/team/image-${image}@sha256:${'ab'.repeat(32)}`,
          `registry.example.com/team/image-${image}:v1`,
        ],
        sizeBytes: 123_456_789,
      })),
    },
  }
}

interface Place {
  readonly kind: 'DaemonSet' | 'StatefulSet' | 'ReplicaSet'
  readonly owner: string
  readonly name: string
  readonly namespace: string
  readonly node: number
  readonly ordinal: number
}

/**
 * Which pod the one of this number is: those of DaemonSets first, then members and replicas, each
 * set's on nodes side by side.
 */
export function placeOf(index: number, { nodes }: Size): Place {
  if (index < nodes * DAEMONS) {
    const owner = `daemon-${index % DAEMONS}`
    return {
      kind: 'DaemonSet',
      owner,
      name: `${owner}-${index}`,
      namespace: 'kube-system',
      node: Math.floor(index / DAEMONS),
      ordinal: 0,
    }
  }
  const rest = index - nodes * DAEMONS
  const ensemble = rest % 10 === 0
  const number = ensemble ? rest / 10 : rest
  const set = Math.floor(number / (ensemble ? ENSEMBLE : REPLICAS))
  const ordinal = number % (ensemble ? ENSEMBLE : REPLICAS)
  const owner = `${ensemble ? 'zk' : 'web'}-${set}`
  return {
    kind: ensemble ? 'StatefulSet' : 'ReplicaSet',
    owner,
    name: `${owner}-${ensemble ? ordinal : `x${index}`}`,
    namespace: `team-${set % 200}`,
    node: (set * 7 + ordinal) % nodes,
    ordinal,
  }
}

export function podAt(index: number, size: Size): KubeObject {
  const { kind, owner, name, namespace, node, ordinal } = placeOf(index, size)
  const labels = {
    app: owner,
    'app.kubernetes.io/managed-by': 'somebody',
    ...(kind === 'StatefulSet'
      ? {
          'statefulset.kubernetes.io/pod-name': name,
          'apps.kubernetes.io/pod-index': String(ordinal),
        }
      : { 'pod-template-hash': '7d9f8b6c5' }),
  }
  const selector = { matchLabels: { app: owner } }
  const container = {
    name: 'main',
    image: 'registry.example.com/team/image:v1',
    args: ['--port=8080', '--log=json'],
    resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '1Gi' } },
    terminationMessagePath: '/dev/termination-log',
    env: Array.from({ length: 15 }, (_, variable) => ({
      name: `SETTING_${variable}`,
      valueFrom: { configMapKeyRef: { name: 'settings', key: `setting-${variable}` } },
    })),
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      {
        name: `kube-api-access-${index}`,
        mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
        readOnly: true,
      },
    ],
    readinessProbe: {
      httpGet: { path: '/ready', port: 8080, scheme: 'HTTP' },
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    },
  }
  const affinity =
    kind === 'DaemonSet'
      ? {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                {
                  matchFields: [{ key: 'metadata.name', operator: 'In', values: [`node-${node}`] }],
                },
              ],
            },
          },
        }
      : kind === 'StatefulSet'
        ? {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { labelSelector: selector, topologyKey: 'kubernetes.io/hostname' },
              ],
            },
          }
        : undefined
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta('pod', name, namespace, {
      labels,
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind,
          name: owner,
          uid: `uid-${namespace}-${owner}`,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    }),
    spec: {
      nodeName: `node-${node}`,
      schedulerName: 'default-scheduler',
      priority: 0,
      restartPolicy: 'Always',
      containers: [container],
      ...(affinity === undefined ? {} : { affinity }),
      ...(kind === 'ReplicaSet'
        ? {
            topologySpreadConstraints: [
              {
                maxSkew: 3,
                topologyKey: 'topology.kubernetes.io/zone',
                whenUnsatisfiable: 'DoNotSchedule',
                labelSelector: selector,
              },
            ],
          }
        : {}),
      tolerations: [
        ...(kind === 'DaemonSet' ? [{ operator: 'Exists' }] : []),
        {
          key: 'node.kubernetes.io/not-ready',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
        {
          key: 'node.kubernetes.io/unreachable',
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 300,
        },
      ],
      volumes: [
        kind === 'StatefulSet'
          ? { name: 'data', persistentVolumeClaim: { claimName: `data-${name}` } }
          : { name: 'data', emptyDir: {} },
        {
          name: `kube-api-access-${index}`,
          projected: {
            defaultMode: 420,
            sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }],
          },
        },
      ],
    },
    status: {
      phase: 'Running',
      podIP: '10.1.2.3',
      hostIP: '10.0.0.1',
      qosClass: 'Burstable',
      startTime: '2026-01-01T00:00:00Z',
      conditions: [
        'PodReadyToStartContainers',
        'Initialized',
        'Ready',
        'ContainersReady',
        'PodScheduled',
      ].map((type) => ({ type, status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' })),
      containerStatuses: [
        {
          name: 'main',
          ready: true,
          restartCount: 0,
          state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
          image: container.image,
          imageID: `sha256:${'cd'.repeat(32)}`,
          containerID: `containerd://${'ef'.repeat(32)}`,
        },
      ],
    },
  }
}

/** The volume of each member, reached from its zone. */
export function volumeAt(index: number, size: Size): KubeObject | undefined {
  const { kind, name, namespace, node } = placeOf(index, size)
  if (kind !== 'StatefulSet') return undefined
  const zone = ZONES[node % ZONES.length] ?? 'a'
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: meta('pv', `pv-${namespace}-${name}`, undefined),
    spec: {
      claimRef: { namespace, name: `data-${name}` },
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '10Gi' },
      csi: { driver: 'ebs.csi.example.com', volumeHandle: `vol-${index}` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'topology.kubernetes.io/zone', operator: 'In', values: [zone] },
              ],
            },
          ],
        },
      },
    },
    status: { phase: 'Bound' },
  }
}

export function claimAt(index: number, size: Size): KubeObject | undefined {
  const { kind, name, namespace } = placeOf(index, size)
  if (kind !== 'StatefulSet') return undefined
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: meta('pvc', `data-${name}`, namespace),
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'ebs',
      volumeName: `pv-${namespace}-${name}`,
    },
    status: { phase: 'Bound' },
  }
}

function limitsAt(index: number): KubeObject {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: meta('csinode', `node-${index}`, undefined),
    spec: {
      drivers: [{ name: 'ebs.csi.example.com', nodeID: `i-${index}`, allocatable: { count: 25 } }],
    },
  }
}

/** An endless number of objects, of which `count` exist. */
interface Collection {
  readonly count: number
  readonly at: (index: number) => KubeObject | undefined
}

function collections(size: Size): Readonly<Record<string, Collection>> {
  return {
    nodes: { count: size.nodes, at: nodeAt },
    pods: { count: size.pods, at: (index) => podAt(index, size) },
    persistentvolumes: { count: size.pods, at: (index) => volumeAt(index, size) },
    persistentvolumeclaims: { count: size.pods, at: (index) => claimAt(index, size) },
    csinodes: { count: size.nodes, at: limitsAt },
    namespaces: {
      count: 201,
      at: (index) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: meta('namespace', index === 200 ? 'kube-system' : `team-${index}`, undefined),
      }),
    },
    storageclasses: {
      count: 1,
      at: () => ({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: meta('class', 'ebs', undefined),
        provisioner: 'ebs.csi.example.com',
        volumeBindingMode: 'WaitForFirstConsumer',
      }),
    },
  }
}

/**
 * One page, as the API answers: `from` is where it begins, the `continue` that it gives where the
 * next does.
 */
function pageOf(
  { count, at }: Collection,
  namespace: string | undefined,
  from: number,
  limit: number,
): string {
  const items: KubeObject[] = []
  let index = from
  for (; index < count && items.length < limit; index++) {
    const object = at(index)
    if (
      object !== undefined &&
      (namespace === undefined || object.metadata.namespace === namespace)
    )
      items.push(object)
  }
  return JSON.stringify({
    metadata: { resourceVersion: '1', ...(index < count ? { continue: String(index) } : {}) },
    items,
  })
}

/** Serves the lists and tells its port as a line; ends with its input. */
function serve(size: Size): void {
  const known = collections(size)
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://test')
    const [plural = '', namespace] = url.pathname
      .split('/')
      .toReversed()
      .filter((part) => part !== 'namespaces')
    const collection = known[plural] ?? { count: 0, at: () => undefined }
    response.setHeader('content-type', 'application/json')
    response.end(
      pageOf(
        collection,
        url.pathname.includes('/namespaces/') ? namespace : undefined,
        Number(url.searchParams.get('continue') ?? 0),
        Number(url.searchParams.get('limit') ?? 500),
      ),
    )
  })
  server.listen(0, '127.0.0.1', () => {
    const address: AddressInfo | string | null = server.address()
    console.log(typeof address === 'object' ? address?.port : address)
  })
  process.stdin.resume()
  process.stdin.on('end', () => process.exit(0))
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  serve({ nodes: Number(process.argv[2]), pods: Number(process.argv[3]) })
