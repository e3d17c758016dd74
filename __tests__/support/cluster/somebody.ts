// Somebody else at the cluster: what people and pipelines do with kubectl while a run of the action
// is under way, with the owners that kubectl leaves.

import { revisionsOf, templateOf } from './controllers/revisions.ts'
import { evict } from './eviction.ts'
import type { Fields, Json } from './json.ts'
import { copy, fields, isFields, items, mergePatch, number, put, text } from './json.ts'
import { kindOf } from './kinds.ts'
import * as resources from './resources.ts'
import { timestamp, type Stored } from './store.ts'
import type { World } from './world.ts'

/** Each throws an ApiError, as the server refuses it. */
export interface Somebody {
  /** `kubectl apply -f` (not server-side). */
  apply(object: Fields): void
  /** `kubectl edit`: a JSON merge patch over what is there. */
  edit(kind: string, namespace: string, name: string, patch: Json): void
  setImage(namespace: string, set: string, image: string): void
  scale(namespace: string, set: string, replicas: number): void
  rolloutRestart(namespace: string, set: string): void
  /** To the revision before the latest when none is named. */
  rolloutUndo(namespace: string, set: string, revision?: number): void
  delete(kind: string, namespace: string, name: string): void
  /** `kubectl delete --cascade=orphan`: what it owns stays. */
  orphan(kind: string, namespace: string, name: string): void
  evict(namespace: string, pod: string): void
  /** `kubectl cordon`. */
  cordon(node: string): void
  /** `kubectl uncordon`: it knows of no marks. */
  uncordon(node: string): void
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

export function createSomebody(world: World): Somebody {
  const { store } = world
  const as = (verb: string, act: () => void): void => store.as({ by: 'somebody', verb }, act)

  function change(
    kind: string,
    namespace: string,
    name: string,
    writer: { readonly manager: string; readonly subresource?: string },
    draw: (draft: Fields) => Json,
  ): void {
    as('update', () => {
      const target = { kind: kindOf(kind), namespace, name }
      resources.update(world, target, draw(copy(resources.get(world, target).body)), {
        ...writer,
        dryRun: false,
        force: false,
      })
    })
  }
  function changeSet(
    namespace: string,
    name: string,
    writer: { readonly manager: string; readonly subresource?: string },
    draw: (draft: Fields) => void,
  ): void {
    change('StatefulSet', namespace, name, writer, (draft) => {
      draw(draft)
      return draft
    })
  }
  const remove = (kind: string, namespace: string, name: string, options: Fields): void =>
    as(
      'delete',
      () => void resources.remove(world, { kind: kindOf(kind), namespace, name }, options, false),
    )
  return {
    apply(object) {
      const kind = text(object, 'kind')
      const [namespace, name] = [
        text(object, 'metadata', 'namespace'),
        text(object, 'metadata', 'name'),
      ]
      const writer = { manager: 'kubectl-client-side-apply', dryRun: false, force: false }
      const wanted = copy(object)
      put(wanted, ['metadata', 'annotations', LAST_APPLIED], `${JSON.stringify(object)}\n`)
      if (store.get(kindOf(kind), namespace, name) === undefined)
        return as(
          'create',
          () =>
            void resources.create(
              world,
              { kind: kindOf(kind), namespace, name: '' },
              wanted,
              writer,
            ),
        )
      change(kind, namespace, name, writer, (draft) => mergePatch(draft, wanted))
    },
    edit: (kind, namespace, name, patch) =>
      change(kind, namespace, name, { manager: 'kubectl-edit' }, (draft) =>
        mergePatch(draft, patch),
      ),
    setImage: (namespace, set, image) =>
      changeSet(namespace, set, { manager: 'kubectl-set' }, (draft) =>
        items(draft, 'spec', 'template', 'spec', 'containers')
          .slice(0, 1)
          .filter(isFields)
          .forEach((container) => (container['image'] = image)),
      ),
    scale: (namespace, set, replicas) =>
      changeSet(namespace, set, { manager: 'kubectl', subresource: 'scale' }, (draft) =>
        put(draft, ['spec', 'replicas'], replicas),
      ),
    rolloutRestart: (namespace, set) =>
      changeSet(namespace, set, { manager: 'kubectl-rollout' }, (draft) =>
        put(
          draft,
          ['spec', 'template', 'metadata', 'annotations', 'kubectl.kubernetes.io/restartedAt'],
          timestamp(store.now()),
        ),
      ),
    rolloutUndo: (namespace, set, revision) =>
      changeSet(namespace, set, { manager: 'kubectl' }, (draft) => {
        const live: Stored = {
          ...draft,
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          metadata: fields(draft, 'metadata'),
        }
        const known = revisionsOf(store, live)
        const chosen =
          revision === undefined
            ? known.at(-2)
            : known.find((entry) => number(entry, ['revision']) === revision)
        if (chosen === undefined) throw new Error('no last revision to roll back to')
        put(
          draft,
          ['spec', 'template'],
          copy(templateOf(store, live, text(chosen, 'metadata', 'name'))),
        )
      }),
    delete: (kind, namespace, name) => remove(kind, namespace, name, {}),
    orphan: (kind, namespace, name) =>
      remove(kind, namespace, name, { propagationPolicy: 'Orphan' }),
    evict: (namespace, pod) => as('eviction', () => void evict(world, namespace, pod, {}, false)),
    cordon: (node) =>
      change('Node', '', node, { manager: 'kubectl' }, (draft) =>
        mergePatch(draft, { spec: { unschedulable: true } }),
      ),
    uncordon: (node) =>
      change('Node', '', node, { manager: 'kubectl' }, (draft) =>
        mergePatch(draft, { spec: { unschedulable: null } }),
      ),
  }
}
