// How the server runs: heap, purge, limits and the way it is stopped and replaced.

import { quantityOf } from '../../view/quantity.ts'
import type { Finding } from '../../errors.ts'
import { imageBase } from '../ensemble.ts'
import { variable, type Setting } from '../settings.ts'
import { imageFamily } from './images.ts'
import { majority } from '../../majority.ts'
import { fault, inContainer, warning, type LintSubject, type Rule } from './rule.ts'

const MIB = 2 ** 20

export const heap: Rule = (subject) => {
  const { container, profile } = subject
  const written = container.resources?.limits?.['memory'] ?? ''
  const limit = quantityOf(written)
  if (limit === undefined || (profile !== 'zookeeper' && profile !== 'cassandra')) return []
  const told = heapOf(subject)
  if (told === 'unknown') return []
  if (told === undefined) return limit <= OWN_HEAP * MIB ? ownHeap(subject) : []
  return told.mib * MIB < limit ? [] : [heapOver(subject, told, written)]
}

function heapOver(subject: LintSubject, { mib, path }: Heap, limit: string): Finding {
  const family = subject.profile === 'zookeeper' ? imageFamily(subject) : undefined
  // Which variables another image reads is not known.
  const speak = family === 'other' || family === 'vendor' ? warning : fault
  return speak(
    subject.set.manifest,
    inContainer(subject, ...path),
    `the heap of ${mib}M doesn't fit into the memory limit of ${limit}: the server would be killed`,
    'leave a third of the limit to the rest of the process',
  )
}

/** The official image's own, in MiB. */
const OWN_HEAP = 1000

function ownHeap(subject: LintSubject): readonly Finding[] {
  const { set, settings, profile } = subject
  if (profile !== 'zookeeper' || imageFamily(subject) !== 'official' || settings.unread.length > 0)
    return []
  return [
    warning(
      set.manifest,
      inContainer(subject, 'resources'),
      `no heap is set, and the image's own of ${OWN_HEAP}M doesn't fit into the memory limit`,
      'set ZK_SERVER_HEAP to two thirds of the limit, in megabytes',
    ),
  ]
}

interface Heap {
  readonly mib: number
  readonly path: Setting['path']
}

/**
 * Explicit heap in MiB. Java takes the last of its flags: JVMFLAGS come after SERVER_JVMFLAGS, and
 * those after ZK_SERVER_HEAP.
 */
function heapOf({ settings }: LintSubject): Heap | 'unknown' | undefined {
  const candidates: readonly [string, RegExp][] = [
    ['JVMFLAGS', /-Xmx(\d+)([kmg]?)/i],
    ['SERVER_JVMFLAGS', /-Xmx(\d+)([kmg]?)/i],
    ['ZK_SERVER_HEAP', /^(\d+)()$/],
    ['MAX_HEAP_SIZE', /^(\d+)([kmg]?)$/i],
  ]
  const flag = settings.flags.get('heap')
  if (flag !== undefined)
    return flag.value === undefined
      ? 'unknown'
      : inMib(/^(\d+)([kmg]?)$/i.exec(flag.value), false, flag.path)
  let open = false
  for (const [name, pattern] of candidates) {
    const setting = variable(settings, name)
    if (setting.state === 'unknown' || new RegExp(`\\b${name}=`).test(settings.script)) open = true
    const found =
      setting.state === 'known' && !open
        ? inMib(pattern.exec(setting.value), name === 'ZK_SERVER_HEAP', setting.path)
        : undefined
    if (found !== undefined) return found
  }
  return open || /-Xmx|RAMPercentage/.test(settings.script) ? 'unknown' : undefined
}

function inMib(
  match: RegExpExecArray | null,
  megabytes: boolean,
  path: Setting['path'],
): Heap | undefined {
  if (match === null) return undefined
  const scale: Readonly<Record<string, number>> = {
    g: 1024,
    m: 1,
    k: 1 / 1024,
    '': megabytes ? 1 : 1 / MIB,
  }
  return { mib: Math.round(Number(match[1]) * (scale[(match[2] ?? '').toLowerCase()] ?? 1)), path }
}

export const purge: Rule = (subject) => {
  const { set, settings, profile, config } = subject
  if (profile !== 'zookeeper') return []
  const interval = config.keys.get('autopurge.purgeInterval')
  switch (config.from) {
    case 'flags': {
      const flag = settings.flags.get('purge_interval')
      return [
        warning(
          set.manifest,
          inContainer(subject, ...(flag?.path ?? ['image'])),
          'this image never purges old snapshots and logs: its script misspells the key of the purge interval',
          'watch the disks, or use the official image',
        ),
      ]
    }
    case 'variables':
      return interval === '0' && config.complete
        ? [
            warning(
              set.manifest,
              inContainer(
                subject,
                ...(settings.env.get('ZOO_AUTOPURGE_PURGEINTERVAL')?.path ?? ['env']),
              ),
              'old snapshots and logs are never purged: the disk will fill',
              'set ZOO_AUTOPURGE_PURGEINTERVAL: "12" (hours)',
            ),
          ]
        : []
    case 'file':
      return (interval ?? '0') === '0'
        ? [
            warning(
              set.manifest,
              inContainer(subject, 'volumeMounts'),
              'old snapshots and logs are never purged: the disk will fill',
              'write autopurge.purgeInterval=12 (hours) into the mounted zoo.cfg',
            ),
          ]
        : []
    case 'script':
    case 'unknown':
      return []
  }
}

export const limits: Rule = (subject) => {
  const { set, settings, profile } = subject
  if (profile !== 'zookeeper') return []
  const found: Finding[] = []
  for (const [setting, name] of [
    [settings.flags.get('sync_limit'), '--sync_limit'],
    [settings.env.get('ZOO_SYNC_LIMIT'), 'ZOO_SYNC_LIMIT'],
  ] as const) {
    if (setting !== undefined && Number(setting.value) > 60)
      found.push(
        warning(
          set.manifest,
          inContainer(subject, ...setting.path),
          `${name} is ${setting.value ?? ''} ticks: a follower may lag that long before it is dropped`,
          'write 5; the value counts ticks, not milliseconds',
        ),
      )
  }
  const flags = settings.env.get('JVMFLAGS')
  if (flags?.value !== undefined && /-Xm[sx]|agent|jmxremote\.port/.test(flags.value)) {
    found.push(
      warning(
        set.manifest,
        inContainer(subject, ...flags.path),
        'JVMFLAGS count for every zkCli.sh in the container as well: a second heap, or a port that is taken',
        'use SERVER_JVMFLAGS and ZK_SERVER_HEAP',
      ),
    )
  }
  return found
}

export const stopping: Rule = ({ set, profile }) => {
  if (profile === 'none' || set.shape.spec.template.spec.terminationGracePeriodSeconds !== 0)
    return []
  return [
    warning(
      set.manifest,
      ['spec', 'template', 'spec', 'terminationGracePeriodSeconds'],
      'a grace period of 0 kills the server, and Kubernetes may start its successor while it still runs',
      'leave it out, or give it 30 s or more',
    ),
  ]
}

export const updates: Rule = ({ set, profile, replicas }) => {
  const { updateStrategy } = set.shape.spec
  const most = updateStrategy?.rollingUpdate?.maxUnavailable
  if (most === undefined || profile === 'none' || replicas === undefined) return []
  const members =
    typeof most === 'number' ? most : Math.ceil((Number.parseInt(most, 10) / 100) * replicas)
  const path = ['spec', 'updateStrategy', 'rollingUpdate', 'maxUnavailable']
  if (members <= 1) return []
  if (profile === 'zookeeper' && replicas - members < majority(replicas))
    return [
      fault(
        set.manifest,
        path,
        `a roll would take ${members} of ${replicas} members at once, the quorum needs ${majority(replicas)}`,
        'write maxUnavailable: 1, or leave it out',
      ),
    ]
  return [
    warning(
      set.manifest,
      path,
      `a roll takes ${members} members at once: a failure in that time costs the quorum`,
      'write maxUnavailable: 1, or leave it out',
    ),
  ]
}

export const imageTag: Rule = (subject) => {
  const { set, member, profile } = subject
  if (profile === 'none' || member.image === '' || member.image.includes('@')) return []
  const tag = member.image.slice(
    member.image.lastIndexOf(imageBase(member.image)) + imageBase(member.image).length,
  )
  return tag === '' || tag === ':latest'
    ? [
        warning(
          set.manifest,
          inContainer(subject, 'image'),
          `image ${member.image} is whatever is newest on each node: members may come to run different versions`,
          'name a version',
        ),
      ]
    : []
}
