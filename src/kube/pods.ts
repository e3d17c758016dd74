// What is asked of one pod by a plain request: to be evicted, and for its log.

import type { Calls } from './calls.ts'
import type { Kube } from './kube.ts'

const LOG_BYTES = 262_144

export function podCalls(calls: Calls): Pick<Kube, 'evict' | 'logs'> {
  return {
    async evict(pod, options, signal) {
      const dryRun = options.dryRun === true
      const place = await calls.placeOf(
        { apiVersion: 'v1', kind: 'Pod', ...pod },
        signal,
        'eviction',
      )
      const deleteOptions = {
        preconditions: { uid: pod.uid },
        ...(options.gracePeriodSeconds === undefined
          ? {}
          : { gracePeriodSeconds: options.gracePeriodSeconds }),
      }
      const body = JSON.stringify({
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod.name, namespace: pod.namespace },
        deleteOptions,
      })
      await calls.json(
        {
          method: 'POST',
          path: dryRun ? `${place.path}?dryRun=All` : place.path,
          body,
          request: place.words('evict'),
        },
        dryRun ? 'repeatable' : 'never',
        dryRun ? 'dryRuns' : 'writes',
        signal,
      )
    },
    async logs(pod, container, options, signal) {
      const place = await calls.placeOf({ apiVersion: 'v1', kind: 'Pod', ...pod }, signal, 'log')
      const query = new URLSearchParams({
        container,
        tailLines: String(options.lines),
        limitBytes: String(LOG_BYTES),
      })
      if (options.previous === true) query.set('previous', 'true')
      const call = {
        method: 'GET',
        path: `${place.path}?${query.toString()}`,
        request: place.words('read the log of'),
      } as const
      return (await calls.text(call, 'repeatable', 'reads', signal)).body
    },
  }
}
