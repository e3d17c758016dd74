// ControllerRevisions of a StatefulSet: made from its template, renumbered when an old template
// comes back, trimmed to the history limit.

import { createHash } from 'node:crypto'
import type { Fields } from '../json.ts'
import { at, compact, fields, number, put, same, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import { selects } from '../select.ts'
import type { Store, Stored } from '../store.ts'
import {
  controllerOf,
  labelsOf,
  nameOf,
  namespaceOf,
  ownerReference,
  podsOf,
  uidOf,
} from '../store.ts'

const KIND = kindOf('ControllerRevision')
/** The alphabet that Kubernetes writes hashes in. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

function hashOf(data: Fields): string {
  return [...createHash('sha256').update(JSON.stringify(data)).digest().subarray(0, 10)]
    .map((byte) => ALPHABET[byte % ALPHABET.length])
    .join('')
}

export function revisionsOf(store: Store, set: Stored): Stored[] {
  const owned = store
    .list(KIND, namespaceOf(set))
    .filter((revision) => text(controllerOf(revision), 'uid') === uidOf(set))
  return owned.sort((a, b) => number(a, ['revision']) - number(b, ['revision']))
}

/** Takes those that nobody owns and that the set selects: a set that was deleted has left them. */
export function adoptRevisions(store: Store, set: Stored): void {
  for (const revision of store.list(KIND, namespaceOf(set)))
    if (
      controllerOf(revision) === undefined &&
      selects(at(set, 'spec', 'selector'), labelsOf(revision))
    )
      store.edit(KIND, revision, (draft) =>
        put(draft, ['metadata', 'ownerReferences'], [ownerReference(set)]),
      )
}

/**
 * The revision of the set's template; an equal older one is given the next number, as the real
 * controller does.
 */
export function updateRevision(store: Store, set: Stored): Stored {
  const data: Fields = {
    spec: { template: { $patch: 'replace', ...fields(set, 'spec', 'template') } },
  }
  const revisions = revisionsOf(store, set)
  const latest = revisions.at(-1)
  const next = (latest === undefined ? 0 : number(latest, ['revision'])) + 1
  const equal = revisions.findLast((revision) => same(at(revision, 'data'), data))
  if (equal !== undefined) {
    if (equal === latest) return equal
    return store.edit(KIND, equal, (draft) => put(draft, ['revision'], next)) ?? equal
  }
  const hash = hashOf(data)
  const annotations = fields(set, 'metadata', 'annotations')
  const metadata = compact({
    name: `${nameOf(set)}-${hash}`,
    namespace: namespaceOf(set),
    labels: {
      ...fields(set, 'spec', 'template', 'metadata', 'labels'),
      'controller.kubernetes.io/hash': hash,
    },
    annotations: Object.keys(annotations).length === 0 ? undefined : annotations,
    ownerReferences: [ownerReference(set)],
  })
  return store.create(KIND, { metadata, data, revision: next })
}

/** The template that a revision holds; the set's own when it is forgotten. */
export function templateOf(store: Store, set: Stored, revision: string): Fields {
  const found = store.get(KIND, namespaceOf(set), revision)
  const { $patch: _patch, ...template } = fields(
    found ?? set,
    ...(found === undefined ? ['spec', 'template'] : ['data', 'spec', 'template']),
  )
  return template
}

export function trimHistory(store: Store, set: Stored, live: ReadonlySet<string>): void {
  const used = new Set([
    ...live,
    ...podsOf(store, namespaceOf(set)).map((pod) =>
      text(labelsOf(pod), 'controller-revision-hash'),
    ),
  ])
  const idle = revisionsOf(store, set).filter((revision) => !used.has(nameOf(revision)))
  for (const revision of idle.slice(
    0,
    Math.max(0, idle.length - number(set, ['spec', 'revisionHistoryLimit'], 10)),
  ))
    store.remove(KIND, revision)
}
