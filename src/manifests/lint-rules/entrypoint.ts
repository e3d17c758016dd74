// What the official image's entrypoint does before the server starts: as root it gives data, log
// and configuration directories to its user, and stops where it can't.

import { z } from 'zod'
import type { Finding } from '../../errors.ts'
import { fileAt, isBelow } from '../mounted-files.ts'
import { scriptOfWords } from '../settings.ts'
import { imageFamily, runsEntrypoint } from './images.ts'
import { inContainer, warning, type LintSubject, type Rule } from './rule.ts'

const AS_USER =
  'run it as the image’s user (securityContext of the pod: runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000)'

/**
 * A volume over /conf: one that is read-only ends the entrypoint, and any hides what the image has
 * there. One that an init container fills is a copy of it.
 */
export const confMount: Rule = (subject) => {
  const { set, container, profile, configMaps } = subject
  if (profile !== 'zookeeper' || imageFamily(subject) !== 'official') return []
  const pod = set.shape.spec.template.spec
  const filled = new Set(
    pod.initContainers.flatMap((init) => init.volumeMounts.map((mount) => mount.name)),
  )
  return container.volumeMounts.flatMap((mount, index): readonly Finding[] => {
    const at = inContainer(subject, 'volumeMounts', index)
    if (!isBelow(mount.mountPath, '/conf') || filled.has(mount.name)) return []
    if (isReadOnly(mount.name, mount.readOnly, subject) && changesOwners(subject)) {
      return [
        warning(
          set.manifest,
          at,
          `${mount.mountPath} is read-only, and the image's entrypoint, as root, changes its owner: the server doesn't start`,
          `${AS_USER}, or mount an emptyDir at /conf that an init container of the same image fills: cp -a /conf/. and then the files of your own`,
        ),
      ]
    }
    const hides =
      mount.mountPath.replace(/\/$/, '') === '/conf' &&
      mount.subPath === undefined &&
      fileAt('/conf/logback.xml', container, pod, configMaps).kind !== 'text'
    return hides
      ? [
          warning(
            set.manifest,
            at,
            "a volume over /conf hides the image's logback.xml",
            'mount an emptyDir there that an init container of the same image fills: cp -a /conf/. and then the files of your own',
          ),
        ]
      : []
  })
}

/**
 * A directory that nobody makes: on a new claim the entrypoint's chown fails, and the server never
 * starts.
 */
export const logDirectory: Rule = (subject) => {
  const { set, container, config, profile, cluster, settings } = subject
  if (
    profile !== 'zookeeper' ||
    cluster?.first !== true ||
    config.from !== 'variables' ||
    imageFamily(subject) !== 'official' ||
    !changesOwners(subject)
  )
    return []
  const pod = set.shape.spec.template.spec
  const inits = pod.initContainers.map((init) =>
    scriptOfWords([...init.command, ...init.args], init, subject.configMaps, pod),
  )
  if (inits.length > 0 || /\b(mkdir|install)\b/.test(settings.script)) return []
  return (['dataDir', 'dataLogDir'] as const).flatMap((key): readonly Finding[] => {
    const path = config.keys.get(key)
    const made =
      path === undefined ||
      path === '/data' ||
      path === '/datalog' ||
      container.volumeMounts.some(
        ({ mountPath }) => mountPath.replace(/\/$/, '') === path.replace(/\/$/, ''),
      )
    if (made) return []
    const name = key === 'dataDir' ? 'ZOO_DATA_DIR' : 'ZOO_DATA_LOG_DIR'
    const claim = container.volumeMounts.find(({ mountPath }) => isBelow(path, mountPath))
    const mount =
      claim === undefined
        ? 'mount a claim there'
        : `mount the claim there as well: {name: ${claim.name}, mountPath: ${path}, subPath: ${path.split('/').at(-1) ?? 'log'}}`
    return [
      warning(
        set.manifest,
        inContainer(subject, ...(settings.env.get(name)?.path ?? ['env'])),
        `nobody makes ${path}: the image's entrypoint, as root, changes its owner, and the server doesn't start on a new claim`,
        `${mount}; or ${AS_USER}`,
      ),
    ]
  })
}

const contextSchema = z
  .looseObject({ runAsUser: z.number().nullish(), runAsNonRoot: z.boolean().nullish() })
  .nullish()

/** Only as root, and only when it is to start the server. */
function changesOwners(subject: LintSubject): boolean {
  const { container, settings, set } = subject
  const [own, pods] = [
    container['securityContext'],
    set.shape.spec.template.spec['securityContext'],
  ].map((context) => contextSchema.safeParse(context).data)
  const user = own?.runAsUser ?? pods?.runAsUser
  const root =
    user === 0 ||
    ((user === undefined || user === null) && (own?.runAsNonRoot ?? pods?.runAsNonRoot) !== true)
  const starts =
    container.command.length === 0
      ? container.args.length === 0 || container.args[0] === 'zkServer.sh'
      : /docker-entrypoint\.sh["']?\s+["']?zkServer\.sh/.test(settings.script)
  return root && starts && runsEntrypoint(subject)
}

const volumeSchema = z.looseObject({
  configMap: z.unknown().optional(),
  secret: z.unknown().optional(),
  projected: z.unknown().optional(),
})

function isReadOnly(name: string, readOnly: boolean | undefined, { set }: LintSubject): boolean {
  const volume = volumeSchema.safeParse(
    set.shape.spec.template.spec.volumes.find((one) => one.name === name),
  ).data
  return (
    readOnly === true ||
    volume?.configMap !== undefined ||
    volume?.secret !== undefined ||
    volume?.projected !== undefined
  )
}
