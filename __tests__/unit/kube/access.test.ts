// What is asked about rights, what is concluded, and the Role that is offered for what is missing.

import { describe, expect, test } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'
import { createAccess, isAllowed } from '../../../src/kube/access.ts'
import type { Rule } from '../../../src/kube/access.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import type { Access } from '../../../src/kube/kube.ts'
import { rightsInWords, roleFor } from '../../../src/kube/rules.ts'
import { never } from './given.ts'

const right = (verb: string, resource: string, more: Partial<Access> = {}): Access => ({
  verb,
  group: '',
  resource,
  namespace: 'zoo',
  ...more,
})

interface Asked {
  readonly kind: string
  readonly spec: unknown
}

function asking(
  rules: readonly Partial<Rule>[],
  allowed: (spec: string) => boolean,
): { asked: Asked[]; denied: ReturnType<typeof createAccess> } {
  const asked: Asked[] = []
  const denied = createAccess(async (kind, spec) => {
    asked.push({ kind, spec })
    return kind === 'SelfSubjectRulesReview'
      ? { status: { resourceRules: rules, incomplete: false } }
      : { status: { allowed: allowed(JSON.stringify(spec)) } }
  })
  return { asked, denied }
}

describe('asking', () => {
  test('rights that the rules show cost one request for all of them', async () => {
    const { asked, denied } = asking(
      [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'configmaps'] }],
      () => false,
    )
    expect(
      await denied(
        [right('get', 'pods'), right('list', 'pods'), right('get', 'configmaps')],
        never,
      ),
    ).toEqual([])
    expect(asked).toEqual([{ kind: 'SelfSubjectRulesReview', spec: { namespace: 'zoo' } }])
  })

  test('the rules of a namespace are asked once in a run; what they did not show is asked again', async () => {
    const { asked, denied } = asking(
      [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
      () => true,
    )
    await denied([right('get', 'pods')], never)
    expect(await denied([right('get', 'pods'), right('create', 'pods')], never)).toEqual([])
    await denied([right('get', 'pods', { namespace: 'shop' })], never)
    expect(asked.map(({ kind }) => kind)).toEqual([
      'SelfSubjectRulesReview',
      'SelfSubjectAccessReview',
      'SelfSubjectRulesReview',
    ])
  })

  test('what the rules do not show is asked singly, and decides', async () => {
    const { asked, denied } = asking([], (spec) => spec.includes('"configmaps"'))
    expect(
      await denied(
        [right('get', 'configmaps'), right('create', 'pods/exec', { name: 'zk-0' })],
        never,
      ),
    ).toEqual([right('create', 'pods/exec', { name: 'zk-0' })])
    expect(asked.at(-1)?.spec).toEqual({
      resourceAttributes: {
        verb: 'create',
        group: '',
        resource: 'pods',
        subresource: 'exec',
        namespace: 'zoo',
        name: 'zk-0',
      },
    })
  })

  test('a right on the whole cluster is never taken from the rules of a namespace', async () => {
    const everything = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
    const { asked, denied } = asking(everything, () => false)
    const nodes = right('list', 'nodes', { namespace: undefined })
    expect(await denied([nodes], never)).toEqual([nodes])
    expect(asked.map((one) => one.kind)).toEqual(['SelfSubjectAccessReview'])
  })

  test('a cluster that does not let us ask denies nothing: the request itself will tell', async () => {
    const denied = createAccess(async () => {
      throw new KubeFailure({
        status: 403,
        reason: 'Forbidden',
        message: 'no',
        request: 'review access',
      })
    })
    expect(await denied([right('get', 'pods')], never)).toEqual([])
  })

  test('a cluster that is away is an error, not an answer', async () => {
    const denied = createAccess(async () => {
      throw new KubeFailure({
        status: 0,
        reason: 'Unreachable',
        message: 'no',
        request: 'review access',
      })
    })
    await expect(denied([right('get', 'pods')], never)).rejects.toMatchObject({
      reason: 'Unreachable',
    })
  })
})

describe('what rules allow', () => {
  const rule = (more: Partial<Rule>): Rule => ({
    verbs: ['get'],
    apiGroups: [''],
    resources: ['pods'],
    resourceNames: [],
    ...more,
  })
  test.each<[string, Rule, Access, boolean]>([
    ['exactly', rule({}), right('get', 'pods'), true],
    ['another verb', rule({}), right('list', 'pods'), false],
    ['another group', rule({}), right('get', 'pods', { group: 'metrics.k8s.io' }), false],
    ['a resource does not give its subresource', rule({}), right('get', 'pods/exec'), false],
    ['a star gives the subresource', rule({ resources: ['*'] }), right('get', 'pods/exec'), true],
    [
      'a star before a subresource',
      rule({ resources: ['*/exec'] }),
      right('get', 'pods/exec'),
      true,
    ],
    [
      'a star before a subresource does not give the resource',
      rule({ resources: ['*/exec'] }),
      right('get', 'pods'),
      false,
    ],
    ['a rule for names, without one', rule({ resourceNames: ['a'] }), right('get', 'pods'), false],
    [
      'a rule for names, where some are enough',
      rule({ resourceNames: ['a'] }),
      right('get', 'pods', { some: true }),
      true,
    ],
    [
      'a rule for names, with another',
      rule({ resourceNames: ['a'] }),
      right('get', 'pods', { name: 'b' }),
      false,
    ],
    [
      'a rule for names, with that one',
      rule({ resourceNames: ['a'] }),
      right('get', 'pods', { name: 'a' }),
      true,
    ],
  ])('%s', (_name, given, wanted, allowed) => expect(isAllowed(wanted, [given])).toBe(allowed))
})

test('rights in words: each resource once, each namespace once, so that eighteen fit in a sentence', () => {
  const nodes = right('list', 'nodes', { namespace: undefined })
  expect(
    rightsInWords([
      right('patch', 'pods'),
      right('get', 'leases'),
      nodes,
      right('get', 'pods'),
      right('get', 'pods'),
    ]),
  ).toBe(' in zoo: get, patch pods; get leases; in the whole cluster: list nodes')
  expect(rightsInWords([])).toBe('')
})

describe('the Role that is offered', () => {
  test('grants what is missing and nothing else, verbs gathered, parseable as it stands', () => {
    const missing = [
      right('list', 'pods'),
      right('get', 'pods'),
      right('get', 'persistentvolumeclaims'),
      right('list', 'persistentvolumeclaims'),
      right('patch', 'statefulsets', { group: 'apps' }),
      right('patch', 'configmaps', { name: 'true' }),
      right('patch', 'secrets', { name: 's' }),
    ]
    const role: unknown = parse(roleFor(missing))
    expect(role).toEqual({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'zk-ensemble-action', namespace: 'zoo' },
      rules: [
        { apiGroups: [''], resources: ['configmaps'], resourceNames: ['true'], verbs: ['patch'] },
        { apiGroups: [''], resources: ['persistentvolumeclaims', 'pods'], verbs: ['get', 'list'] },
        { apiGroups: [''], resources: ['secrets'], resourceNames: ['s'], verbs: ['patch'] },
        { apiGroups: ['apps'], resources: ['statefulsets'], verbs: ['patch'] },
      ],
    })
  })

  test('is one for each namespace, and a ClusterRole for the rest', () => {
    const documents = parseAllDocuments(
      roleFor([
        right('list', 'nodes', { namespace: undefined }),
        right('get', 'pods'),
        right('get', 'pods', { namespace: 'default' }),
      ]),
    )
    expect(
      documents.map((document) => [
        document.get('kind'),
        document.getIn(['metadata', 'namespace']),
      ]),
    ).toEqual([
      ['Role', 'default'],
      ['Role', 'zoo'],
      ['ClusterRole', undefined],
    ])
  })
})
