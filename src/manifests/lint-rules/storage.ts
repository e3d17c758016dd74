// Where the data lies: what isn't on a claim is gone when the pod is, and an ensemble whose members
// all stop at once comes back without it.

import { z } from 'zod'
import type { Finding } from '../../errors.ts'
import { isBelow } from '../mounted-files.ts'
import { danger, inContainer, warning, type LintSubject, type Rule } from './rule.ts'

export const claims: Rule = (subject) => {
  const { set, profile } = subject
  const { volumeClaimTemplates: templates, template } = set.shape.spec
  if (profile === 'none' || profile === 'custom') return []
  const containers = [...template.spec.containers, ...template.spec.initContainers]
  const unused = templates.flatMap((claim, index) =>
    containers.some(
      ({ volumeMounts, ...container }) =>
        volumeMounts.some((mount) => mount.name === claim.metadata.name) ||
        hasDevice(container, claim.metadata.name),
    )
      ? []
      : [
          warning(
            set.manifest,
            ['spec', 'volumeClaimTemplates', index],
            `claim ${claim.metadata.name} is not mounted in any container`,
            'add a volumeMount with its name',
          ),
        ],
  )
  return [...unused, ...alphaClasses(subject), ...directories(subject)]
}

function hasDevice(container: Readonly<Record<string, unknown>>, name: string): boolean {
  return (
    z
      .array(z.looseObject({ name: z.string() }))
      .safeParse(container['volumeDevices'])
      .data?.some((device) => device.name === name) === true
  )
}

/** The annotation of 2016, which nothing reads any more: the claim would take the default class. */
function alphaClasses({ set }: LintSubject): readonly Finding[] {
  const annotated = z.looseObject({
    metadata: z.looseObject({
      annotations: z.looseObject({ 'volume.alpha.kubernetes.io/storage-class': z.string() }),
    }),
  })
  return set.shape.spec.volumeClaimTemplates.flatMap((claim, index) =>
    annotated.safeParse(claim).success
      ? [
          warning(
            set.manifest,
            ['spec', 'volumeClaimTemplates', index, 'metadata', 'annotations'],
            'volume.alpha.kubernetes.io/storage-class has no effect any more',
            'write storageClassName in the spec of the claim',
          ),
        ]
      : [],
  )
}

interface Directory {
  readonly what: 'data directory' | 'transaction log'
  readonly path: string
}

/** Where the server keeps snapshots and its log, as far as that is known. */
function directoriesOf(subject: LintSubject): readonly Directory[] {
  const { profile, config } = subject
  if (profile === 'cassandra')
    return officialCassandra(subject)
      ? [{ what: 'data directory', path: '/var/lib/cassandra' }]
      : []
  const data = config.keys.get('dataDir')
  // Without a directory of its own the log is with the data, unless a key that can't be seen gives
  // it one.
  const log =
    config.keys.has('dataLogDir') || config.from !== 'file' ? config.keys.get('dataLogDir') : data
  return [
    ...(absolute(data) ? [{ what: 'data directory' as const, path: data }] : []),
    ...(absolute(log) ? [{ what: 'transaction log' as const, path: log }] : []),
  ]
}

function absolute(path: string | undefined): path is string {
  return path?.startsWith('/') === true
}

/** By its own name, started as the image means it, and with no configuration of its own mounted. */
function officialCassandra({ member, container, settings }: LintSubject): boolean {
  const name = (member.image.split('@')[0] ?? '').replace(/:[^/:]*$/, '')
  return (
    /^(docker\.io\/)?cassandra$|(^|\/)library\/cassandra$/.test(name) &&
    settings.unread.length === 0 &&
    !/cassandra\.yaml|data_file_directories|CASSANDRA_CONF|cassandra\.storagedir/.test(
      settings.script,
    ) &&
    !container.volumeMounts.some(({ mountPath }) =>
      isBelow('/etc/cassandra/cassandra.yaml', mountPath),
    )
  )
}

function directories(subject: LintSubject): readonly Finding[] {
  const { set, config, replicas, profile } = subject
  const at = inContainer(subject, 'volumeMounts')
  const proven = profile === 'cassandra' || config.complete
  const found: Finding[] = []
  const gone: Directory[] = []
  for (const directory of directoriesOf(subject)) {
    const kept = keeps(subject, directory.path)
    if (kept === 'shared' && replicas !== 1) {
      const index = volumeIndex(subject, directory.path)
      return [
        danger(
          set.manifest,
          index === undefined ? at : ['spec', 'template', 'spec', 'volumes', index],
          'all members would share one claim',
          'use volumeClaimTemplates, which make one for each member',
        ),
      ]
    }
    if (kept === 'pod') gone.push(directory)
  }
  if (set.shape.spec.volumeClaimTemplates.length === 0) {
    const known = directoriesOf(subject)
    // Where the directories can't be seen, nothing that outlives a pod must be mounted for it to be
    // said.
    const lost = known.length > 0 ? gone.length > 0 : !mountsWhatStays(subject)
    return lost
      ? [
          warning(
            set.manifest,
            ['spec'],
            "no volumeClaimTemplates: a member's data goes with its pod",
            'add volumeClaimTemplates, unless the data may be lost',
          ),
        ]
      : []
  }
  const [first] = gone
  if (first?.what === 'data directory') {
    found.push(
      (proven ? danger : warning)(
        set.manifest,
        at,
        `the data directory ${first.path} is not on a claim: the data would go with the pod`,
        'mount the claim there, or point the data directory into it',
      ),
    )
  } else if (first !== undefined) {
    found.push(
      (proven ? danger : warning)(
        set.manifest,
        at,
        `the transaction log ${first.path} is not on a claim: when all members stop at once, every write since the last snapshot is lost`,
        logFix(subject, first.path),
      ),
    )
  }
  return found
}

/**
 * What works with the image: the official one's entrypoint changes the owner of the directory
 * before anybody makes it, so that it must be there.
 */
function logFix({ set, config, container }: LintSubject, log: string): string {
  const claim =
    container.volumeMounts.find((mount) =>
      isBelow(config.keys.get('dataDir') ?? '', mount.mountPath),
    )?.name ??
    set.shape.spec.volumeClaimTemplates[0]?.metadata.name ??
    'data'
  const mount = `mount the claim there as well, in a directory of its own: {name: ${claim}, mountPath: ${log}, subPath: datalog}`
  return config.from === 'flags'
    ? `${mount}; or set --data_log_dir to a directory on the claim`
    : `${mount}; or a claim of its own`
}

type Kept = 'claim' | 'shared' | 'node' | 'pod' | 'unknown'

const volumeSchema = z.looseObject({
  persistentVolumeClaim: z.unknown().optional(),
  emptyDir: z.unknown().optional(),
  hostPath: z.unknown().optional(),
  configMap: z.unknown().optional(),
  secret: z.unknown().optional(),
})

/** What a directory of the server is kept on. */
function keeps({ set, container }: LintSubject, directory: string): Kept {
  const names = new Set(set.shape.spec.volumeClaimTemplates.map((claim) => claim.metadata.name))
  // The innermost mount is the one that counts.
  const mount = container.volumeMounts
    .filter(({ mountPath }) => isBelow(directory, mountPath))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)[0]
  if (mount === undefined) return 'pod'
  if (names.has(mount.name)) return 'claim'
  const volume = volumeSchema.safeParse(
    set.shape.spec.template.spec.volumes.find((one) => one.name === mount.name),
  ).data
  if (volume === undefined) return 'pod'
  // A directory of its own for each member, by the pod's name.
  if (volume.persistentVolumeClaim !== undefined)
    return mount['subPathExpr'] === undefined ? 'shared' : 'claim'
  if (volume.hostPath !== undefined) return 'node'
  return volume.emptyDir !== undefined ||
    volume.configMap !== undefined ||
    volume.secret !== undefined
    ? 'pod'
    : 'unknown'
}

function volumeIndex({ set, container }: LintSubject, directory: string): number | undefined {
  const mount = container.volumeMounts
    .filter(({ mountPath }) => isBelow(directory, mountPath))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)[0]
  const index = set.shape.spec.template.spec.volumes.findIndex(
    (volume) => volume.name === mount?.name,
  )
  return index < 0 ? undefined : index
}

function mountsWhatStays(subject: LintSubject): boolean {
  return subject.container.volumeMounts.some(
    ({ mountPath }) => !['pod'].includes(keeps(subject, mountPath)),
  )
}
