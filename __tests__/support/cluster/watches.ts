// Watches: the changes after a version as lines of JSON, until the client leaves, a test cuts them,
// or the version is forgotten.

import type { Kind } from './kinds.ts'
import { apiVersionOf } from './kinds.ts'
import { selection } from './resources.ts'
import type { Reply } from './server.ts'
import { expired } from './status.ts'
import type { Change, Store, Stored } from './store.ts'
import { namespaceOf } from './store.ts'

export interface Watches {
  open(kind: Kind, namespace: string, query: URLSearchParams, reply: Reply): void
  /** Cuts every open watch. */
  drop(): void
  /** Ends every open watch with 410, as the server does when it has forgotten what came before. */
  forget(): void
  readonly count: number
}

const BOOKMARK_MS = 45_000

export function createWatches(store: Store): Watches {
  const open = new Set<{ reply: Reply; end: () => void }>()
  return {
    open(kind, namespace, query, reply) {
      const selected = selection(kind, query)
      const inside = (object: Stored): boolean =>
        (namespace === '' || namespaceOf(object) === namespace) && selected(object)
      reply.head(200, { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' })
      const line = (type: string, object: unknown): void =>
        reply.write(`${JSON.stringify({ type, object })}\n`)
      const deliver = (change: Change): void => {
        if (change.kind !== kind) return
        const now = change.type !== 'DELETED' && inside(change.object)
        const before = change.previous !== undefined && inside(change.previous)
        if (now) line(before ? 'MODIFIED' : 'ADDED', change.object)
        else if (before) line('DELETED', change.object)
      }
      const from = query.get('resourceVersion') ?? ''
      const missed = from === '' || from === '0' ? undefined : store.since(Number(from))
      if (missed === undefined && from !== '' && from !== '0') {
        line('ERROR', expired(`too old resource version: ${from} (${store.version()})`).body)
        reply.end()
        return
      }
      if (missed === undefined)
        for (const object of store.list(kind, namespace).filter(selected)) line('ADDED', object)
      for (const change of missed ?? []) deliver(change)
      const stop = store.onChange(deliver)
      const bookmarks =
        query.get('allowWatchBookmarks') === 'true'
          ? setInterval(
              () =>
                line('BOOKMARK', {
                  kind: kind.kind,
                  apiVersion: apiVersionOf(kind),
                  metadata: { resourceVersion: String(store.version()) },
                }),
              BOOKMARK_MS,
            )
          : undefined
      const seconds = Number(query.get('timeoutSeconds') ?? 0)
      const timer = seconds > 0 ? setTimeout(() => reply.end(), seconds * 1000) : undefined
      const entry = {
        reply,
        end() {
          line('ERROR', expired().body)
          reply.end()
        },
      }
      open.add(entry)
      reply.onClose(() => {
        stop()
        clearInterval(bookmarks)
        clearTimeout(timer)
        open.delete(entry)
      })
    },
    drop() {
      for (const { reply } of open) reply.destroy()
    },
    forget() {
      for (const entry of open) entry.end()
    },
    get count() {
      return open.size
    },
  }
}
