// etcd members in pods, as far as etcdctl shows them: one value for each key, in every member of a
// StatefulSet.

import { text } from './json.ts'
import { controllerOf, isReady, namespaceOf, podsOf } from './store.ts'
import type { ImageBehaviour } from './world.ts'

export function etcdImage(): ImageBehaviour {
  const values = new Map<string, string>()
  return {
    exec({ world, pod }, command) {
      const [env, assigned = '', shell, , script = ''] = command
      if (env !== 'env' || shell !== 'sh' || !script.startsWith('etcdctl ')) return undefined
      const set = text(controllerOf(pod), 'uid')
      const members = podsOf(world.store, namespaceOf(pod)).filter(
        (one) => text(controllerOf(one), 'uid') === set,
      )
      if (members.filter(isReady).length * 2 <= members.length)
        return { exitCode: 1, stdout: '', stderr: 'Error: context deadline exceeded\n' }
      const [, key = ''] = /\b(?:put|get)\b(?: --\S+)* ([\w-]+)/.exec(script) ?? []
      if (script.includes(' put ')) values.set(`${set}/${key}`, assigned.replace(/^MARKER=/, ''))
      return {
        exitCode: 0,
        stdout: script.includes(' get ') ? `${values.get(`${set}/${key}`) ?? ''}\n` : 'OK\n',
        stderr: '',
      }
    },
  }
}
