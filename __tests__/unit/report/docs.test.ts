// The docs are part of the product: a code without a heading, a dead link, or a Role that lacks a
// rule leaves somebody without help at night.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { CODES } from '../../../src/codes.ts'
import { isAllowed, type Rule } from '../../../src/kube/access.ts'
import type { Access } from '../../../src/kube/kube.ts'
import { builtInEnsemble } from '../../../src/manifests/built-in.ts'
import { helpUrl } from '../../../src/report/help.ts'
import {
  reviewRights,
  rightsToCleanUp,
  rightsToApply,
  rightsToCordon,
  rightsToEvict,
  rightsToLook,
  rightsToRecord,
  rightsToFollowNode,
  rightsToSeeCluster,
} from '../../../src/procedures/open/access.ts'

const ROOT = new URL('../../../', import.meta.url)
function text(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}

describe('troubleshooting', () => {
  const sections = new Map(
    text('docs/troubleshooting.md')
      .split(/^## /m)
      .slice(1)
      .map((part) => [part.split('\n')[0] ?? '', part]),
  )

  test.each(CODES)('%s has a heading, a meaning and something to do', (code) => {
    const body = sections.get(code)?.split('\n').slice(1).join('\n').trim() ?? ''
    expect(body.length).toBeGreaterThan(100)
  })

  test.each(CODES)('the link of a failure with %s leads to its heading', (code) => {
    // GitHub makes the anchor of a heading: lower case, dashes for blanks.
    const anchors = [...sections.keys()].map((title) => title.toLowerCase().replaceAll(' ', '-'))
    expect(anchors).toContain(new URL(helpUrl({ code, helpUrl: 'https://x.y/t.md' })).hash.slice(1))
  })

  test('there is no heading for a code that is gone', () =>
    expect([...sections.keys()].sort()).toEqual([...CODES].sort()))

  test.each(
    CODES.filter((code) => !['INPUT_INVALID', 'LINT_FAILED', 'TIMEOUT', 'INTERNAL'].includes(code)),
  )('%s says what to type', (code) => expect(sections.get(code)).toContain('kubectl '))
})

const roleShape = z.object({
  kind: z.enum(['Role', 'ClusterRole']),
  metadata: z.object({ name: z.string() }),
  rules: z.array(
    z.object({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      verbs: z.array(z.string()),
    }),
  ),
})

function rolesOf(file: string): z.infer<typeof roleShape>[] {
  return parseAllDocuments(text(file)).flatMap((document) => {
    const parsed = roleShape.safeParse(document.toJS())
    return parsed.success ? [parsed.data] : []
  })
}

const INPUTS = {
  name: 'zk',
  replicas: 3,
  image: undefined,
  storage: undefined,
  storageClass: undefined,
  cpu: undefined,
  memory: undefined,
  heap: undefined,
}

describe('role.yaml', () => {
  const roles = rolesOf('docs/role.yaml')
  const rulesOf = (...names: string[]): Rule[] =>
    roles
      .filter((role) => names.includes(role.metadata.name))
      .flatMap((role) => role.rules.map((rule) => ({ ...rule, resourceNames: [] })))

  /** What a run asks for: what it needs and what it can do without. */
  async function asked(needed: readonly Access[]): Promise<readonly Access[]> {
    let wanted: readonly Access[] = []
    const kube = {
      denied: (list: readonly Access[]): Promise<readonly Access[]> => {
        wanted = list
        return Promise.resolve([])
      },
    }
    await reviewRights(kube, needed, 'shop', new AbortController().signal)
    return wanted
  }

  const forDeploy = [
    ...rightsToLook('shop'),
    ...rightsToRecord('shop'),
    ...rightsToApply(builtInEnsemble(INPUTS), 'shop'),
  ]

  test('a deploy of the usual ensemble needs nothing that it does not give', async () => {
    const wanted = await asked(forDeploy)
    expect(wanted.length).toBeGreaterThan(20)
    expect(
      wanted.filter(
        (access) =>
          !isAllowed(
            access,
            rulesOf('zk-ensemble-verify', 'zk-ensemble-deploy', 'zk-ensemble-look'),
          ),
      ),
    ).toEqual([])
  })

  test('a verify needs the verify Role alone', () => {
    expect(
      rightsToLook('shop').filter((access) => !isAllowed(access, rulesOf('zk-ensemble-verify'))),
    ).toEqual([])
  })

  test('an uncordon and a drain need the maintenance part beside these, and an uncordon only its rule for nodes', async () => {
    const all = rulesOf(
      'zk-ensemble-verify',
      'zk-ensemble-deploy',
      'zk-ensemble-look',
      'zk-ensemble-maintenance',
    )
    const wanted = await asked([
      ...rightsToLook('shop'),
      ...rightsToRecord('shop'),
      ...rightsToCordon(),
      ...rightsToFollowNode(),
      ...rightsToSeeCluster(),
      ...rightsToEvict('elsewhere'),
    ])
    expect(wanted.filter((access) => !isAllowed(access, all))).toEqual([])
    const [nodes] = rulesOf('zk-ensemble-maintenance')
    expect(
      rightsToCordon().filter((access) => nodes === undefined || !isAllowed(access, [nodes])),
    ).toEqual([])
  })

  test('a deploy needs nothing of the maintenance part: no right over nodes but to list them', async () => {
    const wanted = await asked(forDeploy)
    expect(wanted.filter(({ resource, verb }) => resource === 'nodes' && verb !== 'list')).toEqual(
      [],
    )
  })

  test('it gives nothing that no run asks for', async () => {
    const wanted = await asked([
      ...forDeploy,
      ...rightsToCordon(),
      ...rightsToSeeCluster(),
      ...rightsToFollowNode(),
    ])
    const given = roles.flatMap((role) =>
      role.rules.flatMap((rule) =>
        rule.resources.flatMap((resource) =>
          rule.verbs.map((verb) => `${verb} ${rule.apiGroups.join()}/${resource}`),
        ),
      ),
    )
    // ConfigMaps are patched when the manifests have some, which the built-in ensemble has not; a
    // drain looks at DaemonSets where it may.
    const known = new Set([
      ...wanted.map((access) => `${access.verb} ${access.group}/${access.resource}`),
      'patch /configmaps',
      'list /services',
      'list apps/daemonsets',
    ])
    expect(given.filter((right) => !known.has(right))).toEqual([])
  })

  test('no rule has a wildcard, Secrets stay out of reach', () => {
    const words = roles.flatMap((role) =>
      role.rules.flatMap((rule) => [...rule.apiGroups, ...rule.resources, ...rule.verbs]),
    )
    expect(words).not.toContain('*')
    expect(words).not.toContain('secrets')
    // A pod that is stuck and kept by its budget, and the Service of a member that is gone, are all
    // that may be deleted.
    expect(
      roles
        .flatMap((role) => role.rules)
        .filter((rule) => rule.verbs.includes('delete'))
        .flatMap((rule) => rule.resources),
    ).toEqual(['services', 'pods'])
  })
})

describe('role-cleanup.yaml', () => {
  const rules = [...rolesOf('docs/role.yaml'), ...rolesOf('docs/role-cleanup.yaml')].flatMap(
    (role) => role.rules.map((rule) => ({ ...rule, resourceNames: [] })),
  )
  const wanted = rightsToCleanUp(
    'shop',
    builtInEnsemble(INPUTS).map(({ object }) => object),
    true,
  )

  test('with it, and with role.yaml, a cleanup of the usual ensemble lacks nothing, claims included', () => {
    expect(wanted.filter((access) => !isAllowed(access, rules))).toEqual([])
  })

  test('what it may delete is what a cleanup deletes, and no more', () => {
    const deletes = rolesOf('docs/role-cleanup.yaml')
      .flatMap((role) => role.rules)
      .filter((rule) => rule.verbs.includes('delete'))
      .flatMap((rule) => rule.resources)
    expect(deletes.toSorted()).toEqual(
      wanted
        .filter(({ verb }) => verb === 'delete')
        .map(({ resource }) => resource)
        .filter((resource, at, all) => all.indexOf(resource) === at)
        .toSorted(),
    )
  })

  test('it leaves claims to a Role of their own, so that data can be kept out of it', () => {
    const [cleanup] = rolesOf('docs/role-cleanup.yaml')
    expect(cleanup?.rules.flatMap((rule) => rule.resources)).not.toContain('persistentvolumeclaims')
  })
})
