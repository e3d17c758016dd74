// Who is in the ensemble: the list that every member is given must name as many members as the set makes, and each must know which one it is.

import type { Finding } from '../../errors.ts'
import { imageFamily, readsOwnConfig } from './images.ts'
import { fault, inContainer, warning, type LintSubject, type Rule } from './rule.ts'

export const memberCount: Rule = ({ set, profile }) => {
  const { replicas } = set.shape.spec
  if (profile !== 'zookeeper' || replicas % 2 === 1 || replicas === 0) return []
  const worse = replicas === 2 ? 'two members bear no failure at all: either one stops the other' : `${replicas} members bear no more failures than ${replicas - 1}`
  return [warning(set.manifest, ['spec', 'replicas'], worse, `use ${replicas - 1} or ${replicas + 1}`)]
}

export const memberList: Rule = (subject) => {
  if (subject.profile !== 'zookeeper' || readsOwnConfig(subject)) return []
  switch (imageFamily(subject.member.image)) {
    case 'kubernetes-zookeeper':
      return serversFlag(subject)
    case 'official':
      return [...zooServers(subject), ...myId(subject)]
    case 'other':
      return []
  }
}

/** `--servers` of start-zookeeper: its default of one makes every member an ensemble of its own. */
function serversFlag(subject: LintSubject): readonly Finding[] {
  const { set, settings } = subject
  const { replicas } = set.shape.spec
  const flag = settings.flags.get('servers')
  const path = inContainer(subject, ...(flag?.path ?? ['command']))
  if (flag === undefined) {
    return replicas > 1 && settings.script.includes('start-zookeeper') ? [fault(set.manifest, path, `start-zookeeper is not told --servers: each of the ${replicas} members would run alone`, `add --servers=${replicas}`)] : []
  }
  if (flag.value === undefined || Number(flag.value) === replicas) return []
  return [fault(set.manifest, path, `--servers=${flag.value}, but the set has ${replicas} members`, `write --servers=${replicas}, or change replicas with it`)]
}

function zooServers(subject: LintSubject): readonly Finding[] {
  const { set, settings, member } = subject
  const { replicas } = set.shape.spec
  const list = settings.env.get('ZOO_SERVERS')
  if (list === undefined) {
    if (replicas < 2 || settings.script.includes('ZOO_SERVERS')) return []
    return [fault(set.manifest, inContainer(subject, 'env'), `ZOO_SERVERS is not set: each of the ${replicas} members would run alone`, 'list every member: server.1=NAME-0.SERVICE:2888:3888;2181 and so on')]
  }
  if (list.value === undefined) return []
  const entries = list.value.split(/\s+/).filter((entry) => entry !== '')
  const path = inContainer(subject, ...list.path)
  const found: Finding[] = []
  const voters = entries.filter((entry) => !entry.includes(':observer')).length
  if (entries.length !== replicas) found.push(fault(set.manifest, path, `ZOO_SERVERS names ${entries.length} members, the set has ${replicas}`, `list one server.N for each of the ${replicas} members`))
  else if (voters !== entries.length) found.push(warning(set.manifest, path, `${entries.length - voters} of the members are observers: they serve reads and never count for the quorum`, 'leave them out of the disruption budget'))
  const ids = entries.map((entry) => /^server\.(\d+)=/.exec(entry)?.[1])
  if (ids.includes(undefined)) found.push(fault(set.manifest, path, 'an entry of ZOO_SERVERS is not of the form server.N=host:2888:3888;2181', 'separate entries by single spaces'))
  else if (new Set(ids).size !== ids.length) found.push(fault(set.manifest, path, 'ZOO_SERVERS gives one id to two members', 'number the members server.1, server.2 and so on'))
  const old = /:3\.4(\D|$)/.test(member.image)
  if (!old && entries.some((entry) => !entry.includes(';'))) found.push(fault(set.manifest, path, "an entry of ZOO_SERVERS doesn't end with ;2181: that member would open no port for clients", 'append ;2181 to every entry'))
  if (old && entries.some((entry) => entry.includes(';'))) found.push(fault(set.manifest, path, `${member.image} doesn't know the ;2181 at the end of an entry`, 'use a version from 3.5 on, or leave it out'))
  return found
}

/** The official image takes its id from ZOO_MY_ID, one by default: it doesn't know ordinals. */
function myId(subject: LintSubject): readonly Finding[] {
  const { set, settings } = subject
  if (set.shape.spec.replicas < 2) return []
  const init = set.shape.spec.template.spec.initContainers.flatMap((container) => [...container.command, ...container.args]).join(' ')
  if (/myid|ZOO_MY_ID/.test(`${init} ${settings.script}`)) return []
  const id = settings.env.get('ZOO_MY_ID')
  const mend = 'start with: bash -c \'export ZOO_MY_ID=$((${HOSTNAME##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground\''
  if (id === undefined) return [fault(set.manifest, inContainer(subject, 'env'), 'ZOO_MY_ID is set nowhere: every member would have the id 1', mend)]
  if (id.value === undefined) return []
  return [fault(set.manifest, inContainer(subject, ...id.path), `ZOO_MY_ID is ${id.value} for every member: two members must never share an id`, mend)]
}
