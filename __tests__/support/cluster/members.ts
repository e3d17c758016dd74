// ZooKeeper servers in pods: from a container's image, command and environment to the member that
// runs there, as the images' own scripts would configure it.

import { STEP_DOWN_MARKER, TOLD } from '../../../src/ensemble/zookeeper/step-down.ts'
import type { Fields, Json } from './json.ts'
import { fields, isFields, items, strings, text } from './json.ts'
import { kindOf } from './kinds.ts'
import type { Program } from './controllers/containers.ts'
import { plainProgram } from './controllers/containers.ts'
import { ordinalOf } from './controllers/statefulset.ts'
import type { Stored } from './store.ts'
import { controllerOf, nameOf, namespaceOf, uidOf } from './store.ts'
import type { World } from './world.ts'
import type { Faults, MemberSpec, SimulatedEnsemble } from './zookeeper.ts'
import { simulateEnsemble } from './zookeeper.ts'

export interface Members {
  readonly start: (pod: Stored, container: Json, version: string) => Program
  readonly ensemble: (namespace: string, set: string) => SimulatedEnsemble
  /** Ordinals that serve; undefined for a set that never had a ZooKeeper member. */
  readonly serving: (namespace: string, set: string) => readonly number[] | undefined
  /**
   * What goes wrong with a member, also one that starts later, until it is called with undefined.
   */
  readonly fault: (
    namespace: string,
    set: string,
    ordinal: number,
    faults: Faults | undefined,
  ) => void
}

/** Simulated milliseconds, as seen with real ones that are well. */
const ELECTION_MS = 1000
const START_MS = 2000
const JOIN_MS = 1000
const REJOIN_MS = 500
/** With peers that still dial the old address; seen up to 55 s. */
const STALE_ELECTION_MS = 10_000
const FRESH_ADDRESS_MS = 40_000

/**
 * `told`: a member begins or ceases to serve, `before` are the ordinals that served until then,
 * `own`: its process has just ended.
 */
export function createMembers(
  world: World,
  told: (pod: Stored, serves: boolean, before: readonly number[], own: boolean) => void,
): Members {
  const ensembles = new Map<string, SimulatedEnsemble>()
  const ordered = new Map<string, Faults>()
  const pods = new Map<string, Stored>()

  function ensemble(namespace: string, set: string): SimulatedEnsemble {
    const key = `${namespace}/${set}`
    const found =
      ensembles.get(key) ??
      simulateEnsemble({
        resolve: (host) => memberOf(world, namespace, host)?.fqdn,
        after: (ms, act) => world.after(ms, act),
        now: world.store.now,
        electionMs: ELECTION_MS,
        startMs: START_MS,
        joinMs: JOIN_MS,
        rejoinMs: REJOIN_MS,
        staleElectionMs: STALE_ELECTION_MS,
        freshAddressMs: FRESH_ADDRESS_MS,
        onServing(ordinal, serves, before, own) {
          const pod = pods.get(`${key}/${ordinal}`)
          if (pod !== undefined) told(pod, serves, before, own)
        },
      })
    ensembles.set(key, found)
    return found
  }

  return {
    ensemble,
    serving: (namespace, set) => ensembles.get(`${namespace}/${set}`)?.serving(),
    fault(namespace, set, ordinal, faults) {
      const key = `${namespace}/${set}/${ordinal}`
      if (faults === undefined) ordered.delete(key)
      else ordered.set(key, faults)
      ensemble(namespace, set).fault(ordinal, faults)
    },
    start(pod, container, version) {
      const set = text(controllerOf(pod), 'name')
      const env = environmentOf(world, pod, container)
      const command = [...strings(container, 'command'), ...strings(container, 'args')]
        .map((word) => expand(word, env))
        .join(' ')
      const wrong = version.startsWith('3.4.') ? unknownFlag(command) : undefined
      if (wrong !== undefined) return plainProgram(world, { code: 1 }, [`unknown flag ${wrong}`])
      const spec = version.startsWith('3.4.')
        ? fromFlags(world, pod, version, command)
        : fromEnvironment(world, pod, version, env)
      const here = ensemble(namespaceOf(pod), set)
      pods.set(`${namespaceOf(pod)}/${set}/${spec.ordinal}`, pod)
      if (!here.start(spec))
        return plainProgram(world, { code: 1, afterMs: 2000 }, [
          'java.lang.RuntimeException: My id is not in the peer list',
          'ERROR [main:o.a.z.u.ServiceUtils@48] - Exiting JVM with code 1',
        ])
      const faults = ordered.get(`${namespaceOf(pod)}/${set}/${spec.ordinal}`)
      if (faults !== undefined) here.fault(spec.ordinal, faults)
      return programOf(world, here, spec)
    },
  }
}

function programOf(world: World, here: SimulatedEnsemble, spec: MemberSpec): Program {
  let running = true
  let end: (exit: { code: number; reason: string }) => void = () => undefined
  const ended = new Promise<{ code: number; reason: string }>((resolve) => (end = resolve))
  const stop = (): void => {
    if (running) here.stop(spec.ordinal)
    running = false
  }
  return {
    ended,
    stop,
    logs: () => [
      `INFO  [main:QuorumPeerConfig@124] - Reading configuration from: ${spec.configPath}`,
      `INFO  [main:QuorumPeer@1149] - My election bind port: 0.0.0.0/0.0.0.0:3888`,
    ],
    connect: (port, inside) =>
      running && port === spec.clientPort && (inside === true || spec.bound !== true)
        ? here.connect(spec.ordinal)
        : undefined,
    exec(command, stdin) {
      // The server's process is ended in place: the container restarts, the pod stays.
      const told = command[3] === STEP_DOWN_MARKER
      if (told || /\bp?kill\b/.test(`${command.join(' ')} ${stdin}`)) {
        const actor = world.store.actor()
        const quit = (): void => {
          world.store.as(actor, stop)
          world.after(200, () =>
            end({ code: / -(9|KILL)\b/.test(command.join(' ')) ? 137 : 143, reason: 'Error' }),
          )
        }
        if (told) world.after(200, quit)
        else quit()
        return Promise.resolve({ exitCode: 0, stdout: told ? `${TOLD} 8\n` : '', stderr: '' })
      }
      return Promise.resolve(here.exec(spec.ordinal, command))
    },
  }
}

/** The container's environment, references to ConfigMaps and fields resolved. */
function environmentOf(world: World, pod: Stored, container: Json): Map<string, string> {
  const env = new Map<string, string>()
  const dataOf = (kind: string, name: string): Fields => {
    const found = world.store.get(kindOf(kind), namespaceOf(pod), name)
    const data = fields(found, 'data')
    return kind === 'Secret'
      ? Object.fromEntries(
          Object.entries(data).map(([key, value]) => [
            key,
            Buffer.from(text(value), 'base64').toString(),
          ]),
        )
      : data
  }
  for (const source of items(container, 'envFrom')) {
    for (const [kind, field] of [
      ['ConfigMap', 'configMapRef'],
      ['Secret', 'secretRef'],
    ] as const) {
      for (const [key, value] of Object.entries(dataOf(kind, text(source, field, 'name'))))
        env.set(`${text(source, 'prefix')}${key}`, text(value))
    }
  }
  for (const variable of items(container, 'env')) {
    const from = fields(variable, 'valueFrom')
    const reference = from['configMapKeyRef'] ?? from['secretKeyRef']
    const value =
      reference === undefined
        ? isFields(from['fieldRef'])
          ? text(pod, ...text(from, 'fieldRef', 'fieldPath').split('.'))
          : text(variable, 'value')
        : text(
            dataOf(
              from['configMapKeyRef'] === undefined ? 'Secret' : 'ConfigMap',
              text(reference, 'name'),
            ),
            text(reference, 'key'),
          )
    env.set(text(variable, 'name'), expand(value, env))
  }
  return env
}

function expand(word: string, env: ReadonlyMap<string, string>): string {
  return word.replace(/\$\(([\w.]+)\)/g, (all, name: string) => env.get(name) ?? all)
}

/**
 * The member that a Service of this name and of this namespace stands for, and the Service's own
 * UID, which stands for its address.
 */
function memberOf(
  world: World,
  namespace: string,
  host: string,
): { readonly fqdn: string; readonly service: string } | undefined {
  const [name = '', second, third] = host.split('.')
  if (second !== undefined && (second !== namespace || third !== 'svc')) return undefined
  const service = world.store.get(kindOf('Service'), namespace, name)
  const selected =
    service === undefined
      ? ''
      : text(service, 'spec', 'selector', 'statefulset.kubernetes.io/pod-name')
  const pod = selected === '' ? undefined : world.store.get(kindOf('Pod'), namespace, selected)
  return service === undefined || pod === undefined
    ? undefined
    : { fqdn: fqdnOf(pod), service: uidOf(service) }
}

function fqdnOf(pod: Stored): string {
  return `${nameOf(pod)}.${text(pod, 'spec', 'subdomain')}.${namespaceOf(pod)}.svc.cluster.local`
}

/**
 * What keeps the member's data: its first claim by UID, so that a recreated claim is empty; without
 * one the pod.
 */
function diskOf(world: World, pod: Stored): string {
  const name = items(pod, 'spec', 'volumes')
    .map((volume) => text(volume, 'persistentVolumeClaim', 'claimName'))
    .find((claim) => claim !== '')
  const claim =
    name === undefined
      ? undefined
      : world.store.get(kindOf('PersistentVolumeClaim'), namespaceOf(pod), name)
  return claim === undefined ? uidOf(pod) : uidOf(claim)
}

const FLAGS: Readonly<Record<string, string>> = {
  servers: '1',
  data_dir: '/var/lib/zookeeper/data',
  data_log_dir: '/var/lib/zookeeper/log',
  conf_dir: '/opt/zookeeper/conf',
  client_port: '2181',
  server_port: '2888',
  election_port: '3888',
  tick_time: '2000',
  init_limit: '10',
  sync_limit: '5',
  heap: '2G',
  max_client_cnxns: '60',
  snap_retain_count: '3',
  purge_interval: '0',
  min_session_timeout: '',
  max_session_timeout: '',
  log_level: 'INFO',
  log_dir: '',
}

function flagsOf(command: string): [string, string][] {
  return [...command.matchAll(/--([\w-]+)=?(\S*)/g)].map((found) => [
    found[1] ?? '',
    found[2] ?? '',
  ])
}

function unknownFlag(command: string): string | undefined {
  const found = flagsOf(command).find(([name]) => FLAGS[name] === undefined)
  return found === undefined ? undefined : `--${found[0]}`
}

/** The tutorial's image: every setting is a flag, peers and id follow from the pod's name. */
function fromFlags(world: World, pod: Stored, version: string, command: string): MemberSpec {
  const flags = new Map([...Object.entries(FLAGS), ...flagsOf(command)])
  const flag = (name: string): string => flags.get(name) ?? ''
  const ordinal = ordinalOf(pod)
  const [host = '', ...domain] = fqdnOf(pod).split('.')
  const base = host.replace(/-\d+$/, '')
  const count = Number(flag('servers'))
  const peers = Array.from(
    { length: count },
    (_, index) =>
      `server.${index + 1}=${base}-${index}.${domain.join('.')}:${flag('server_port')}:${flag('election_port')}`,
  )
  const lines = [
    `clientPort=${flag('client_port')}`,
    `dataDir=${flag('data_dir')}`,
    `dataLogDir=${flag('data_log_dir')}`,
    `tickTime=${flag('tick_time')}`,
    `initLimit=${flag('init_limit')}`,
    `syncLimit=${flag('sync_limit')}`,
    `maxClientCnxns=${flag('max_client_cnxns')}`,
    `autopurge.snapRetainCount=${flag('snap_retain_count')}`,
    `autopurge.purgeInteval=${flag('purge_interval')}`,
    ...(count > 1 ? peers : []),
    '',
  ]
  return {
    ordinal,
    fqdn: fqdnOf(pod),
    version,
    address: uidOf(pod),
    claim: diskOf(world, pod),
    myid: ordinal + 1,
    config: lines.join('\n'),
    configPath: `${flag('conf_dir')}/zoo.cfg`,
    clientPort: Number(flag('client_port')),
  }
}

/**
 * The official image: ZOO_* variables; the id is ZOO_MY_ID, or, where a script makes it, the
 * ordinal and one.
 */
function fromEnvironment(
  world: World,
  pod: Stored,
  version: string,
  env: ReadonlyMap<string, string>,
): MemberSpec {
  const value = (name: string, fallback: string): string => env.get(`ZOO_${name}`) ?? fallback
  const ordinal = ordinalOf(pod)
  const [, ...domain] = fqdnOf(pod).split('.')
  const servers = value('SERVERS', 'server.1=localhost:2888:3888;2181')
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map((entry) => entry.replace(`.${text(pod, 'spec', 'subdomain')}:`, `.${domain.join('.')}:`))
  const words = env.get('ZOO_4LW_COMMANDS_WHITELIST')
  const lines = [
    `dataDir=${value('DATA_DIR', '/data')}`,
    `dataLogDir=${value('DATA_LOG_DIR', '/datalog')}`,
    `tickTime=${value('TICK_TIME', '2000')}`,
    `initLimit=${value('INIT_LIMIT', '5')}`,
    `syncLimit=${value('SYNC_LIMIT', '2')}`,
    `autopurge.snapRetainCount=${value('AUTOPURGE_SNAPRETAINCOUNT', '3')}`,
    `autopurge.purgeInterval=${value('AUTOPURGE_PURGEINTERVAL', '0')}`,
    `maxClientCnxns=${value('MAX_CLIENT_CNXNS', '60')}`,
    `standaloneEnabled=${value('STANDALONE_ENABLED', 'true')}`,
    `admin.enableServer=${value('ADMINSERVER_ENABLED', 'true')}`,
    ...servers,
    ...(words === undefined ? [] : [`4lw.commands.whitelist=${words}`]),
    ...value('CFG_EXTRA', '').split(/\s+/),
    '',
  ]
  const id = Number(value('MY_ID', String(ordinal + 1)))
  const [, at, port = '2181'] =
    /;(?:([^:\s]*):)?(\d+)$/.exec(servers.find((line) => line.startsWith(`server.${id}=`)) ?? '') ??
    []
  const own =
    /=([^:]+):/.exec(servers.find((line) => line.startsWith(`server.${id}=`)) ?? '')?.[1] ?? ''
  return {
    ordinal,
    fqdn: fqdnOf(pod),
    version,
    address: memberOf(world, namespaceOf(pod), own)?.service ?? uidOf(pod),
    claim: diskOf(world, pod),
    myid: id,
    config: lines.join('\n'),
    configPath: `${value('CONF_DIR', '/conf')}/zoo.cfg`,
    clientPort: Number(port),
    bound: at !== undefined && at !== '0.0.0.0',
  }
}
