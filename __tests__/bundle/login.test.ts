// The logins of the checks, from the input or from a Secret: a wrong one is told with its fix before
// it is taken for a sick ensemble, and none is shown to anybody.

import { describe, expect, test } from '@jest/globals'
import { cassandraImage } from '../support/cluster/cassandra.ts'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import type { Finished } from '../support/runner.ts'
import { CANARY, expectClean, searchCluster, searchRun } from './canary.ts'
import { example, verdict, withBundle, withVariable, writes } from './given.ts'

const USER = 'checks'
/** Members whose addresses stay: no settling before a leader goes. */
const SERVICES = example('zookeeper-tutorial-services.yaml')
const RING = example('cassandra.yaml')
const IMAGES = {
  'gcr.io/google-samples/cassandra:v13': cassandraImage({ user: USER, password: CANARY }),
}
const GIVEN = { 'cassandra-auth': `${USER}:${CANARY}` }
const SECRET_INPUT = { 'cassandra-auth': 'secret/checks' }
const SUCCEEDED = { result: 'succeeded', code: '', exitCode: 0 }

function secretOf(data: Readonly<Record<string, string>>): string {
  return `apiVersion: v1\nkind: Secret\nmetadata:\n  name: checks\nstringData:\n${Object.entries(
    data,
  )
    .map(([key, value]) => `  ${key}: ${value}\n`)
    .join('')}`
}

function makeSecret({ objects }: SimulatedCluster, data: Readonly<Record<string, string>>): void {
  objects.put('Secret', {
    apiVersion: 'v1',
    metadata: { name: 'checks', namespace: 'default' },
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  })
}

/** Nowhere, not in what was asked of the API either: commands of an exec are in its audit log. */
function expectHidden(run: Finished, cluster: SimulatedCluster): void {
  searchRun(run)
  searchCluster(cluster)
  expectClean('a request', JSON.stringify(cluster.requests))
}

function closing(run: Finished): string {
  return run.lines.join('\n')
}

describe('a Cassandra ring that asks for a login', () => {
  test('the right one, from the input, from a Secret and from one that the deploy brings', () =>
    withBundle({ images: IMAGES }, async ({ cluster, run }) => {
      const given = await run(RING, GIVEN)
      expect(verdict(given)).toEqual(SUCCEEDED)
      expect(given.outputs).toMatchObject({ profile: 'cassandra', pairs: '6/6', version: '5.0.9' })
      expect(given.masks).toEqual(expect.arrayContaining([CANARY, `${USER}:${CANARY}`]))
      expectHidden(given, cluster)

      makeSecret(cluster, { username: USER, password: `${CANARY}\n` })
      const thorough = await run(undefined, {
        operation: 'verify',
        name: 'cassandra',
        verify: 'thorough',
        ...SECRET_INPUT,
      })
      expect(verdict(thorough)).toEqual(SUCCEEDED)
      expect(thorough.masks).toContain(CANARY)
      expectHidden(thorough, cluster)

      cluster.objects.remove('Secret', 'default', 'checks')
      const brought = await run(
        `${RING}---\n${secretOf({ username: USER, password: CANARY })}`,
        SECRET_INPUT,
      )
      expect(verdict(brought)).toEqual(SUCCEEDED)
      expectHidden(brought, cluster)
    }))

  test.each([
    [
      'a wrong one',
      { 'cassandra-auth': `${USER}:${CANARY}-of-before` },
      /does not take this login/,
      /a role that may log in/,
    ],
    ['none', {}, /the ring asks for a login/, /Set cassandra-auth to user:password of a role/],
  ])(
    '%s is CHECK_IMPOSSIBLE with its fix, and says nothing against the ring',
    (_, inputs, cause, fix) =>
      withBundle({ images: IMAGES }, async ({ cluster, run }) => {
        expect(verdict(await run(RING, GIVEN))).toEqual(SUCCEEDED)
        const checked = await run(undefined, { operation: 'verify', name: 'cassandra', ...inputs })
        expect(verdict(checked)).toEqual({
          result: 'failed',
          code: 'CHECK_IMPOSSIBLE',
          exitCode: 1,
        })
        expect(checked.outputs['message']).toMatch(cause)
        expect(closing(checked)).toMatch(fix)
        expect(checked.outputs['ready-replicas']).toBe('3')
        // cqlsh quotes what it was given.
        expectHidden(checked, cluster)
      }),
  )

  test.each([
    ['that is not there', undefined, 'NOT_FOUND', /there is no Secret checks/],
    ['without a password', { username: USER }, 'INPUT_INVALID', /has no password/],
    [
      'with two lines in it',
      { username: USER, password: `${CANARY}\nmore` },
      'INPUT_INVALID',
      /a line's end in it/,
    ],
    [
      'that may not be read',
      { username: USER, password: CANARY },
      'ACCESS_DENIED',
      /may not be read/,
    ],
  ])('a Secret %s is refused before anything is changed', (what, data, code, words) =>
    withBundle({ images: IMAGES }, async ({ cluster, run }) => {
      expect(verdict(await run(RING, GIVEN))).toEqual(SUCCEEDED)
      if (data !== undefined) makeSecret(cluster, data)
      if (what === 'that may not be read') cluster.faults.forbid('get', 'secrets')
      const before = writes(cluster).length
      for (const refused of [
        await run(undefined, { operation: 'restart', name: 'cassandra', ...SECRET_INPUT }),
        await run(RING.replace('value: 512M', 'value: 400M'), SECRET_INPUT),
      ]) {
        expect(verdict(refused)).toEqual({ result: 'refused', code, exitCode: 1 })
        expect(refused.outputs['message']).toMatch(words)
        expect(refused.outputs['changed']).toBe('false')
        expectHidden(refused, cluster)
      }
      expect(writes(cluster)).toHaveLength(before)
    }),
  )
})

test('ZooKeeper: a Secret opens a place that is locked, through a roll as well', () =>
  withBundle({}, async ({ cluster, run }) => {
    expect(verdict(await run(SERVICES, { verify: 'quick' }))).toEqual(SUCCEEDED)
    cluster.zookeeper('default', 'zk').lock('/zk-ensemble-action', `${USER}:${CANARY}`)
    const verify = { operation: 'verify', name: 'zk' }
    const locked = await run(undefined, verify)
    expect(verdict(locked)).toMatchObject({ result: 'failed', code: 'CHECK_IMPOSSIBLE' })
    expect(closing(locked)).toContain('zookeeper-auth')
    const auth = { 'zookeeper-auth': 'secret/checks' }
    const lacking = await run(undefined, { ...verify, ...auth })
    expect(verdict(lacking)).toMatchObject({ result: 'refused', code: 'NOT_FOUND' })
    makeSecret(cluster, { username: USER, password: CANARY })
    const opened = await run(undefined, { ...verify, ...auth })
    expect(verdict(opened)).toEqual(SUCCEEDED)
    expect(opened.outputs['pairs']).toBe('6/6')
    expectHidden(opened, cluster)
    const rolled = await run(withVariable(SERVICES), auth)
    expect(verdict(rolled)).toEqual(SUCCEEDED)
    expect(rolled.outputs['acknowledged-writes-lost']).toBe('0')
    expectHidden(rolled, cluster)
  }))
