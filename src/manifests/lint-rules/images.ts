// What is known of the images that run ZooKeeper, because their settings and paths differ: by name,
// and by the contract that is used, since mirrors keep the last part of a name only.

import { imageBase } from '../ensemble.ts'
import { variable } from '../settings.ts'
import type { LintSubject } from './rule.ts'

/**
 * `official`: docker.io/library/zookeeper and its mirrors. `kubernetes-zookeeper`: the tutorial's,
 * with start-zookeeper. `vendor`: one of those that have a contract of their own.
 * `other`: nobody knows.
 */
export type ImageFamily = 'official' | 'kubernetes-zookeeper' | 'vendor' | 'other'

type Told = Pick<LintSubject, 'container' | 'settings' | 'member'>

/** Signs of other contracts, each in what the pod template gives the image. */
const VENDORS: readonly {
  readonly image: RegExp
  readonly variables: RegExp
  readonly paths: RegExp
}[] = [
  {
    image: /bitnami|-(debian|photon|ol)-\d+(-r\d+)?$/,
    variables:
      /^(BITNAMI_\w+|ALLOW_ANONYMOUS_LOGIN|ZOO_SERVER_ID|ZOO_PORT_NUMBER|ZOO_ENABLE_AUTH|ZOO_TLS_\w+|ZOO_HEAP_SIZE|ZOO_ENABLE_PROMETHEUS_METRICS)$/,
    paths: /\/bitnami\//,
  },
  {
    image: /confluent|(^|\/)cp-zookeeper/,
    variables:
      /^(ZOOKEEPER_(SERVER_ID|SERVERS|CLIENT_PORT|TICK_TIME|SECURE_CLIENT_PORT)|KAFKA_HEAP_OPTS|CUB_CLASSPATH)$/,
    paths: /\/etc\/confluent\/|\/etc\/kafka\//,
  },
  {
    image: /pravega/,
    variables: /^(ENVOY_SIDECAR_STATUS|CLUSTER_SIZE)$/,
    paths: /zookeeper(Start|Ready|Live|Teardown)\.sh/,
  },
  {
    image: /stackable|strimzi/,
    variables: /^STRIMZI_\w+$/,
    paths: /\/stackable\/|\/opt\/kafka\/zookeeper_run\.sh/,
  },
]

/**
 * Names that nobody but the official image has: without a host, or a mirror that keeps the whole
 * path.
 */
const OFFICIAL = /^(docker\.io\/)?zookeeper$|(^|\/)library\/zookeeper$|(^|\/)31z4\/zookeeper$/

/** Never by the last part of the name alone: with nothing else to go by it is `other`. */
export function imageFamily({ container, settings, member }: Told): ImageFamily {
  const image = member.image.toLowerCase().split('@')[0] ?? ''
  const name = image.replace(/:[^/:]*$/, '')
  const names = [...settings.env.keys()]
  const text = [
    settings.script,
    ...container.volumeMounts.map(({ mountPath }) => `${mountPath}/`),
  ].join('\n')
  if (/\bstart-zookeeper\b/.test(settings.script)) return 'kubernetes-zookeeper'
  if (/^(docker\.io\/)?(library\/)?zookeeper$/.test(name)) return 'official'
  if (
    VENDORS.some(
      (vendor) =>
        vendor.image.test(image) ||
        names.some((one) => vendor.variables.test(one)) ||
        vendor.paths.test(text),
    )
  )
    return 'vendor'
  if (imageBase(name) === 'kubernetes-zookeeper') return 'kubernetes-zookeeper'
  return OFFICIAL.test(name) || usesOfficialContract({ container, settings, member })
    ? 'official'
    : 'other'
}

/** A list of its form, its variable of the id, or its entrypoint by name. */
function usesOfficialContract({ settings, member }: Told): boolean {
  if (imageBase(member.image) !== 'zookeeper') return false
  const list = settings.env.get('ZOO_SERVERS')?.value ?? ''
  return (
    /^\s*server\.\d+=/.test(list) ||
    settings.env.has('ZOO_MY_ID') ||
    /docker-entrypoint\.sh/.test(settings.script)
  )
}

/**
 * The image's own entrypoint writes the configuration: it is started as the image means it, or by
 * name.
 */
export function runsEntrypoint({
  container,
  settings,
}: Pick<Told, 'container' | 'settings'>): boolean {
  return container.command.length === 0 || /docker-entrypoint\.sh/.test(settings.script)
}

/**
 * True where flags and ZOO_* variables don't say how the server is configured, or where that can't
 * be known: a zoo.cfg that is mounted or written by the start script, another contract, a script
 * that nobody could read.
 */
export function readsOwnConfig({ container, settings, member }: Told): boolean {
  if (settings.unread.length > 0) return true
  if (/zoo\.cfg/.test(settings.script) && !/rm (-f )?"?\$\{?ZOO_CONF_DIR/.test(settings.script))
    return true
  const family = imageFamily({ container, settings, member })
  const directory = variable(settings, 'ZOO_CONF_DIR')
  const conf =
    directory.state === 'known'
      ? directory.value
      : family === 'kubernetes-zookeeper'
        ? '/opt/zookeeper/conf'
        : '/conf'
  return container.volumeMounts.some(
    ({ mountPath }) => mountPath.replace(/\/$/, '') === conf || mountPath === `${conf}/zoo.cfg`,
  )
}
