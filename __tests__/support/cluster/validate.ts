// The refusals of the API server that users of StatefulSets meet, with the server's own words.

import type { Fields, Json } from './json.ts'
import { at, fields, isFields, same, text } from './json.ts'
import type { Kind } from './kinds.ts'
import { selects } from './select.ts'
import type { ApiError, Cause } from './status.ts'
import { invalid } from './status.ts'
import type { Stored } from './store.ts'
import { nameOf } from './store.ts'

const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const NAME_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

function value(field: string, given: Json, message: string): Cause {
  return {
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(given)}: ${message}`,
    field,
  }
}

/** The answer to an object that must not be stored; undefined when it may. */
export function refusal(
  kind: Kind,
  before: Stored | undefined,
  object: Stored,
): ApiError | undefined {
  const causes: Cause[] = []
  const name = nameOf(object)
  if (!NAME.test(name) && !kind.group.startsWith('rbac'))
    causes.push(value('metadata.name', name, NAME_RULE))
  if (kind.kind === 'StatefulSet') causes.push(...statefulSet(before, object))
  if (kind.kind === 'PodDisruptionBudget') causes.push(...budget(object))
  if (
    kind.kind === 'Service' &&
    before !== undefined &&
    text(before, 'spec', 'clusterIP') !== text(object, 'spec', 'clusterIP')
  ) {
    causes.push(
      value('spec.clusterIPs[0]', [text(object, 'spec', 'clusterIP')], 'may not change once set'),
    )
  }
  if (
    kind.kind === 'PersistentVolumeClaim' &&
    before !== undefined &&
    text(before, 'spec', 'storageClassName') !== text(object, 'spec', 'storageClassName') &&
    text(before, 'spec', 'volumeName') !== ''
  ) {
    causes.push({
      reason: 'FieldValueForbidden',
      message:
        'Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      field: 'spec',
    })
  }
  return causes.length === 0 ? undefined : invalid(kind, name, causes)
}

function statefulSet(before: Stored | undefined, object: Stored): Cause[] {
  const causes: Cause[] = []
  const selector = at(object, 'spec', 'selector')
  const labels = fields(object, 'spec', 'template', 'metadata', 'labels')
  if (!isFields(selector))
    causes.push({ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' })
  if (!selects(selector, labels))
    causes.push(
      value('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    )
  const rolling = at(object, 'spec', 'updateStrategy', 'rollingUpdate')
  if (text(object, 'spec', 'updateStrategy', 'type') === 'OnDelete' && rolling !== undefined) {
    const shown = {
      Partition: at(rolling, 'partition') ?? null,
      MaxUnavailable: at(rolling, 'maxUnavailable') ?? null,
    }
    causes.push(
      value(
        'spec.updateStrategy.rollingUpdate',
        shown,
        "only allowed for updateStrategy 'RollingUpdate'",
      ),
    )
  }
  const replicas = at(object, 'spec', 'replicas')
  if (typeof replicas === 'number' && replicas < 0)
    causes.push(value('spec.replicas', replicas, 'must be greater than or equal to 0'))
  if (before !== undefined && !same(fixed(before), fixed(object))) {
    const list = `${MUTABLE.slice(0, -1)
      .map((field) => `'${field}'`)
      .join(', ')} and '${MUTABLE.at(-1) ?? ''}'`
    causes.push({
      reason: 'FieldValueForbidden',
      message: `Forbidden: updates to statefulset spec for fields other than ${list} are forbidden`,
      field: 'spec',
    })
  }
  return causes
}

function fixed(set: Stored): Fields {
  return Object.fromEntries(
    Object.entries(fields(set, 'spec')).filter(([key]) => !MUTABLE.includes(key)),
  )
}

function budget(object: Stored): Cause[] {
  const spec = fields(object, 'spec')
  if (spec['minAvailable'] === undefined || spec['maxUnavailable'] === undefined) return []
  const shown = {
    MinAvailable: spec['minAvailable'],
    Selector: spec['selector'] ?? null,
    MaxUnavailable: spec['maxUnavailable'],
    UnhealthyPodEvictionPolicy: spec['unhealthyPodEvictionPolicy'] ?? null,
  }
  return [value('spec', shown, 'minAvailable and maxUnavailable cannot be both set')]
}

/**
 * The fields of `spec` that the schema declares, and whether a number is wanted: enough to refuse a
 * typing error as the server does.
 */
const DECLARED: Readonly<Record<string, Readonly<Record<string, 'number' | 'any'>>>> = {
  StatefulSet: {
    replicas: 'number',
    selector: 'any',
    template: 'any',
    volumeClaimTemplates: 'any',
    serviceName: 'any',
    podManagementPolicy: 'any',
    updateStrategy: 'any',
    revisionHistoryLimit: 'number',
    minReadySeconds: 'number',
    persistentVolumeClaimRetentionPolicy: 'any',
    ordinals: 'any',
  },
  PodDisruptionBudget: {
    minAvailable: 'any',
    maxUnavailable: 'any',
    selector: 'any',
    unhealthyPodEvictionPolicy: 'any',
  },
}

/** What an apply with a field that the schema doesn't know is told; undefined when all is known. */
export function undeclared(object: Stored): string | undefined {
  const declared = DECLARED[object.kind]
  if (declared === undefined) return undefined
  for (const [field, given] of Object.entries(fields(object, 'spec'))) {
    if (declared[field] === undefined) return `.spec.${field}: field not declared in schema`
    if (declared[field] === 'number' && typeof given !== 'number')
      return `.spec.${field}: expected numeric (int or float), got ${typeof given}`
  }
  return undefined
}
