// Cordons a node and removes a cordon, each in one patch together with the mark that says whose
// it is: nobody ever finds one without the other.

import {
  CORDON_ANNOTATION,
  cordonManager,
  cordonOf,
  cordonStands,
  markOf,
  type Cordon,
  type CordonMark,
} from '../decide/drain/cordon.ts'
import { KubeFailure } from '../kube/failure.ts'
import type { JsonPatchOperation, Kube, KubeObject } from '../kube/kube.ts'
import { toNode } from '../kube/views/index.ts'
import { shellWord } from '../report/escape.ts'
import type { NodeView } from '../view/surroundings.ts'

/** Kubelet and controllers write a node now and then; each of them costs one more look. */
const MOST_TRIES = 8
const MARK_PATH = `/metadata/annotations/${CORDON_ANNOTATION.replaceAll('/', '~1')}`

export type CordonAnswer =
  | { readonly kind: 'ours'; readonly node: NodeView }
  /**
   * It was cordoned before; left as it is, without a mark. `mark`: of another ensemble's run, which
   * must not be joined; undefined: a person's or another tool's.
   */
  | {
      readonly kind: 'theirs'
      readonly node: NodeView
      readonly mark: CordonMark | undefined
      readonly by: string
    }
  | { readonly kind: 'gone' }

/**
 * Cordons with our mark. A cordon of this ensemble that another run left is taken over: who holds
 * the ensemble's lock is its owner. A node that was replaced by another of the
 * same name is gone. Throws a KubeFailure.
 */
export async function cordonNode(
  kube: Kube,
  node: Pick<NodeView, 'name' | 'uid'>,
  mark: CordonMark,
  signal: AbortSignal,
): Promise<CordonAnswer> {
  return change<CordonAnswer>(
    kube,
    node.name,
    (object) => {
      if (object === undefined || object.metadata.uid !== node.uid)
        return { answer: { kind: 'gone' } }
      const view = toNode(object)
      if (cordonStands(view, mark)) return { answer: { kind: 'ours', node: view } }
      const cordon = whose(object, view, mark.ensemble)
      if (cordon.kind === 'theirs')
        return { answer: { kind: 'theirs', node: view, mark: cordon.mark, by: cordon.by } }
      return {
        patch: [{ op: 'add', path: '/spec/unschedulable', value: true }, ...withMark(object, mark)],
        done: (after) => ({ kind: 'ours', node: toNode(after) }),
      }
    },
    signal,
  )
}

export interface Uncordoning {
  /** `namespace/name`: only its cordons are removed, */
  readonly ensemble: string
  /** only those of this run, */
  readonly identity?: string
  /** or anybody's. */
  readonly any?: boolean
  /** Of the node that is meant; another one of the same name is not touched. */
  readonly uid?: string
}

export type UncordonAnswer =
  | {
      readonly kind: 'uncordoned'
      readonly node: NodeView
      /** Whose cordon it was. */ readonly was: 'ours' | 'theirs'
    }
  | { readonly kind: 'not ours'; readonly mark: CordonMark | undefined; readonly by: string }
  | { readonly kind: 'not cordoned'; readonly node: NodeView }
  | { readonly kind: 'gone' }

/**
 * Removes a cordon, mark included; a mark of ours on a node that somebody uncordoned meanwhile
 * goes too. Throws a KubeFailure.
 */
export async function uncordonNode(
  kube: Kube,
  name: string,
  which: Uncordoning,
  signal: AbortSignal,
): Promise<UncordonAnswer> {
  let was: 'ours' | 'theirs' | undefined
  return change<UncordonAnswer>(
    kube,
    name,
    (object) => {
      if (object === undefined || (which.uid !== undefined && object.metadata.uid !== which.uid))
        return { answer: { kind: 'gone' } }
      const view = toNode(object)
      const cordon = whose(object, view, which.ensemble)
      if (cordon.kind === 'none') {
        // A patch whose answer was lost has done it already.
        const done: UncordonAnswer =
          was === undefined
            ? { kind: 'not cordoned', node: view }
            : { kind: 'uncordoned', node: view, was }
        return hasStaleMark(view, which)
          ? { patch: withoutMark(object), done: () => done }
          : { answer: done }
      }
      const mine = cordon.kind === 'ours' && isOfRun(cordon.mark, which)
      if (!mine && which.any !== true) return { answer: notOurs(cordon, which) }
      const by = mine ? 'ours' : 'theirs'
      was = by
      return {
        patch: uncordoning(object, view),
        done: (after) => ({ kind: 'uncordoned', node: toNode(after), was: by }),
      }
    },
    signal,
  )
}

/** Whose run it is does not matter where none is named. */
function isOfRun(mark: CordonMark, { identity }: Uncordoning): boolean {
  return identity === undefined || mark.identity === identity
}

/** A mark of ours that has outlived its cordon. */
function hasStaleMark({ annotations }: NodeView, which: Uncordoning): boolean {
  const left = markOf(annotations)
  return (
    left !== undefined &&
    left !== 'unreadable' &&
    left.ensemble === which.ensemble &&
    isOfRun(left, which)
  )
}

function notOurs(
  cordon: Exclude<Cordon, { readonly kind: 'none' }>,
  { ensemble }: Uncordoning,
): UncordonAnswer {
  return {
    kind: 'not ours',
    mark: cordon.mark,
    by: cordon.kind === 'ours' ? `by another run of ${ensemble}` : cordon.by,
  }
}

function uncordoning(object: KubeObject, { annotations }: NodeView): readonly JsonPatchOperation[] {
  const mark: readonly JsonPatchOperation[] =
    markOf(annotations) === undefined ? [] : [{ op: 'remove', path: MARK_PATH }]
  return [{ op: 'remove', path: '/spec/unschedulable' }, ...mark, atVersion(object)]
}

/** What a person types to take a cordon of ours away, mark included. */
export function uncordonByHand(node: string): readonly string[] {
  return [
    `kubectl uncordon ${shellWord(node)}`,
    `kubectl annotate node ${shellWord(node)} ${CORDON_ANNOTATION}-`,
  ]
}

/** Whose the cordon of a node is, by the mark and by who owns the field. */
export function whose(object: KubeObject, view: NodeView, ensemble: string): Cordon {
  return cordonOf(view, ensemble, cordonManager(object.metadata.managedFields))
}

/** Reads a node with its managedFields; undefined when it isn't there. */
export function readNode(
  kube: Pick<Kube, 'get'>,
  name: string,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  return kube.get({ apiVersion: 'v1', kind: 'Node', name }, signal)
}

type Next<Answer> =
  | { readonly answer: Answer }
  | { readonly patch: readonly JsonPatchOperation[]; readonly done: (after: KubeObject) => Answer }

/**
 * Looks, decides and patches what was looked at; looks again when the node has changed meanwhile or
 * the outcome of the patch is not known.
 */
async function change<Answer>(
  kube: Kube,
  name: string,
  decide: (object: KubeObject | undefined) => Next<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const next = decide(await readNode(kube, name, signal))
    if ('answer' in next) return next.answer
    try {
      return next.done(
        await kube.patch({ apiVersion: 'v1', kind: 'Node', name }, next.patch, signal),
      )
    } catch (error) {
      if (
        !(error instanceof KubeFailure) ||
        signal.aborted ||
        tries >= MOST_TRIES ||
        !mayLookAgain(error)
      )
        throw error
    }
  }
}

function mayLookAgain({ status }: KubeFailure): boolean {
  return status === 409 || status === 404 || status === 0 || status >= 500
}

function withMark(object: KubeObject, mark: CordonMark): readonly JsonPatchOperation[] {
  const value = JSON.stringify(mark)
  return [
    object.metadata.annotations === undefined
      ? { op: 'add', path: '/metadata/annotations', value: { [CORDON_ANNOTATION]: value } }
      : { op: 'add', path: MARK_PATH, value },
    atVersion(object),
  ]
}

function withoutMark(object: KubeObject): readonly JsonPatchOperation[] {
  return [{ op: 'remove', path: MARK_PATH }, atVersion(object)]
}

/** The patch is for what was looked at: anybody's write in between makes it a 409. */
function atVersion(object: KubeObject): JsonPatchOperation {
  return {
    op: 'replace',
    path: '/metadata/resourceVersion',
    value: object.metadata.resourceVersion,
  }
}
