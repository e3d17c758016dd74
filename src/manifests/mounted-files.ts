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
  { volumeMounts, name }: Container,
  { volumes, initContainers = [] }: PodFiles,
  configMaps: ConfigMaps,
): FoundFile {
  // The innermost mount is the one that counts.
  const [mount] = volumeMounts
    .filter(({ mountPath }) => isBelow(path, mountPath))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)
  if (mount === undefined) return { kind: 'image' }
  const rest = path.slice(mount.mountPath.replace(/\/$/, '').length).replace(/^\//, '')
  const inner = [mount.subPath ?? '', rest].filter((part) => part !== '').join('/')
  const volume = volumeSchema.safeParse(volumes.find((one) => one.name === mount.name)).data
  if (
    volume?.emptyDir !== undefined &&
    volume.emptyDir !== null &&
    !initContainers.some((init) => init.volumeMounts.some((one) => one.name === mount.name))
  )
    return { kind: 'absent' }
  if (volume === undefined || mount['subPathExpr'] !== undefined)
    return { kind: 'unknown', what: `volume ${mount.name} of container ${name}` }
  if (volume.configMap !== null && volume.configMap !== undefined)
    return inConfigMap(volume.configMap, inner, configMaps)
  if (volume.secret !== null && volume.secret !== undefined)
    return { kind: 'unknown', what: `secret/${volume.secret.secretName ?? ''}` }
  if (volume.projected === null || volume.projected === undefined)
    return { kind: 'unknown', what: `volume ${mount.name} of container ${name}` }
  const found = (volume.projected.sources ?? []).map((source): FoundFile => {
    if (source.configMap !== null && source.configMap !== undefined)
      return inConfigMap(source.configMap, inner, configMaps)
    return {
      kind: 'unknown',
      what:
        source.secret?.name === undefined
          ? `volume ${mount.name} of container ${name}`
          : `secret/${source.secret.name}`,
    }
  })
  return (
    found.find(({ kind }) => kind === 'text') ??
    found.find(({ kind }) => kind === 'unknown') ?? { kind: 'absent' }
  )
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
