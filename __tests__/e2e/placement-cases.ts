// Pods that are hard to place, with what must stand there first; the real scheduler judges them in
// placement.test.ts beside our own decision.

export interface Case {
  readonly name: string
  /** What our decision must say; the scheduler's verdict is compared beside it. */
  readonly kind: 'fits' | 'no-fit' | 'unknown'
  /** Pods that stand there first, each on the node of this number. */
  readonly there?: readonly {
    readonly on: number
    readonly labels?: Labels
    readonly spec?: Spec
  }[]
  readonly labels?: Labels
  readonly spec: Spec
  /**
   * A claim of this class that the pod mounts, and that is used before on node 0, so that its
   * volume is there.
   */
  readonly localClaim?: string
}

type Labels = Readonly<Record<string, string>>
type Spec = Readonly<Record<string, unknown>>

const HOST = 'kubernetes.io/hostname'

const on = (app: string) => ({ labelSelector: { matchLabels: { app } } })
const apart = (app: string, more: Spec = {}, topologyKey = HOST): Spec => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ ...on(app), topologyKey, ...more }],
    },
  },
})
const together = (app: string, topologyKey = HOST): Spec => ({
  affinity: {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...on(app), topologyKey }] },
  },
})
const evenly = (app: string, more: Spec = {}, topologyKey = HOST): Spec => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', ...on(app), ...more },
  ],
})
const pods = (app: string, nodes: readonly number[], spec: Spec = {}, labels: Labels = {}) =>
  nodes.map((node) => ({ on: node, labels: { app, ...labels }, spec }))
const container = (more: Spec): Spec => ({ name: 'c', image: 'registry.k8s.io/pause:3.6', ...more })
const asks = (requests: Labels): Spec => ({ resources: { requests } })
const port = (hostPort: number, protocol = 'TCP', hostIP?: string): Spec => ({
  containers: [
    container({
      ports: [
        { containerPort: 80, hostPort, protocol, ...(hostIP === undefined ? {} : { hostIP }) },
      ],
    }),
  ],
})

/** Every pod that is judged must also not be on node 0, as if that one were drained. */
export const cases: readonly Case[] = [
  { name: 'nothing-asked', kind: 'fits', spec: {} },
  {
    name: 'apart-full',
    kind: 'no-fit',
    there: pods('a', [1, 2, 3]),
    labels: { app: 'a' },
    spec: apart('a'),
  },
  {
    name: 'apart-one-left',
    kind: 'fits',
    there: pods('b', [1, 3]),
    labels: { app: 'b' },
    spec: apart('b'),
  },
  {
    name: 'they-are-apart',
    kind: 'no-fit',
    there: pods('c', [1, 2, 3], apart('c2')),
    labels: { app: 'c2' },
    spec: {},
  },
  {
    name: 'apart-by-namespace',
    kind: 'no-fit',
    there: pods('d', [1, 2, 3]),
    labels: { app: 'd' },
    spec: apart('d', {
      namespaceSelector: {
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'Exists' }],
      },
    }),
  },
  {
    name: 'apart-in-other-namespace',
    kind: 'fits',
    there: pods('e', [1, 2, 3]),
    labels: { app: 'e' },
    spec: apart('e', { namespaces: ['kube-system'] }),
  },
  {
    name: 'apart-by-revision',
    kind: 'fits',
    there: pods('f', [1, 2, 3], {}, { rev: '1' }),
    labels: { app: 'f', rev: '2' },
    spec: apart('f', { matchLabelKeys: ['rev'] }),
  },
  {
    name: 'together-with-one',
    kind: 'fits',
    there: pods('g', [2]),
    labels: { app: 'g2' },
    spec: together('g'),
  },
  { name: 'together-with-nobody', kind: 'no-fit', labels: { app: 'h2' }, spec: together('h') },
  { name: 'together-with-itself', kind: 'fits', labels: { app: 'i' }, spec: together('i') },
  { name: 'selected-nowhere', kind: 'no-fit', spec: { nodeSelector: { 'no-such-label': 'x' } } },
  {
    name: 'cpu-and-memory',
    kind: 'no-fit',
    spec: { containers: [container(asks({ cpu: '900', memory: '90Ti' }))] },
  },
  {
    name: 'init-container',
    kind: 'no-fit',
    spec: { initContainers: [container({ ...asks({ cpu: '900' }), name: 'i' })] },
  },
  {
    name: 'sidecar-and-init',
    kind: 'no-fit',
    spec: {
      initContainers: [
        container({ ...asks({ memory: '45Ti' }), name: 's', restartPolicy: 'Always' }),
        container({ ...asks({ 'ephemeral-storage': '900Ti' }), name: 'i' }),
      ],
    },
  },
  { name: 'whole-pod', kind: 'no-fit', spec: { resources: { requests: { cpu: '900' } } } },
  {
    name: 'extended',
    kind: 'no-fit',
    spec: {
      containers: [
        container({
          resources: {
            requests: { 'example.com/thing': '1' },
            limits: { 'example.com/thing': '1' },
          },
        }),
      ],
    },
  },
  {
    name: 'port-taken',
    kind: 'no-fit',
    there: pods('p', [1, 2, 3], port(31_881)),
    spec: port(31_881),
  },
  {
    name: 'port-of-other-protocol',
    kind: 'fits',
    there: pods('p2', [1, 2, 3], port(31_882)),
    spec: port(31_882, 'UDP'),
  },
  {
    name: 'port-of-other-address',
    kind: 'fits',
    there: pods('p3', [1, 2, 3], port(31_883, 'TCP', '127.0.0.2')),
    spec: port(31_883, 'TCP', '127.0.0.3'),
  },
  {
    name: 'even',
    kind: 'fits',
    there: pods('q', [1, 2, 3]),
    labels: { app: 'q' },
    spec: evenly('q'),
  },
  {
    name: 'even-with-ghost',
    kind: 'no-fit',
    there: pods('r', [1, 2, 3]),
    labels: { app: 'r' },
    spec: evenly('r', { nodeAffinityPolicy: 'Ignore' }),
  },
  {
    name: 'even-by-missing-label',
    kind: 'no-fit',
    labels: { app: 's' },
    spec: evenly('s', {}, 'example.com/rack'),
  },
  {
    name: 'even-over-nine',
    kind: 'no-fit',
    there: pods('t', [1, 2, 3]),
    labels: { app: 't' },
    spec: evenly('t', { minDomains: 9 }),
  },
  {
    name: 'even-by-revision',
    kind: 'fits',
    there: pods('u', [1, 2, 3], {}, { rev: '1' }),
    labels: { app: 'u', rev: '2' },
    spec: evenly('u', { nodeAffinityPolicy: 'Ignore', matchLabelKeys: ['rev'] }),
  },
  { name: 'tied-volume', kind: 'no-fit', localClaim: 'local', spec: {} },
  {
    name: 'volume-made-anew',
    kind: 'fits',
    spec: {
      volumes: [
        {
          name: 'v',
          ephemeral: {
            volumeClaimTemplate: {
              spec: {
                storageClassName: 'local',
                accessModes: ['ReadWriteOnce'],
                resources: { requests: { storage: '1Mi' } },
              },
            },
          },
        },
      ],
    },
  },
  { name: 'gated', kind: 'unknown', spec: { schedulingGates: [{ name: 'example.com/wait' }] } },
]

/** One more than there are places for: each keeps the others off its node. */
export const rivals: readonly Case[] = [0, 1, 2, 3].map((number) => ({
  name: `rival-${number}`,
  kind: 'fits',
  labels: { app: 'rival' },
  spec: apart('rival'),
}))
