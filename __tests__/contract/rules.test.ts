// Rules of a Role that people copy, from a message or from the docs: each is what the code asks
// for, and one that is written by hand beside it is sooner or later another one. role.yaml and
// role-cleanup.yaml are held in unit/report/docs.test.ts.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Rule } from '../../src/kube/access.ts'
import type { Access } from '../../src/kube/kube.ts'
import { EXEC_RULE, FORWARD_RULE, ruleFor } from '../../src/kube/rules.ts'
import {
  reviewRights,
  rightsToApply,
  rightsToDeleteNamespace,
} from '../../src/procedures/open/access.ts'
import { SOURCES } from '../support/source.ts'

const rulesShape = z.array(
  z.object({
    apiGroups: z.array(z.string()),
    resources: z.array(z.string()),
    resourceNames: z.array(z.string()).default([]),
    verbs: z.array(z.string()),
  }),
)

function rulesIn(text: string): readonly Rule[] {
  return rulesShape.parse(parse(text))
}

/** Each right by itself, so that one too many shows. */
function rightsOf(rules: readonly Rule[]): readonly string[] {
  return rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    )
    .toSorted()
}

test('every rule in a message comes from kube/rules.ts', () => {
  const byHand = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.endsWith('.ts') &&
      file !== join('kube', 'rules.ts') &&
      /apiGroups: \[["a-z]/.test(readFileSync(join(SOURCES, file), 'utf8')),
  )
  expect(byHand).toEqual([])
})

test('the rules of the ways to a member allow what a run asks for before it goes by them', async () => {
  let asked: readonly Access[] = []
  await reviewRights(
    {
      denied: (list) => {
        asked = list
        return Promise.resolve([])
      },
    },
    [],
    'shop',
    new AbortController().signal,
  )
  const ways = asked.filter(({ resource }) => /exec|portforward/.test(resource))
  expect(
    ways.map(({ verb, group, resource }) => `${verb} ${group}/${resource}`).toSorted(),
  ).toEqual(rightsOf(rulesIn(`${FORWARD_RULE}\n${EXEC_RULE}`)))
})

describe('docs/permissions.md', () => {
  const NAMESPACE = {
    object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    place: { file: 'a.yaml' },
    placeOf: () => ({ file: 'a.yaml' }),
  }
  const sections = new Map(
    readFileSync(new URL('../../docs/permissions.md', import.meta.url), 'utf8')
      .split(/^### /m)
      .flatMap((part) => {
        const rules = /^```yaml\n(- apiGroups:[^`]*)```/m.exec(part)?.[1]
        return rules === undefined ? [] : [[part.split('\n')[0] ?? '', rulesIn(rules)] as const]
      }),
  )
  const asked = (accesses: readonly Access[]): readonly string[] =>
    accesses.map(({ verb, group, resource }) => `${verb} ${group}/${resource}`).toSorted()

  test.each<[string, readonly string[]]>([
    ['Logins from a Secret', rightsOf(rulesIn(ruleFor('secrets', ['get'])))],
    ['Quota and pod security beforehand', rightsOf(rulesIn(ruleFor('pods', ['create'])))],
    [
      'Cleanup',
      [
        // Whose time is over is looked for among all, and what is in one is listed, of every kind.
        ...asked([{ verb: 'list', group: '', resource: 'namespaces' }]),
        ...asked(rightsToDeleteNamespace('shop')),
        'list */*',
      ].toSorted(),
    ],
    ['Namespaces', asked(rightsToApply([NAMESPACE], 'shop'))],
  ])('%s: the rules there are what the code asks for, and no more', (title, rights) =>
    expect(rightsOf(sections.get(title) ?? [])).toEqual(rights),
  )

  test('a login’s Secret is named: no other may be read by its rule', () =>
    expect(sections.get('Logins from a Secret')).toEqual(
      rulesIn(ruleFor('secrets', ['get'], 'NAME')),
    ))

  test('no other section has rules that nothing here holds', () =>
    expect([...sections.keys()]).toEqual([
      'Logins from a Secret',
      'Quota and pod security beforehand',
      'Cleanup',
      'Namespaces',
    ]))
})
