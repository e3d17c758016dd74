// The built-in ensemble: what is applied when no manifests are given, from a few inputs. Each
// setting that isn't obvious says why it is so.

import type { Inputs } from '../inputs/inputs.ts'
import { quantityOf } from '../view/quantity.ts'
import type { KubeObject } from '../kube/kube.ts'
import type { Manifest } from './manifest.ts'
import { POD_NAME } from './member-services.ts'

export type BuiltInInputs = Pick<
  Inputs,
  'name' | 'replicas' | 'image' | 'storage' | 'storageClass' | 'cpu' | 'memory' | 'heap'
>

const MIB = 2 ** 20
/**
 * Share of the memory that the heap takes where no heap is asked for: the rest is for threads,
 * buffers and a zkCli.sh that somebody starts by hand.
 */
const HEAP_SHARE = 0.6

const CLIENT = 2181
const SERVER = 2888
const ELECTION = 3888

/** The objects, in no namespace of their own; their place says that they are nobody's file. */
export function builtInEnsemble(inputs: BuiltInInputs): readonly Manifest[] {
  const wanted = {
    name: inputs.name ?? 'zk',
    replicas: inputs.replicas ?? 3,
    image: inputs.image ?? 'zookeeper:3.9',
    storage: inputs.storage ?? '10Gi',
    storageClass: inputs.storageClass,
    cpu: inputs.cpu ?? '250m',
    memory: inputs.memory ?? '1Gi',
    heap: inputs.heap,
  }
  const place = { file: 'built-in ensemble' }
  // The members' Services come before the pods that look them up: a name that was not there a
  // moment ago stays away for as long as caches remember that.
  const objects = [
    headlessService(wanted),
    ...memberServices(wanted),
    clientService(wanted),
    budget(wanted),
    statefulSet(wanted),
  ]
  return objects.map((object) => ({ object, place, placeOf: () => place }))
}

interface Wanted {
  readonly name: string
  readonly replicas: number
  readonly image: string
  readonly storage: string
  readonly storageClass: string | undefined
  readonly cpu: string
  readonly memory: string
  readonly heap: number | undefined
}

function selectorOf({ name }: Wanted): Record<string, string> {
  return { 'app.kubernetes.io/name': 'zookeeper', 'app.kubernetes.io/instance': name }
}

function labelsOf(wanted: Wanted): Record<string, string> {
  return { ...selectorOf(wanted), 'app.kubernetes.io/managed-by': 'zk-ensemble-action' }
}

function headlessName({ name }: Wanted): string {
  return `${name}-headless`
}

/**
 * Members must find each other before any of them is Ready: readiness asks for the quorum that they
 * have yet to form.
 */
function headlessService(wanted: Wanted): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: headlessName(wanted), labels: labelsOf(wanted) },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorOf(wanted),
      ports: [
        { name: 'client', port: CLIENT },
        { name: 'server', port: SERVER },
        { name: 'leader-election', port: ELECTION },
      ],
    },
  }
}

/**
 * One for each member, with the name of its pod: an address that stays when the pod moves, so that
 * no cache of a peer or a client goes stale.
 * A member finds its own name in its hosts file, as the pod's address; its peers find the Service.
 */
function memberServices(wanted: Wanted): readonly KubeObject[] {
  return Array.from({ length: wanted.replicas }, (_, ordinal) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `${wanted.name}-${ordinal}`, labels: labelsOf(wanted) },
    spec: {
      // Not Ready is what a member is until it has found its peers.
      publishNotReadyAddresses: true,
      selector: { [POD_NAME]: `${wanted.name}-${ordinal}` },
      ports: [
        { name: 'client', port: CLIENT },
        { name: 'server', port: SERVER },
        { name: 'leader-election', port: ELECTION },
      ],
    },
  }))
}

function clientService(wanted: Wanted): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `${wanted.name}-client`, labels: labelsOf(wanted) },
    spec: { selector: selectorOf(wanted), ports: [{ name: 'client', port: CLIENT }] },
  }
}

/** One at a time whatever the size. Ready means serving here, so the budget counts the quorum. */
function budget(wanted: Wanted): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: wanted.name, labels: labelsOf(wanted) },
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(wanted) } },
  }
}

function statefulSet(wanted: Wanted): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: wanted.name, labels: labelsOf(wanted) },
    spec: {
      replicas: wanted.replicas,
      serviceName: headlessName(wanted),
      // Parallel: a member is Ready only in a quorum, so the first would wait for ever for the
      // second to be made.
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'RollingUpdate' },
      selector: { matchLabels: selectorOf(wanted) },
      template: { metadata: { labels: labelsOf(wanted) }, spec: podSpec(wanted) },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data', labels: selectorOf(wanted) },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(wanted.storageClass === undefined ? {} : { storageClassName: wanted.storageClass }),
            resources: { requests: { storage: wanted.storage } },
          },
        },
      ],
    },
  }
}

function podSpec(wanted: Wanted): Record<string, unknown> {
  return {
    terminationGracePeriodSeconds: 60,
    automountServiceAccountToken: false,
    // A service called zk would otherwise put ZK_* variables into the server's environment.
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: selectorOf(wanted) },
          },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        topologyKey: 'topology.kubernetes.io/zone',
        maxSkew: 1,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selectorOf(wanted) },
      },
    ],
    containers: [container(wanted)],
    volumes: [
      { name: 'run', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
  }
}

function container(wanted: Wanted): Record<string, unknown> {
  return {
    name: 'zookeeper',
    image: wanted.image,
    command: ['bash', '-c', startScript()],
    env: environment(wanted),
    ports: [
      { name: 'client', containerPort: CLIENT },
      { name: 'server', containerPort: SERVER },
      { name: 'leader-election', containerPort: ELECTION },
    ],
    resources: {
      requests: { cpu: wanted.cpu, memory: wanted.memory },
      limits: { memory: wanted.memory },
    },
    // A large store is read before the port opens: ten minutes for that, and only then do the
    // others count.
    startupProbe: { tcpSocket: { port: 'client' }, periodSeconds: 2, failureThreshold: 300 },
    readinessProbe: {
      exec: { command: ['bash', '-c', SERVES] },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 2,
    },
    livenessProbe: {
      exec: { command: ['bash', '-c', ANSWERS] },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'run', mountPath: '/run/zookeeper' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  }
}

/**
 * `srvr` has a Mode only where the member serves: in a quorum, or alone by its configuration.
 * Read-only members don't count.
 */
const SERVES = `exec 3<>/dev/tcp/localhost/${CLIENT} && printf srvr >&3 && grep -Eq '^Mode: (leader|follower|observer|standalone)' <&3`

/**
 * Any answer: a member that waits for its quorum is alive, and restarting it would only delay the
 * election.
 */
const ANSWERS = `exec 3<>/dev/tcp/localhost/${CLIENT} && printf srvr >&3 && grep -q . <&3`

function environment(wanted: Wanted): readonly { readonly name: string; readonly value: string }[] {
  const memory = quantityOf(wanted.memory) ?? 1024 * MIB
  const heap = wanted.heap ?? Math.max(32, Math.floor((memory / MIB) * HEAP_SHARE))
  const values: Record<string, string> = {
    ZOO_SERVERS: serverLines(wanted),
    ZOO_STANDALONE_ENABLED: String(wanted.replicas === 1),
    // Both on the claim: a log outside it loses every write since the last snapshot when all
    // members stop at once.
    ZOO_DATA_DIR: '/data',
    ZOO_DATA_LOG_DIR: '/data/log',
    ZOO_CONF_DIR: '/run/zookeeper/conf',
    ZOOCFGDIR: '/run/zookeeper/conf',
    ZOO_TICK_TIME: '2000',
    ZOO_INIT_LIMIT: '10',
    ZOO_SYNC_LIMIT: '5',
    ZOO_AUTOPURGE_SNAPRETAINCOUNT: '3',
    ZOO_AUTOPURGE_PURGEINTERVAL: '12',
    ZOO_4LW_COMMANDS_WHITELIST: 'srvr',
    ZOO_ADMINSERVER_ENABLED: 'false',
    // A member's name may lead to an address that is not the pod's (its Service's), so it listens
    // on all that the pod has. And one that can't listen yet keeps trying instead of ending.
    ZOO_CFG_EXTRA: 'quorumListenOnAllIPs=true electionPortBindRetry=0',
    // The server's own: JVMFLAGS would give every zkCli.sh in the container a heap of this size as
    // well.
    ZK_SERVER_HEAP: String(heap),
  }
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}

/**
 * One line a member, the id one more than the ordinal, the client port after the semicolon (3.5 and
 * later need it).
 */
export function serverLines({ name, replicas }: Pick<Wanted, 'name' | 'replicas'>): string {
  return Array.from(
    { length: replicas },
    (_, ordinal) => `server.${ordinal + 1}=${name}-${ordinal}:${SERVER}:${ELECTION};${CLIENT}`,
  ).join(' ')
}

/**
 * The official image doesn't know ordinals; the rest is left to its entrypoint, and the server
 * becomes PID 1, so that it gets the signal to stop.
 */
function startScript(): string {
  return [
    'set -euo pipefail',
    'ordinal=${HOSTNAME##*-}',
    'export ZOO_MY_ID=$((ordinal + 1))',
    'if [[ -f $ZOO_DATA_DIR/myid && $(<"$ZOO_DATA_DIR/myid") != "$ZOO_MY_ID" ]]; then',
    '  echo "myid on the claim is $(<"$ZOO_DATA_DIR/myid"), this member is $ZOO_MY_ID: the claim belongs to another member" >&2',
    '  exit 1',
    'fi',
    'mkdir -p "$ZOO_CONF_DIR" "$ZOO_DATA_LOG_DIR"',
    '# A container that restarts in place finds what it copied before, of which some may be read-only.',
    'cp -rf /conf/. "$ZOO_CONF_DIR"',
    'rm -f "$ZOO_CONF_DIR/zoo.cfg"',
    'exec /docker-entrypoint.sh zkServer.sh start-foreground',
    '',
  ].join('\n')
}
