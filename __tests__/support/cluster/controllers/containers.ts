// What a container runs: which program its image and command stand for, and what it lacks to start.

import type { Duplex } from 'node:stream'
import type { Fields, Json } from '../json.ts'
import { at, fields, items, strings, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import type { Stored } from '../store.ts'
import { namespaceOf } from '../store.ts'
import type { ExecAnswer, ImageBehaviour, World } from '../world.ts'

/** A running container, seen from the kubelet. */
export interface Program {
  exec(command: readonly string[], stdin: string): Promise<ExecAnswer>
  /** A stream to a port that it listens on; undefined when nothing listens there. */
  /**
   * `inside`: from within the container, where other addresses than the loopback one are reached
   * too.
   */
  connect(port: number, inside?: boolean): Duplex | undefined
  logs(): readonly string[]
  /** Resolves with the exit code when the program ends by itself. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>
  stop(): void
}

/** A container that sleeps, or ends after a while: busybox and the like. */
export function plainProgram(
  world: World,
  exit: ImageBehaviour['exit'],
  log: readonly string[],
  answer: (command: readonly string[], stdin: string) => ExecAnswer | undefined = () => undefined,
): Program {
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    if (exit !== undefined)
      world.after(exit.afterMs ?? 200, () =>
        resolve({
          code: exit.code,
          reason: exit.reason ?? (exit.code === 0 ? 'Completed' : 'Error'),
        }),
      )
  })
  const exec = (command: readonly string[], stdin: string): Promise<ExecAnswer> =>
    Promise.resolve(
      answer(command, stdin) ?? {
        exitCode: exitOf(command) ?? 0,
        stdout: echoOf(command),
        stderr: '',
      },
    )
  return { exec, connect: () => undefined, logs: () => log, ended, stop: () => undefined }
}

/**
 * The exit code that a shell command is known to end with: `false`, `exit 3`; undefined for one
 * that continues.
 */
export function exitOf(command: readonly string[]): number | undefined {
  if (command[0] === 'false') return 1
  if (command[0] === 'true') return 0
  const code = /^(?:echo [^;&|]+(?:;|&&) *)?exit (\d+)$/.exec((command.at(-1) ?? '').trim())
  return code === null ? undefined : Number(code[1])
}

export function echoOf(command: readonly string[]): string {
  return [...(command.at(-1) ?? '').matchAll(/\becho ([^;&|]+)/g)]
    .map((found) => `${(found[1] ?? '').trim().replace(/^["']|["']$/g, '')}\n`)
    .join('')
}

export function behaviourOf(world: World, entry: Json): ImageBehaviour | undefined {
  const found = world.image(text(entry, 'image'))
  if (found === undefined || found.exit !== undefined) return found
  const command = [...strings(entry, 'command'), ...strings(entry, 'args')]
  const code = exitOf(command)
  return code === undefined ? found : { ...found, exit: { code, log: echoOf(command) } }
}

/** The runtime's words for an image reference that is none. */
export function invalidImage(image: string): string | undefined {
  if (/^[a-z0-9][a-z0-9._\-/:]*(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/.test(image)) return undefined
  return `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format: repository name (library/${image}) must be lowercase`
}

export function pullFailure(image: string): string {
  const full = image.includes('/') ? image : `docker.io/library/${image}`
  return `rpc error: code = NotFound desc = failed to pull and unpack image "${full}": failed to resolve reference "${full}": ${full}: not found`
}

/**
 * The ConfigMap, Secret or key that the container's environment refers to and that isn't there, in
 * the kubelet's words.
 */
export function missingConfig(world: World, pod: Stored, entry: Json): string | undefined {
  for (const source of items(entry, 'envFrom')) {
    const missing =
      absent(world, pod, source, 'configMapRef', 'ConfigMap') ??
      absent(world, pod, source, 'secretRef', 'Secret')
    if (missing !== undefined) return missing
  }
  for (const variable of items(entry, 'env')) {
    const from = at(variable, 'valueFrom')
    const missing =
      absent(world, pod, from, 'configMapKeyRef', 'ConfigMap') ??
      absent(world, pod, from, 'secretKeyRef', 'Secret')
    if (missing !== undefined) return missing
  }
  return undefined
}

function absent(
  world: World,
  pod: Stored,
  source: Json | undefined,
  field: string,
  kind: 'ConfigMap' | 'Secret',
): string | undefined {
  const reference = at(source, field)
  if (reference === undefined || at(reference, 'optional') === true) return undefined
  const name = text(reference, 'name')
  const found = world.store.get(kindOf(kind), namespaceOf(pod), name)
  if (found === undefined) return `${kind.toLowerCase()} "${name}" not found`
  const key = at(reference, 'key')
  return typeof key === 'string' && at(found, 'data', key) === undefined
    ? `couldn't find key ${key} in ${kind} ${namespaceOf(pod)}/${name}`
    : undefined
}

/** A mounted volume whose ConfigMap or Secret isn't there, in the kubelet's words. */
export function missingVolume(world: World, pod: Stored): string | undefined {
  const mounted = new Set(
    items(pod, 'spec', 'containers').flatMap((entry) =>
      items(entry, 'volumeMounts').map((mount) => text(mount, 'name')),
    ),
  )
  for (const volume of items(pod, 'spec', 'volumes')) {
    const name = text(volume, 'name')
    const named: Fields = {
      configMap: text(volume, 'configMap', 'name'),
      secret: text(volume, 'secret', 'secretName'),
    }
    for (const [kind, field] of [
      ['ConfigMap', 'configMap'],
      ['Secret', 'secret'],
    ] as const) {
      const wanted = text(named, field)
      if (wanted === '' || !mounted.has(name) || at(fields(volume, field), 'optional') === true)
        continue
      if (world.store.get(kindOf(kind), namespaceOf(pod), wanted) === undefined)
        return `MountVolume.SetUp failed for volume "${name}" : ${kind.toLowerCase()} "${wanted}" not found`
    }
  }
  return undefined
}
