// Copies of a set, its pods, claims and events that keep themselves up to date: lists are the
// truth, watches only wake the loop.

import type { Clock } from '../clock.ts'
import { failure } from '../errors.ts'
import type { ClaimView, EnsembleView, EventView } from '../view/surroundings.ts'
import type { PodView, SetView } from '../view/workload.ts'
import { KubeFailure } from './failure.ts'
import { Following } from './following.ts'
import type { Kube, KubeObject } from './kube.ts'
import type { Subject } from './subject.ts'
import { toClaim, toEvent, toPod, toSet, ViewError } from './views/index.ts'

export interface Followed {
  readonly namespace: string
  /** Name of the StatefulSet. */
  readonly set: string
  /**
   * Label selector of its pods, as the API writes it (`selectorText`); its claims carry the same
   * labels.
   */
  readonly selector: string
  /** Of the set that is meant; else the first that is seen. */
  readonly uid?: string | undefined
}

export interface Follower {
  /**
   * Resolves once everything has been listed; rejects with the KubeFailure of what may not be read.
   */
  ready(): Promise<void>
  /**
   * What is known now. Throws the KubeFailure of what may no longer be read, a ViewError, or
   * CONFLICT when the set was deleted and another was made under its name.
   */
  snapshot(): EnsembleView
  /**
   * Resolves with the first change since the last snapshot, at once when there was one, or after
   * `timeoutMs`. Rejects when aborted, or as snapshot throws.
   */
  changed(timeoutMs: number): Promise<void>
  /** The set that is meant, once it was made. */
  expect(uid: string | undefined): void
  /** What could not be looked at, or is old, in words for a person. */
  notes(): readonly string[]
  /** Ends the watches; resolves when they have. */
  stop(): Promise<void>
}

/** Starts at once: four lists, then four watches. Ends with `signal` or `stop()`. */
export function follow(
  kube: Kube,
  followed: Followed,
  clock: Clock,
  signal: AbortSignal,
): Follower {
  const { namespace, set: name } = followed
  const following = new Following(kube, clock, signal)
  const { sets, pods, claims, events } = subjectsOf(followed, following)
  let { uid } = followed

  return {
    ready: () => following.ready(),
    snapshot() {
      following.looked()
      const set = sets.views()[0]
      // Deleted and recreated it is another ensemble: what was decided, recorded or half done was
      // about the one of before.
      if (set !== undefined && uid !== undefined && set.uid !== uid) throw replaced(namespace, name)
      uid ??= set?.uid
      return {
        set,
        pods: pods
          .views()
          .toSorted((a, b) => (a.ordinal ?? 0) - (b.ordinal ?? 0) || a.created - b.created),
        claims: claims.views(),
        events: events.views().toSorted((a, b) => a.last - b.last),
      }
    },
    expect: (meant) => void (uid = meant ?? uid),
    changed: (timeoutMs) => following.changed(timeoutMs),
    notes: () => following.notes(),
    stop: () =>
      following.stop(
        new KubeFailure({
          status: 0,
          reason: 'Timeout',
          message: 'following was stopped',
          request: `follow statefulset ${name}`,
        }),
      ),
  }
}

interface Subjects {
  readonly sets: Subject<SetView>
  readonly pods: Subject<PodView>
  readonly claims: Subject<ClaimView>
  readonly events: Subject<EventView>
}

/** The four lists that are followed. */
function subjectsOf({ namespace, set, selector }: Followed, following: Following): Subjects {
  const members = { namespace, labels: selector }
  return {
    sets: following.add({
      title: 'the StatefulSet',
      kind: { apiVersion: 'apps/v1', kind: 'StatefulSet' },
      options: { namespace, fields: `metadata.name=${set}` },
      optional: false,
      view: toSet,
    }),
    pods: following.add({
      title: 'the pods',
      kind: { apiVersion: 'v1', kind: 'Pod' },
      options: members,
      optional: false,
      view: toPod,
    }),
    claims: following.add({
      title: 'the claims',
      kind: { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
      options: members,
      optional: false,
      view: toClaim,
    }),
    events: following.add({
      title: 'the events',
      kind: { apiVersion: 'v1', kind: 'Event' },
      options: { namespace },
      optional: true,
      view: eventsAbout(set),
    }),
  }
}

function eventsAbout(set: string): (object: KubeObject) => EventView | undefined {
  const about = eventFilter(set)
  return (object) => {
    try {
      const event = toEvent(object)
      return about(event.object) ? event : undefined
    } catch (error) {
      // Anyone may write events: one that can't be read is no reason to stop.
      if (error instanceof ViewError) return undefined
      throw error
    }
  }
}

function replaced(namespace: string, name: string): Error {
  return failure(
    'failed',
    'CONFLICT',
    `statefulset/${name} was deleted meanwhile, and another one was made under its name: nothing more is done to it`,
    {
      object: `statefulset/${name}`,
      fix: `See who deploys it (kubectl -n ${namespace} get statefulset ${name} -o yaml --show-managed-fields), then run the step again.`,
    },
  )
}

/** Events of the set, of pods `<set>-<number>` and of claims `<template>-<set>-<number>`. */
function eventFilter(
  set: string,
): (object: { readonly kind: string; readonly name: string }) => boolean {
  const isOrdinal = (text: string): boolean => /^\d+$/.test(text)
  return ({ kind, name }) => {
    if (kind === 'StatefulSet') return name === set
    if (kind === 'Pod') return name.startsWith(`${set}-`) && isOrdinal(name.slice(set.length + 1))
    const at = name.lastIndexOf(`-${set}-`)
    return kind === 'PersistentVolumeClaim' && at > 0 && isOrdinal(name.slice(at + set.length + 2))
  }
}
