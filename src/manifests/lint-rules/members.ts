// Who is in the ensemble: the list that every member is given must name as many members as the set
// makes, and each must know which one it is.

import type { Finding } from '../../errors.ts'
import { ordinalIn } from '../member-services.ts'
import { scriptOfWords, variable } from '../settings.ts'
import { fault, inContainer, warning, type LintSubject, type Path, type Rule } from './rule.ts'

export const memberCount: Rule = ({ set, profile, replicas, settings, config }) => {
  if (profile !== 'zookeeper' || replicas === undefined || replicas === 0) return []
  // Whoever is no voter, or a voter of another set, is told by the list alone.
  const list = config.from === 'variables' ? variable(settings, 'ZOO_SERVERS') : undefined
  const voters =
    list?.state === 'known'
      ? entriesOf(list.value).filter((entry) => !entry.includes(':observer')).length
      : replicas
  if (voters % 2 === 1 || voters === 0) return []
  const worse =
    voters === 2
      ? 'two members tolerate no failure: without one of them the other does not serve'
      : `${voters} members tolerate no more failures than ${voters - 1}`
  return [warning(set.manifest, ['spec', 'replicas'], worse, `use ${voters - 1} or ${voters + 1}`)]
}

export const memberList: Rule = (subject) => {
  if (subject.profile !== 'zookeeper') return []
  switch (subject.config.from) {
    case 'flags':
      return serversFlag(subject)
    case 'variables':
      return [...zooServers(subject), ...myId(subject)]
    case 'file':
      return listInFile(subject)
    case 'script':
    case 'unknown':
      return []
  }
}

/** Scaled to none it has its members still, and their list with them. */
function isStopped(replicas: number): boolean {
  return replicas === 0
}

/**
 * How many members the set makes, in words; with `replicas` left out the number is nobody's but
 * Kubernetes'.
 */
function countIn({ set, replicas }: LintSubject): string {
  return set.shape.spec.replicasGiven || replicas === undefined
    ? `the set has ${replicas ?? 0}`
    : `replicas is left out, so the set has ${replicas}`
}

function countFix(
  { set, replicas, cluster }: LintSubject,
  listed: number,
  otherwise: string,
): string {
  if (set.shape.spec.replicasGiven) return otherwise
  return cluster?.first === true
    ? `write replicas: ${listed}; once that many run it may be left out again`
    : `list the ${replicas ?? 0} that run, or change their number with operation: scale`
}

/** Where the number of members is to be changed. */
function countPath(subject: LintSubject, path: Path): Path {
  return subject.set.shape.spec.replicasGiven ? path : ['spec', 'replicas']
}

/** `--servers` of start-zookeeper: its default of one makes every member an ensemble of its own. */
function serversFlag(subject: LintSubject): readonly Finding[] {
  const { set, settings, replicas } = subject
  const flag = settings.flags.get('servers')
  const path = inContainer(subject, ...(flag?.path ?? ['command']))
  if (replicas === undefined) return []
  if (flag === undefined) {
    return replicas > 1 &&
      settings.script.includes('start-zookeeper') &&
      settings.unread.length === 0
      ? [
          fault(
            set.manifest,
            path,
            `start-zookeeper is not told --servers: each of the ${replicas} members would run alone`,
            `add --servers=${replicas}`,
          ),
        ]
      : []
  }
  if (flag.value === undefined || isStopped(replicas) || Number(flag.value) === replicas) return []
  return [
    fault(
      set.manifest,
      countPath(subject, path),
      `--servers=${flag.value}, but ${countIn(subject)} ${replicas === 1 ? 'member' : 'members'}`,
      countFix(
        subject,
        Number(flag.value),
        `write --servers=${replicas}, or change replicas with it`,
      ),
    ),
  ]
}

function entriesOf(list: string): readonly string[] {
  return list.split(/\s+/).filter((entry) => entry !== '')
}

/**
 * Those of a list that this set makes: where some name its pods, the others are members of other
 * sets. A wildcard is the member itself.
 */
function ownEntries(hosts: readonly string[], set: string): number {
  const own = hosts.filter(
    (host) =>
      ordinalIn(host.split('.')[0] ?? '', set) !== undefined ||
      /^(0\.0\.0\.0|\[?::\]?)$/.test(host),
  ).length
  const named = hosts.some((host) => ordinalIn(host.split('.')[0] ?? '', set) !== undefined)
  const others = hosts.length - own
  // Names that follow no pod's pattern may be Services of members.
  return named &&
    hosts.filter((host) => /^[a-z0-9-]+-\d+$/.test(host.split('.')[0] ?? '')).length >= others
    ? own
    : hosts.length
}

function zooServers(subject: LintSubject): readonly Finding[] {
  const { settings, member } = subject
  const list = variable(settings, 'ZOO_SERVERS')
  if (list.state === 'unknown') return []
  if (list.state === 'absent') return withoutList(subject)
  // What the script makes of it is its own affair.
  if (/\bZOO_SERVERS=/.test(settings.script)) return []
  const entries = entriesOf(list.value)
  const path = inContainer(subject, ...list.path)
  return [
    ...membersInList(subject, entries, path),
    ...idsInList(subject, entries, path),
    ...clientPort(subject, entries, path, member.image),
  ]
}

function withoutList(subject: LintSubject): readonly Finding[] {
  const { set, settings, config, replicas } = subject
  const elsewhere =
    settings.script.includes('ZOO_SERVERS') ||
    [...config.keys.keys()].some((key) => key.startsWith('server.')) ||
    config.keys.has('dynamicConfigFile')
  if (replicas === undefined || replicas < 2 || elsewhere || !config.complete) return []
  return [
    fault(
      set.manifest,
      inContainer(subject, 'env'),
      `ZOO_SERVERS is not set: each of the ${replicas} members would run alone`,
      'list every member: server.1=NAME-0.SERVICE:2888:3888;2181 and so on',
    ),
  ]
}

/** As many as the set makes, and whether all of them vote. */
function membersInList(
  subject: LintSubject,
  entries: readonly string[],
  path: Path,
): readonly Finding[] {
  const { set, replicas } = subject
  const own = ownEntries(
    entries.map((entry) => /^server\.\d+=([^:;]+)/.exec(entry)?.[1] ?? ''),
    set.shape.metadata.name,
  )
  if (replicas !== undefined && own !== replicas && !isStopped(replicas))
    return [
      fault(
        set.manifest,
        countPath(subject, path),
        `ZOO_SERVERS names ${own} members${own === entries.length ? '' : ' of this set'}, ${countIn(subject)}`,
        countFix(subject, own, `list one server.N for each of the ${replicas} members`),
      ),
    ]
  const observers = entries.filter((entry) => entry.includes(':observer')).length
  if (observers === 0) return []
  return [
    warning(
      set.manifest,
      path,
      `${observers} of the members are observers: they serve reads and never count for the quorum`,
      'leave them out of the disruption budget',
    ),
  ]
}

function idsInList(
  { set }: LintSubject,
  entries: readonly string[],
  path: Path,
): readonly Finding[] {
  const ids = entries.map((entry) => /^server\.(\d+)=/.exec(entry)?.[1])
  if (ids.includes(undefined))
    return [
      fault(
        set.manifest,
        path,
        'an entry of ZOO_SERVERS is not of the form server.N=host:2888:3888;2181',
        'separate entries by single spaces',
      ),
    ]
  if (new Set(ids).size === ids.length) return []
  return [
    fault(
      set.manifest,
      path,
      'ZOO_SERVERS gives one id to two members',
      'number the members server.1, server.2 and so on',
    ),
  ]
}

/**
 * Since 3.5 the port stands at the end of an entry, or under a key of its own, plain or with TLS.
 */
function clientPort(
  { set, config }: LintSubject,
  entries: readonly string[],
  path: Path,
  image: string,
): readonly Finding[] {
  const version = versionOf(image)
  const old = version === 'before 3.5'
  const said = ['clientPort', 'secureClientPort'].some((key) => config.keys.has(key))
  if (!old && !said && config.complete && entries.some((entry) => !entry.includes(';'))) {
    const fix = 'append ;2181 to every entry'
    if (version === 'unknown')
      return [
        warning(
          set.manifest,
          path,
          `an entry of ZOO_SERVERS doesn't end with ;2181: from 3.5 on that member would open no port for clients, and ${image} does not say its version`,
          `${fix}, unless it is a 3.4`,
        ),
      ]
    return [
      fault(
        set.manifest,
        path,
        "an entry of ZOO_SERVERS doesn't end with ;2181: that member would open no port for clients",
        fix,
      ),
    ]
  }
  return old && entries.some((entry) => entry.includes(';'))
    ? [
        fault(
          set.manifest,
          path,
          `${image} doesn't know the ;2181 at the end of an entry`,
          'use a version from 3.5 on, or leave it out',
        ),
      ]
    : []
}

/**
 * By the tag, which is the newest where there is none; a digest alone and a tag of somebody's own
 * say nothing.
 */
function versionOf(image: string): 'before 3.5' | 'from 3.5 on' | 'unknown' {
  const tag = /:([^:/@]+)(?:@|$)/.exec(image.replace(/@sha\d+:.*$/, ''))?.[1]
  const numbers = /^v?(\d+)(?:\.(\d+))?/.exec(tag ?? '')
  if (tag === undefined) return image.includes('@') ? 'unknown' : 'from 3.5 on'
  if (tag === 'latest') return 'from 3.5 on'
  if (numbers === null || numbers[1] !== '3') return 'unknown'
  return numbers[2] !== undefined && Number(numbers[2]) < 5 ? 'before 3.5' : 'from 3.5 on'
}

/** Lines server.N of a zoo.cfg that a known ConfigMap holds. */
function listInFile(subject: LintSubject): readonly Finding[] {
  const { set, config, replicas } = subject
  const hosts = [...config.keys].flatMap(([key, value]) =>
    /^server\.\d+$/.test(key) ? [/^([^:;]+)/.exec(value ?? '')?.[1] ?? ''] : [],
  )
  const own = ownEntries(hosts, set.shape.metadata.name)
  if (replicas === undefined || hosts.length === 0 || own === replicas || isStopped(replicas))
    return []
  return [
    warning(
      set.manifest,
      countPath(subject, inContainer(subject, 'volumeMounts')),
      `the mounted zoo.cfg names ${own} members, ${countIn(subject)}`,
      countFix(subject, own, `write one server.N for each of the ${replicas} members`),
    ),
  ]
}

/** The official image takes its id from ZOO_MY_ID, one by default: it doesn't know ordinals. */
function myId(subject: LintSubject): readonly Finding[] {
  const { set, settings, replicas, config } = subject
  if (replicas === undefined || replicas < 2 || !config.complete) return []
  const pod = set.shape.spec.template.spec
  const inits = pod.initContainers.map((one) => ({
    words: [...one.command, ...one.args],
    run: scriptOfWords([...one.command, ...one.args], one, subject.configMaps, pod),
  }))
  // One that runs a program of its image, or a script that nobody could read, may write the id.
  const opaque = inits.some(
    ({ words, run }) =>
      run.unread.length > 0 || !/^(\/(usr\/)?bin\/)?(ba|da|a)?sh$/.test(words[0] ?? ''),
  )
  if (
    opaque ||
    /myid|ZOO_MY_ID/.test([settings.script, ...inits.map(({ run }) => run.script)].join(' '))
  )
    return []
  const id = variable(settings, 'ZOO_MY_ID')
  const fix =
    "start with: bash -c 'export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground'"
  if (id.state === 'unknown') return []
  if (id.state === 'absent')
    return [
      fault(
        set.manifest,
        inContainer(subject, 'env'),
        'ZOO_MY_ID is set nowhere: every member would have the id 1',
        fix,
      ),
    ]
  return [
    fault(
      set.manifest,
      inContainer(subject, ...id.path),
      `ZOO_MY_ID is ${id.value} for every member: two members must never share an id`,
      fix,
    ),
  ]
}
