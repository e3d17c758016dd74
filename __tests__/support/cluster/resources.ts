// The verbs of the API on objects: create, update, the patches, server-side apply, delete, get and
// list.

import { parse as parseYaml } from 'yaml'
import type { Writer } from './apply.ts'
import { applied, recordUpdate } from './apply.ts'
import { setDefaults } from './defaults.ts'
import { checkPreconditions, removeObject } from './deletion.ts'
import type { Fields, Json } from './json.ts'
import {
  at,
  copy,
  fields,
  isFields,
  items,
  jsonPatch,
  mergePatch,
  parse,
  put,
  text,
} from './json.ts'
import type { Kind } from './kinds.ts'
import { apiVersionOf, kindOf, resourceName } from './kinds.ts'
import { checkFields, fieldTest, labelTest } from './select.ts'
import {
  ApiError,
  alreadyExists,
  badRequest,
  goneMeanwhile,
  internal,
  invalid,
  modified,
  notFound,
  success,
  uidMismatch,
} from './status.ts'
import type { Stored } from './store.ts'
import { isDeleting, labelsOf, nameOf, namespaceOf, timestamp, uidOf } from './store.ts'
import { refusal, undeclared } from './validate.ts'
import type { World } from './world.ts'

export interface Target {
  readonly kind: Kind
  readonly namespace: string
  readonly name: string
}

export interface WriteOptions {
  readonly manager: string
  readonly dryRun: boolean
  readonly force: boolean
  readonly subresource?: string
}

function writerOf(world: World, { manager, subresource }: WriteOptions): Writer {
  return { manager, at: world.store.now(), ...(subresource === undefined ? {} : { subresource }) }
}

export interface Answer {
  readonly code: number
  readonly body: Fields
}

const MICRO_TIME = /\.\d{6}(Z|[+-]\d\d:\d\d)$/

function liveOf(world: World, target: Target): Stored {
  const found = world.store.get(target.kind, target.namespace, target.name)
  if (found === undefined) throw notFound(target.kind, target.name)
  return found
}

/** The body as an object of the kind, in the namespace and with the name of the URL. */
function objectFrom(world: World, target: Target, body: Json): Stored {
  if (!isFields(body)) throw badRequest('the body is not an object')
  const { kind, namespace } = target
  if (text(body, 'apiVersion') !== apiVersionOf(kind) || text(body, 'kind') !== kind.kind)
    throw badRequest(`invalid object type: ${text(body, 'apiVersion')}, Kind=${text(body, 'kind')}`)
  const metadata = { ...fields(body, 'metadata') }
  if (namespace !== '') {
    if (metadata['namespace'] !== undefined && metadata['namespace'] !== namespace)
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      )
    metadata['namespace'] = namespace
  }
  if (target.name !== '' && metadata['name'] !== target.name)
    throw badRequest(
      `the name of the object (${text(metadata, 'name')}) does not match the name on the URL (${target.name})`,
    )
  const generated = text(metadata, 'generateName')
  if (text(metadata, 'name') === '' && generated !== '')
    metadata['name'] =
      `${generated}${(world.store.version() + world.store.now()).toString(36).slice(-5)}`
  if (kind.kind === 'Lease') checkTimes(body)
  return { ...copy(body), apiVersion: apiVersionOf(kind), kind: kind.kind, metadata }
}

function checkTimes(lease: Fields): void {
  for (const field of ['acquireTime', 'renewTime']) {
    const given = text(lease, 'spec', field)
    if (given !== '' && !MICRO_TIME.test(given))
      throw badRequest(
        `Lease in version "v1" cannot be handled as a Lease: parsing time "${given}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"`,
      )
  }
}

function checkNamespace(world: World, target: Target): void {
  if (target.namespace === '') return
  const kind = kindOf('Namespace')
  const found = world.store.get(kind, '', target.namespace)
  if (found === undefined) throw notFound(kind, target.namespace)
  if (!isDeleting(found)) return
  const causes = [
    {
      reason: 'NamespaceTerminating',
      message: `namespace ${target.namespace} is being terminated`,
      field: 'metadata.namespace',
    },
  ]
  const details = { name: target.name, kind: target.kind.plural, causes }
  throw new ApiError(
    403,
    'Forbidden',
    `${resourceName(target.kind)} "${target.name}" is forbidden: unable to create new content in namespace ${target.namespace} because it is being terminated`,
    details,
  )
}

/** Defaults and validation, and the status that only controllers write. */
function finish(kind: Kind, before: Stored | undefined, object: Stored): void {
  const status = at(before, 'status')
  put(object, ['status'], status)
  if (status === undefined) delete object['status']
  setDefaults(object)
  const refused = refusal(kind, before, object)
  if (refused !== undefined) throw refused
}

/** A dry run's answer: as it would be, but for the version. */
function imagined(kind: Kind, object: Stored, now: number): Stored {
  const made = copy(object)
  put(made, ['metadata', 'uid'], '00000000-0000-4000-8000-000000000000')
  put(made, ['metadata', 'creationTimestamp'], timestamp(now))
  if (kind.generation) put(made, ['metadata', 'generation'], 1)
  return made
}

function insert(world: World, target: Target, object: Stored, dryRun: boolean): Answer {
  checkNamespace(world, target)
  finish(target.kind, undefined, object)
  return {
    code: 201,
    body: dryRun
      ? imagined(target.kind, object, world.store.now())
      : world.store.create(target.kind, object),
  }
}

export function create(world: World, target: Target, body: Json, options: WriteOptions): Answer {
  const object = objectFrom(world, target, body)
  if (text(object, 'metadata', 'resourceVersion') !== '')
    throw internal('resourceVersion should not be set on objects to be created')
  checkNamespace(world, target)
  if (world.store.get(target.kind, target.namespace, nameOf(object)) !== undefined)
    throw alreadyExists(target.kind, nameOf(object))
  const named = { ...target, name: nameOf(object) }
  delete object.metadata['managedFields']
  finish(target.kind, undefined, object)
  recordUpdate(undefined, object, writerOf(world, options), object.apiVersion)
  return insert(world, named, object, options.dryRun)
}

export function update(world: World, target: Target, body: Json, options: WriteOptions): Answer {
  const object = objectFrom(world, target, body)
  const live = world.store.get(target.kind, target.namespace, target.name)
  // A Lease may be made by an update; everything else must be there.
  if (live === undefined && target.kind.kind === 'Lease') {
    if (uidOf(object) !== '')
      throw goneMeanwhile(target.kind, target.namespace, target.name, uidOf(object))
    for (const field of ['resourceVersion', 'creationTimestamp', 'managedFields'])
      delete object.metadata[field]
    recordUpdate(undefined, object, writerOf(world, options), object.apiVersion)
    return insert(world, target, object, options.dryRun)
  }
  if (live === undefined) throw notFound(target.kind, target.name)
  if (target.kind.kind === 'Lease' && text(object, 'metadata', 'resourceVersion') === '') {
    throw invalid({ group: target.kind.group, kind: target.kind.plural }, target.name, [
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 0: must be specified for an update',
        field: 'metadata.resourceVersion',
      },
    ])
  }
  return replace(world, target, live, object, options)
}

function replace(
  world: World,
  target: Target,
  live: Stored,
  object: Stored,
  options: WriteOptions,
): Answer {
  const version = text(object, 'metadata', 'resourceVersion')
  if (version !== '' && version !== text(live, 'metadata', 'resourceVersion'))
    throw modified(target.kind, target.name)
  if (text(object, 'metadata', 'uid') !== '' && uidOf(object) !== uidOf(live))
    throw uidMismatch(target.kind, target.name, uidOf(object))
  for (const field of [
    'uid',
    'creationTimestamp',
    'resourceVersion',
    'generation',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ])
    put(object, ['metadata', field], at(live, 'metadata', field))
  if (at(object, 'metadata', 'managedFields') === undefined)
    put(object, ['metadata', 'managedFields'], copy(at(live, 'metadata', 'managedFields')))
  finish(target.kind, live, object)
  recordUpdate(live, object, writerOf(world, options), object.apiVersion)
  return { code: 200, body: options.dryRun ? object : world.store.update(target.kind, object) }
}

export function patch(
  world: World,
  target: Target,
  contentType: string,
  body: string,
  options: WriteOptions,
): Answer {
  if (contentType.startsWith('application/apply-patch')) return apply(world, target, body, options)
  const live = liveOf(world, target)
  const given = parse(body)
  let next: Json | undefined
  if (contentType.startsWith('application/json-patch+json'))
    next = Array.isArray(given) ? jsonPatch(live, given) : undefined
  else if (/^application\/(strategic-)?merge-patch\+json/.test(contentType))
    next = mergePatch(live, given)
  else throw new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  if (!isFields(next))
    throw new ApiError(
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
      {},
    )
  return replace(world, target, live, objectFrom(world, target, next), options)
}

function apply(world: World, target: Target, body: string, options: WriteOptions): Answer {
  if (options.manager === '')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      {
        reason: 'FieldValueRequired',
        message: 'Required value: is required for apply patch',
        field: 'fieldManager',
      },
    ])
  const wanted = objectFrom(world, target, fields(parse(JSON.stringify(parseYaml(body)))))
  if (items(wanted, 'metadata', 'managedFields').length > 0)
    throw badRequest('metadata.managedFields must be nil')
  const strange = undeclared(wanted)
  if (strange !== undefined)
    throw internal(
      `failed to create typed patch object (/${target.name}; ${wanted.apiVersion}, Kind=${wanted.kind}): ${strange}`,
    )
  const live = world.store.get(target.kind, target.namespace, target.name)
  if (live === undefined) {
    if (text(wanted, 'metadata', 'uid') !== '')
      throw uidMismatch(target.kind, target.name, uidOf(wanted))
    return insert(
      world,
      target,
      stored(
        wanted,
        applied(undefined, wanted, writerOf(world, options), wanted.apiVersion, options.force),
      ),
      options.dryRun,
    )
  }
  const version = text(wanted, 'metadata', 'resourceVersion')
  if (version !== '' && version !== text(live, 'metadata', 'resourceVersion'))
    throw modified(target.kind, target.name)
  const merged = stored(
    wanted,
    applied(live, wanted, writerOf(world, options), wanted.apiVersion, options.force),
  )
  finish(target.kind, live, merged)
  return { code: 200, body: options.dryRun ? merged : world.store.update(target.kind, merged) }
}

function stored(like: Stored, object: Fields): Stored {
  return {
    ...object,
    apiVersion: like.apiVersion,
    kind: like.kind,
    metadata: fields(object, 'metadata'),
  }
}

export function remove(world: World, target: Target, options: Fields, dryRun: boolean): Answer {
  const live = liveOf(world, target)
  checkPreconditions(target.kind, live, options)
  const left = dryRun ? live : removeObject(world, target.kind, live, options)
  const graceful = target.kind.kind === 'Pod' || left !== undefined
  return {
    code: 200,
    body: graceful ? (left ?? live) : success(target.kind, target.name, uidOf(live)),
  }
}

export function get(world: World, target: Target): Answer {
  return { code: 200, body: liveOf(world, target) }
}

/** Whether an object belongs to what a list or a watch selects. */
export function selection(kind: Kind, query: URLSearchParams): (object: Stored) => boolean {
  const wantedFields = query.get('fieldSelector') ?? ''
  checkFields(kind.kind, wantedFields)
  const labels = labelTest(query.get('labelSelector') ?? '')
  const byFields = fieldTest(wantedFields)
  return (object) => labels(labelsOf(object)) && byFields(object)
}

export function list(world: World, kind: Kind, namespace: string, query: URLSearchParams): Answer {
  const selected = selection(kind, query)
  const all = world.store.list(kind, namespace).filter(selected)
  const limit = Number(query.get('limit') ?? 0)
  const from = Number(query.get('continue') ?? 0)
  const page = limit > 0 ? all.slice(from, from + limit) : all
  const left = all.length - from - page.length
  const metadata: Fields = { resourceVersion: String(world.store.version()) }
  if (left > 0)
    Object.assign(metadata, { continue: String(from + page.length), remainingItemCount: left })
  const shown = page.map(({ apiVersion: _version, kind: _kind, ...rest }): Fields => rest)
  return {
    code: 200,
    body: { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items: shown },
  }
}

export function removeAll(
  world: World,
  kind: Kind,
  namespace: string,
  query: URLSearchParams,
  options: Fields,
): Answer {
  const selected = world.store.list(kind, namespace).filter(selection(kind, query))
  for (const object of selected) removeObject(world, kind, object, options)
  return { ...list(world, kind, namespace, query), code: 200 }
}

export function targetOf(object: Stored, kind: Kind): Target {
  return { kind, namespace: namespaceOf(object), name: nameOf(object) }
}
