// The door to this folder: imported only once a connection is needed, because the client library
// behind it is heavy to load.

import type { Clock } from '../clock.ts'
import { createKube } from './client.ts'
import type { ClientOptions } from './client.ts'
import { loadConfig } from './config.ts'
import type { ConfigOptions } from './config.ts'
import type { Kube } from './kube.ts'

export interface ConnectOptions extends ConfigOptions, ClientOptions {
  readonly clock: Clock
}

/**
 * Reads the kubeconfig and gives the cluster; no request is sent yet. `secrets` are one-line values
 * to mask at once; those that come up later (tokens of
 * credential plugins) go to `onSecret`. Rejects with an EnsembleError: refused, INPUT_INVALID or
 * CLUSTER_UNREACHABLE.
 */
export async function connectKube(
  options: ConnectOptions,
): Promise<{ readonly kube: Kube; readonly secrets: readonly string[] }> {
  const loaded = await loadConfig(options)
  return { kube: createKube(loaded, options.clock, options), secrets: loaded.secrets }
}
