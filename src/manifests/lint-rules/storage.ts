// Where the data lies: what isn't on a claim is gone when the pod is, and an ensemble whose members all stop at once comes back without it.

import { z } from 'zod'
import type { Finding } from '../../errors.ts'
import { dataDirs, imageFamily, readsOwnConfig } from './images.ts'
import { fault, inContainer, warning, type LintSubject, type Rule } from './rule.ts'

export const claims: Rule = (subject) => {
  const { set, profile, container } = subject
  const { volumeClaimTemplates: templates, template } = set.shape.spec
  if (profile === 'none' || profile === 'custom') return []
  const shared = template.spec.volumes.findIndex((volume) => z.looseObject({ persistentVolumeClaim: z.looseObject({}) }).safeParse(volume).success && container.volumeMounts.some((mount) => mount.name === volume.name))
  if (shared >= 0 && set.shape.spec.replicas > 1) {
    return [fault(set.manifest, ['spec', 'template', 'spec', 'volumes', shared], 'all members would share one claim', 'use volumeClaimTemplates, which make one for each member')]
  }
  if (templates.length === 0) return [warning(set.manifest, ['spec'], "no volumeClaimTemplates: a member's data goes with its pod", 'add volumeClaimTemplates, unless the data may be lost')]
  const unused = templates.flatMap((claim, index) =>
    container.volumeMounts.some((mount) => mount.name === claim.metadata.name) ? [] : [warning(set.manifest, ['spec', 'volumeClaimTemplates', index], `claim ${claim.metadata.name} is not mounted in container ${container.name}`, 'add a volumeMount with its name')],
  )
  return [...unused, ...alphaClasses(subject), ...directories(subject)]
}

/** The annotation of 2016, which nothing reads any more: the claim would take the default class. */
function alphaClasses({ set }: LintSubject): readonly Finding[] {
  const annotated = z.looseObject({ metadata: z.looseObject({ annotations: z.looseObject({ 'volume.alpha.kubernetes.io/storage-class': z.string() }) }) })
  return set.shape.spec.volumeClaimTemplates.flatMap((claim, index) =>
    annotated.safeParse(claim).success ? [warning(set.manifest, ['spec', 'volumeClaimTemplates', index, 'metadata', 'annotations'], 'volume.alpha.kubernetes.io/storage-class has no effect any more', 'write storageClassName in the spec of the claim')] : [],
  )
}

function directories(subject: LintSubject): readonly Finding[] {
  const { set, profile, member } = subject
  if (profile === 'cassandra') {
    const official = /(^|\/)cassandra(:|@|$)/.test(member.image) && !member.image.includes('google-samples')
    return official && !onClaim(subject, '/var/lib/cassandra/data') ? [fault(set.manifest, inContainer(subject, 'volumeMounts'), '/var/lib/cassandra is not on a claim: the data would go with the pod', 'mount the claim at /var/lib/cassandra')] : []
  }
  const dirs = readsOwnConfig(subject) ? undefined : dataDirs(subject)
  if (dirs === undefined) return []
  const found: Finding[] = []
  if (!onClaim(subject, dirs.data)) found.push(fault(set.manifest, inContainer(subject, 'volumeMounts'), `the data directory ${dirs.data} is not on a claim: the data would go with the pod`, 'mount the claim there, or point the data directory into it'))
  else if (!onClaim(subject, dirs.log)) {
    const setting = imageFamily(member.image) === 'official' ? 'ZOO_DATA_LOG_DIR' : '--data_log_dir'
    found.push(fault(set.manifest, inContainer(subject, 'volumeMounts'), `the transaction log ${dirs.log} is not on a claim: when all members stop at once, every write since the last snapshot is lost`, `mount a claim there, or set ${setting} to a directory on the claim`))
  }
  return found
}

function onClaim({ set, container }: LintSubject, directory: string): boolean {
  const names = new Set(set.shape.spec.volumeClaimTemplates.map((claim) => claim.metadata.name))
  // The innermost mount is the one that counts.
  const mount = container.volumeMounts
    .filter(({ mountPath }) => directory === mountPath || directory.startsWith(mountPath.endsWith('/') ? mountPath : `${mountPath}/`))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)[0]
  return mount !== undefined && names.has(mount.name)
}

/** A volume over /conf hides the image's own logging configuration; one that an init container fills is a copy of it. */
export const confMount: Rule = (subject) => {
  const { set, container, member, profile } = subject
  if (profile !== 'zookeeper' || imageFamily(member.image) !== 'official') return []
  const filled = new Set(set.shape.spec.template.spec.initContainers.flatMap((init) => init.volumeMounts.map((mount) => mount.name)))
  return container.volumeMounts.flatMap((mount, index) =>
    mount.mountPath.replace(/\/$/, '') === '/conf' && mount.subPath === undefined && !filled.has(mount.name)
      ? [warning(set.manifest, inContainer(subject, 'volumeMounts', index), "a volume over /conf hides the image's logback.xml, and a read-only one stops the image from writing zoo.cfg", 'mount single files with subPath, or fill the volume in an init container')]
      : [],
  )
}
