// A diff is posted where many read it: a secret that is in it once is in their mail.

import { expect, test } from '@jest/globals'
import type { KubeObject } from '../../../src/kube/kube.ts'
import { diffOf } from '../../../src/report/object-diff.ts'

function config(data: Record<string, string>, more: Record<string, unknown> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'zk' }, data, ...more }
}

function changed(
  before: KubeObject | undefined,
  after: KubeObject,
  known: readonly string[] = [],
): readonly string[] {
  return diffOf(before, after, known)
    .filter((line) => /^[-+]/.test(line))
    .map((line) => line.replace(/^(.)\s+/, '$1'))
}

function pod(env: readonly { readonly name: string; readonly value: string }[]): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'zk' },
    spec: { containers: [{ name: 'zk', env }] },
  }
}

test('what is wanted alone: nothing of the server, no copy of kubectl apply', () => {
  const server = {
    status: { x: 1 },
    metadata: {
      name: 'zk',
      uid: 'u',
      resourceVersion: '7',
      managedFields: [],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":1}' },
    },
  }
  expect(diffOf(config({ a: '1' }, server), config({ a: '1' }), [])).toEqual([])
  expect(changed(config({ a: '1' }, server), config({ a: '2' }))).toEqual(['-a: "1"', '+a: "2"'])
})

test('a Secret is said to change, and no more', () => {
  const secret = (data: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data,
  })
  expect(
    changed(
      secret({ a: 'c2VjcmV0', same: 'eHl6' }),
      secret({ a: 'b3RoZXI=', same: 'eHl6', new: 'YWJj' }),
    ),
  ).toEqual(['-a: "*** (before)"', '+a: "*** (after)"', '+new: "***"'])
})

test.each([
  ['DB_PASSWORD'],
  ['ZK_AUTH'],
  ['API_TOKEN'],
  ['apiKey'],
  ['SASL_JAAS_CONFIG'],
  ['AWS_SECRET_ACCESS_KEY'],
])('the variable %s', (name) => {
  const lines = changed(
    pod([
      { name, value: 'hush-1' },
      { name: 'OTHER', value: 'x' },
    ]),
    pod([
      { name: 'FIRST', value: 'y' },
      { name, value: 'hush-2' },
      { name: 'OTHER', value: 'x' },
    ]),
  ).join('\n')
  expect(lines).not.toContain('hush')
  expect(lines).toContain('*** (after)')
})

test('inside of a text, with the line that differs marked and the others left', () => {
  const before = config({
    'jaas.conf': 'Server {\n  user_super="hush-1"\n  user_bob="hush-b"\n};\n',
    'zoo.cfg': 'ssl.keyStore.password=hush-k\ntickTime=2000\n',
  })
  const after = config({
    'jaas.conf': 'Server {\n  user_super="hush-2"\n  user_bob="hush-b"\n};\n',
    'zoo.cfg': 'ssl.keyStore.password=hush-k\ntickTime=3000\n',
  })
  const shown = diffOf(before, after, []).join('\n')
  expect(shown).not.toContain('hush')
  expect(changed(before, after)).toContain('+tickTime=3000')
})

test('the value of a Secret wherever it comes up, and a key of PEM', () => {
  const after = config({
    url: 'https://bob:hush-u@example.test/',
    note: 'see hush-s',
    pem: '-----BEGIN PRIVATE KEY-----\nhush-p\n-----END PRIVATE KEY-----\n',
  })
  expect(diffOf(undefined, after, ['hush-s', 'xy']).join('\n')).not.toContain('hush')
})

test('bounded by lines and by width, whatever is in it', () => {
  const many = config({
    text: Array.from({ length: 3000 }, (_, index) => `${index} ${'x'.repeat(5000)}`).join('\n'),
  })
  const lines = diffOf(undefined, many, [])
  expect(lines.length).toBeLessThanOrEqual(401)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(2001)
  const huge = config({ text: 'y\n'.repeat(30_000) })
  expect(diffOf(undefined, huge, [])).toEqual([expect.stringContaining('too much to show')])
})
