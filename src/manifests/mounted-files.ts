// Files that a container finds because the pod mounts them: their text where a known ConfigMap has
// it, and what stands in the way where none does.

import { z } from 'zod'
import type { Container, PodSpec } from './shapes.ts'

export type ConfigMaps = ReadonlyMap<string, Readonly<Record<string, string>>>

export type FoundFile =
  | {
      readonly kind: 'text'
      readonly text: string
      readonly configMap: string
      readonly key: string
    }
  /** The volume is known, and has no such file. */
  | { readonly kind: 'absent' }
  /** `what`: as in `secret/zk`. */
  | { readonly kind: 'unknown'; readonly what: string }
  /** Nothing is mounted there: whatever the image has. */
  | { readonly kind: 'image' }

const itemsSchema = z.array(z.looseObject({ key: z.string(), path: z.string() })).nullish()
const configMapSchema = z.looseObject({ name: z.string(), items: itemsSchema })
const volumeSchema = z.looseObject({
  configMap: configMapSchema.nullish(),
  emptyDir: z.unknown().optional(),
  secret: z.looseObject({ secretName: z.string().nullish() }).nullish(),
  projected: z
    .looseObject({
      sources: z
        .array(
          z.looseObject({
            configMap: configMapSchema.nullish(),
            secret: z.looseObject({ name: z.string() }).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
})

/**
 * What a pod tells of its files; without init containers nobody fills an empty volume before the
 * server starts.
 */
export type PodFiles = Pick<PodSpec, 'volumes'> & Partial<Pick<PodSpec, 'initContainers'>>

export function fileAt(
  path: string,
  container: Container,
  { volumes, initContainers = [] }: PodFiles,
  configMaps: ConfigMaps,
): FoundFile {
  // The innermost mount is the one that counts.
  const [mount] = container.volumeMounts
    .filter(({ mountPath }) => isBelow(path, mountPath))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)
  if (mount === undefined) return { kind: 'image' }
  const volume = volumeSchema.safeParse(volumes.find((one) => one.name === mount.name)).data
  const filled = initContainers.some((init) =>
    init.volumeMounts.some((one) => one.name === mount.name),
  )
  if (isThere(volume?.emptyDir) && !filled) return { kind: 'absent' }
  const unknown: FoundFile = {
    kind: 'unknown',
    what: `volume ${mount.name} of container ${container.name}`,
  }
  if (volume === undefined || mount['subPathExpr'] !== undefined) return unknown
  const rest = path.slice(mount.mountPath.replace(/\/$/, '').length).replace(/^\//, '')
  const inner = [mount.subPath ?? '', rest].filter((part) => part !== '').join('/')
  return inVolume(volume, inner, configMaps, unknown)
}

/** `unknown`: what is said of a volume of any other kind. */
function inVolume(
  { configMap, secret, projected }: z.infer<typeof volumeSchema>,
  path: string,
  configMaps: ConfigMaps,
  unknown: FoundFile,
): FoundFile {
  if (isThere(configMap)) return inConfigMap(configMap, path, configMaps)
  if (isThere(secret)) return { kind: 'unknown', what: `secret/${secret.secretName ?? ''}` }
  if (!isThere(projected)) return unknown
  const found = (projected.sources ?? []).map((source): FoundFile => {
    if (isThere(source.configMap)) return inConfigMap(source.configMap, path, configMaps)
    return isThere(source.secret)
      ? { kind: 'unknown', what: `secret/${source.secret.name}` }
      : unknown
  })
  return (
    found.find(({ kind }) => kind === 'text') ??
    found.find(({ kind }) => kind === 'unknown') ?? { kind: 'absent' }
  )
}

function isThere<T>(value: T | null | undefined): value is T & {} {
  return value !== null && value !== undefined
}

export function isBelow(path: string, directory: string): boolean {
  const whole = directory.replace(/\/$/, '')
  return path === whole || path.startsWith(`${whole}/`)
}

function inConfigMap(
  { name, items }: z.infer<typeof configMapSchema>,
  path: string,
  configMaps: ConfigMaps,
): FoundFile {
  const key =
    items === null || items === undefined ? path : items.find((item) => item.path === path)?.key
  if (key === undefined) return { kind: 'absent' }
  const text = configMaps.get(name)?.[key]
  if (text !== undefined) return { kind: 'text', text, configMap: name, key }
  return configMaps.has(name) ? { kind: 'absent' } : { kind: 'unknown', what: `configmap/${name}` }
}
