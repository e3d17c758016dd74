// What every call of the Kube interface goes through: its kind is looked up, its request is sent
// and counted, and the answer is JSON.

import type { LoadedConfig } from './config.ts'
import { KubeFailure } from './failure.ts'
import type { KindRef, ObjectRef } from './kube.ts'
import { parseBody } from './objects.ts'
import type { Counted, Requests } from './requests.ts'
import { inWords, pathOf, resourceFinder } from './resources.ts'
import type { Discover, FindResource, Resource } from './resources.ts'
import type { Repeat } from './retry.ts'
import type { Call } from './transport.ts'

/** Milliseconds. */
export interface Limits {
  readonly answerMs: number
  readonly applyMs: number
  readonly watchSilentMs: number
}

/** A call; where no limit is given, that of a plain answer counts. */
export type Asked = Omit<Call, 'timeoutMs'> & { readonly timeoutMs?: number }

/** Where an object is found, and how its requests are worded and counted. */
export interface Place {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly path: string
  readonly words: (verb: string) => string
  counted(kind: Counted): Counted
}

export class Calls {
  readonly requests: Requests
  readonly limits: Limits
  readonly find: FindResource
  readonly #namespace: string

  constructor(loaded: LoadedConfig, requests: Requests, limits: Limits) {
    this.requests = requests
    this.limits = limits
    this.#namespace = loaded.namespace
    this.find = resourceFinder(this.discover)
  }

  async text(
    call: Asked,
    repeat: Repeat,
    counted: Counted,
    signal: AbortSignal,
  ): ReturnType<Requests['ask']> {
    return this.requests.ask({ timeoutMs: this.limits.answerMs, ...call }, repeat, counted, signal)
  }

  async json(
    call: Asked,
    repeat: Repeat,
    counted: Counted,
    signal: AbortSignal,
  ): Promise<{ status: number; body: unknown; warnings: readonly string[] }> {
    const answer = await this.text(call, repeat, counted, signal)
    return {
      status: answer.status,
      body: parseBody(answer.body, call.request),
      warnings: answer.warnings,
    }
  }

  readonly discover: Discover = async (path, signal) => {
    const call = { method: 'GET', path, request: `look up the kinds of ${path}` } as const
    try {
      return (await this.json(call, 'repeatable', 'reads', signal)).body
    } catch (error) {
      if (error instanceof KubeFailure && error.status === 404) return undefined
      throw error
    }
  }

  async placeOf(ref: ObjectRef, signal: AbortSignal, subresource?: string): Promise<Place> {
    const resource = await this.find(ref, signal)
    const namespace = resource.namespaced ? (ref.namespace ?? this.#namespace) : undefined
    return {
      resource,
      namespace,
      path: pathOf(resource, namespace, ref.name, subresource),
      words: (verb) => inWords(verb, resource, namespace, ref.name),
      counted: (kind) => countedAs(ref, kind),
    }
  }
}

/** What is asked about the lock's Lease is counted apart. */
export function countedAs(kind: KindRef, counted: Counted): Counted {
  return kind.kind === 'Lease' ? 'lease' : counted
}

/** The object is not there; its kind is known. */
export function isMissing(error: unknown): boolean {
  return error instanceof KubeFailure && error.status === 404 && error.reason === 'NotFound'
}
