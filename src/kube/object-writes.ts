// Objects as they are written: apply, create, replace, patch and delete, each also as a dry run
// where somebody asks for one.

import { isMissing } from './calls.ts'
import type { Asked, Calls, Place } from './calls.ts'
import { KubeFailure } from './failure.ts'
import { FIELD_MANAGER, refOf } from './kube.ts'
import type {
  ApplyOptions,
  ApplyResult,
  JsonPatchOperation,
  Kube,
  KubeObject,
  ObjectRef,
} from './kube.ts'
import { objectOf } from './objects.ts'
import { knownResource, pathOf } from './resources.ts'

type Get = Kube['get']
type Preconditions = Parameters<Kube['delete']>[1]

export class ObjectWrites {
  readonly #calls: Calls
  readonly #get: Get

  constructor(calls: Calls, get: Get) {
    this.#calls = calls
    this.#get = get
  }

  async apply(
    object: KubeObject,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const place = await this.#calls.placeOf(refOf(object), signal)
    // An apply with managedFields is refused by the server; one with a UID is for that object
    // alone, and never creates one.
    const { managedFields: _left, ...given } = object.metadata
    const metadata = options.uid === undefined ? given : { ...given, uid: options.uid }
    const call = {
      method: 'PATCH',
      path: `${place.path}?${applyQuery(object, options)}`,
      body: JSON.stringify({ ...object, metadata }),
      contentType: 'application/apply-patch+yaml',
      timeoutMs: this.#calls.limits.applyMs,
      request: place.words('apply'),
    } as const
    const counted = place.counted(options.dryRun === true ? 'dryRuns' : 'writes')
    try {
      const { status, body, warnings } = await this.#calls.json(call, 'repeatable', counted, signal)
      return { object: objectOf(body, call.request), created: status === 201, warnings }
    } catch (error) {
      throw (await this.#anotherNow(refOf(object), options.uid, error, signal)) ?? error
    }
  }

  /**
   * Of an apply to one object that is another by now: what the server says of its fields is beside
   * the point.
   */
  async #anotherNow(
    ref: ObjectRef,
    uid: string | undefined,
    error: unknown,
    signal: AbortSignal,
  ): Promise<KubeFailure | undefined> {
    if (uid === undefined || !(error instanceof KubeFailure) || ![409, 422].includes(error.status))
      return undefined
    const found = await this.#get(ref, signal).catch(() => undefined)
    signal.throwIfAborted()
    return found === undefined || found.metadata.uid === uid
      ? undefined
      : new KubeFailure({
          status: 409,
          reason: 'Conflict',
          message: `uid mismatch: ${uid} is gone`,
          request: error.request,
        })
  }

  async create(object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const place = await this.#calls.placeOf(refOf(object), signal)
    const call = creation(object, place)
    const { body } = await this.#calls.json(call, 'once', place.counted('writes'), signal)
    return objectOf(body, call.request)
  }

  async createDry(
    object: KubeObject,
    signal: AbortSignal,
  ): Promise<{ readonly warnings: readonly string[] }> {
    const place = await this.#calls.placeOf(refOf(object), signal)
    const call = creation(object, place, '&dryRun=All')
    const { warnings } = await this.#calls.json(
      call,
      'repeatable',
      place.counted('dryRuns'),
      signal,
    )
    return { warnings }
  }

  async replace(object: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const place = await this.#calls.placeOf(refOf(object), signal)
    const call = {
      method: 'PUT',
      path: `${place.path}?fieldManager=${FIELD_MANAGER}`,
      body: JSON.stringify(object),
      request: place.words('replace'),
    } as const
    const { body } = await this.#calls.json(call, 'once', place.counted('writes'), signal)
    return objectOf(body, call.request)
  }

  async patch(
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    signal: AbortSignal,
  ): Promise<KubeObject> {
    const place = await this.#calls.placeOf(ref, signal)
    const call = jsonPatch(operations, place)
    const { body } = await this.#calls.json(call, 'once', place.counted('writes'), signal)
    return objectOf(body, call.request)
  }

  async patchDry(
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    signal: AbortSignal,
  ): Promise<KubeObject> {
    const place = await this.#calls.placeOf(ref, signal)
    const call = {
      ...jsonPatch(operations, place, '&dryRun=All'),
      timeoutMs: this.#calls.limits.applyMs,
    }
    const { body } = await this.#calls.json(call, 'repeatable', place.counted('dryRuns'), signal)
    return objectOf(body, call.request)
  }

  async delete(
    ref: ObjectRef,
    preconditions: Preconditions,
    signal: AbortSignal,
  ): Promise<boolean> {
    const place = await this.#calls.placeOf(ref, signal)
    const { propagation, ...identity } = preconditions
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: identity,
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    })
    const call = {
      method: 'DELETE',
      path: place.path,
      body,
      request: place.words('delete'),
    } as const
    try {
      await this.#calls.json(call, 'once', place.counted('writes'), signal)
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }
}

function applyQuery(object: KubeObject, options: ApplyOptions): string {
  const query = new URLSearchParams({
    fieldManager: options.fieldManager ?? FIELD_MANAGER,
    fieldValidation: knownResource(object) === undefined ? 'Warn' : 'Strict',
  })
  if (options.force === true) query.set('force', 'true')
  if (options.dryRun === true) query.set('dryRun', 'All')
  return query.toString()
}

function creation(object: KubeObject, { resource, namespace, words }: Place, more = ''): Asked {
  return {
    method: 'POST',
    path: `${pathOf(resource, namespace)}?fieldManager=${FIELD_MANAGER}${more}`,
    body: JSON.stringify(object),
    request: words('create'),
  }
}

function jsonPatch(
  operations: readonly JsonPatchOperation[],
  { path, words }: Place,
  more = '',
): Asked {
  return {
    method: 'PATCH',
    path: `${path}?fieldManager=${FIELD_MANAGER}${more}`,
    body: JSON.stringify(operations),
    contentType: 'application/json-patch+json',
    request: words('patch'),
  }
}
