// Access reviews: what the server says one may do, from the rules and refusals that a test has
// ordered.

import type { Fields, Json } from './json.ts'
import { fields, text } from './json.ts'
import type { FaultState } from './faults.ts'
import { allows } from './faults.ts'
import { KINDS, SUBRESOURCES, VERBS } from './kinds.ts'

const OPEN: Json[] = [
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
  { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
]

/** The answer to a review; undefined for a kind that isn't one. */
export function review(plural: string, body: Fields, faults: FaultState): Fields | undefined {
  if (plural === 'selfsubjectaccessreviews') {
    const wanted = fields(body, 'spec', 'resourceAttributes')
    const subresource = text(wanted, 'subresource')
    const resource =
      subresource === '' ? text(wanted, 'resource') : `${text(wanted, 'resource')}/${subresource}`
    const allowed = faults.isAllowed(text(wanted, 'verb'), text(wanted, 'group'), resource)
    return {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: { resourceAttributes: wanted },
      status: { allowed },
    }
  }
  if (plural !== 'selfsubjectrulesreviews') return undefined
  return {
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {},
    spec: {},
    status: {
      resourceRules: [...OPEN, ...granted(faults)],
      nonResourceRules: [],
      incomplete: false,
    },
  }
}

function granted(faults: FaultState): Json[] {
  const rules = faults.rules ?? [{ verbs: ['*'], groups: ['*'], resources: ['*'] }]
  if (faults.forbidden.length === 0)
    return rules.map((rule) => ({
      verbs: [...rule.verbs],
      apiGroups: [...rule.groups],
      resources: [...rule.resources],
    }))
  // What is forbidden can't be written as a rule, so everything else is written out.
  const all = [
    ...KINDS.map((kind) => ({ group: kind.group, resource: kind.plural, verbs: VERBS })),
    ...SUBRESOURCES.map((entry) => ({ group: '', resource: entry.name, verbs: entry.verbs })),
  ]
  return all.flatMap(({ group, resource, verbs }) => {
    const left = verbs.filter(
      (verb) => allows(rules, verb, group, resource) && faults.isAllowed(verb, group, resource),
    )
    return left.length === 0 ? [] : [{ verbs: left, apiGroups: [group], resources: [resource] }]
  })
}
