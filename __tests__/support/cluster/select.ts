// Label and field selectors as requests write them, and LabelSelector objects as manifests write
// them.

import type { Fields, Json } from './json.ts'
import { at, fields, isFields, items, strings, text } from './json.ts'
import { badRequest } from './status.ts'

type Test = (labels: Fields) => boolean

/** Label selector of a request: `a=b,c!=d,e in (f,g),h,!i`. */
export function labelTest(selector: string): Test {
  const parts = selector
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const tests = parts.map(requirement)
  return (labels) => tests.every((test) => test(labels))
}

function requirement(part: string): Test {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part)
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim())
    return expression(set[1] ?? '', set[2] === 'in' ? 'In' : 'NotIn', values)
  }
  const equal = /^([^\s=!]+)\s*(==|=|!=)\s*(\S*)$/.exec(part)
  if (equal !== null)
    return expression(equal[1] ?? '', equal[2] === '!=' ? 'NotIn' : 'In', [equal[3] ?? ''])
  const word = /^(!?)([^\s=!()]+)$/.exec(part)
  if (word === null)
    throw badRequest(
      `unable to parse requirement: found '${part.split(/\s+/)[1] ?? part}', expected: in, notin, =, ==, !=, gt, lt`,
    )
  return expression(word[2] ?? '', word[1] === '!' ? 'DoesNotExist' : 'Exists', [])
}

function expression(key: string, operator: string, values: readonly string[]): Test {
  return (labels) => {
    const value = labels[key]
    switch (operator) {
      case 'In':
        return typeof value === 'string' && values.includes(value)
      case 'NotIn':
        return typeof value !== 'string' || !values.includes(value)
      case 'Exists':
        return value !== undefined
      case 'DoesNotExist':
        return value === undefined
      case 'Gt':
        return Number(value) > Number(values[0])
      case 'Lt':
        return Number(value) < Number(values[0])
      default:
        return false
    }
  }
}

/** A LabelSelector object: none matches nothing, an empty one matches everything. */
export function selects(selector: Json | undefined, labels: Fields): boolean {
  if (!isFields(selector)) return false
  const wanted = Object.entries(fields(selector, 'matchLabels')).every(
    ([key, value]) => labels[key] === value,
  )
  return wanted && matches(items(selector, 'matchExpressions'), labels)
}

/** Requirements `{key, operator, values}`, as in matchExpressions of nodes and pods. */
export function matches(expressions: readonly Json[], labels: Fields): boolean {
  return expressions.every((entry) =>
    expression(text(entry, 'key'), text(entry, 'operator'), strings(entry, 'values'))(labels),
  )
}

/** Field selector of a request: `metadata.name=zk,status.phase!=Running`. */
export function fieldTest(selector: string): (object: Fields) => boolean {
  const terms = selector
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const found = /^([^=!]+)(==|=|!=)(.*)$/.exec(part)
      if (found === null)
        throw badRequest(`invalid selector: '${selector}'; can't understand '${part}'`)
      return { path: (found[1] ?? '').split('.'), wanted: found[3] ?? '', not: found[2] === '!=' }
    })
  return (object) =>
    terms.every((term) => (text(at(object, ...term.path)) === term.wanted) !== term.not)
}

/**
 * Fields that the server can select by, by kind; `metadata.name` and `metadata.namespace` always.
 */
const SELECTABLE: Readonly<Record<string, RegExp>> = {
  Pod: /^(spec\.(nodeName|restartPolicy|schedulerName|serviceAccountName|hostNetwork)|status\.(phase|podIP|nominatedNodeName))$/,
  Event: /^(involvedObject\.\w+|reason|reportingComponent|source|type)$/,
  Node: /^spec\.unschedulable$/,
  Namespace: /^status\.phase$/,
  Secret: /^type$/,
}

export function checkFields(kind: string, selector: string): void {
  for (const part of selector.split(',').filter((entry) => entry !== '')) {
    const name = part.split(/[=!]/)[0] ?? ''
    if (/^metadata\.(name|namespace)$/.test(name) || SELECTABLE[kind]?.test(name) === true) continue
    throw badRequest(
      `"${name}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
    )
  }
}
