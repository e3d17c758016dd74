// What is known of the images that run ZooKeeper, because their settings and paths differ.

import { imageBase } from '../ensemble.ts'
import type { LintSubject } from './rule.ts'

/** `official`: docker.io/library/zookeeper and its mirrors. `kubernetes-zookeeper`: the tutorial's, with start-zookeeper. */
export type ImageFamily = 'official' | 'kubernetes-zookeeper' | 'other'

export function imageFamily(image: string): ImageFamily {
  const base = imageBase(image)
  if (base === 'kubernetes-zookeeper') return 'kubernetes-zookeeper'
  return base === 'zookeeper' && !/bitnami|pravega|stackable|confluent/.test(image) ? 'official' : 'other'
}

/** True where the server reads a zoo.cfg of the user's own, so that flags and ZOO_* variables say nothing: mounted, or written by the start script. */
export function readsOwnConfig({ container, settings, member }: Pick<LintSubject, 'container' | 'settings' | 'member'>): boolean {
  if (/zoo\.cfg/.test(settings.script) && !/rm (-f )?"?\$\{?ZOO_CONF_DIR/.test(settings.script)) return true
  const conf = settings.env.get('ZOO_CONF_DIR')?.value ?? (imageFamily(member.image) === 'official' ? '/conf' : '/opt/zookeeper/conf')
  return container.volumeMounts.some((mount) => mount.mountPath.replace(/\/$/, '') === conf || mount.mountPath === `${conf}/zoo.cfg`)
}

/** Where the server keeps snapshots and its log; undefined where that can't be known. */
export function dataDirs({ settings, member }: LintSubject): { readonly data: string; readonly log: string } | undefined {
  const { env, flags } = settings
  switch (imageFamily(member.image)) {
    case 'official':
      return known(env.has('ZOO_DATA_DIR') ? env.get('ZOO_DATA_DIR')?.value : '/data', env.has('ZOO_DATA_LOG_DIR') ? env.get('ZOO_DATA_LOG_DIR')?.value : '/datalog')
    case 'kubernetes-zookeeper':
      return known(
        flags.has('data_dir') ? flags.get('data_dir')?.value : '/var/lib/zookeeper/data',
        flags.has('data_log_dir') ? flags.get('data_log_dir')?.value : '/var/lib/zookeeper/log',
      )
    case 'other':
      return undefined
  }
}

function known(data: string | undefined, log: string | undefined): { readonly data: string; readonly log: string } | undefined {
  return data === undefined || log === undefined ? undefined : { data, log }
}
