// How long a member is waited for: a sound first deploy must pass although caches keep a member
// outside, and one that can never join must be named in bounded time.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from '../action.ts'
import { everything, inNamespace, kubectl, root } from '../cluster.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

const deploy = (namespace: string, name: string): Promise<Ran> =>
  act(
    { manifests: 'zk.yaml', namespace },
    {
      files: { 'zk.yaml': readFileSync(join(root, '__tests__', 'cases', name, 'zk.yaml'), 'utf8') },
    },
  )
const outcomes = ({ report }: Ran): Readonly<Record<string, string>> =>
  Object.fromEntries(report.checks.map(({ name, outcome }) => [name, outcome]))

describe('e2e: cases of members on their way', () => {
  all(
    'a plain ensemble by names of pods: each of three first deploys passes, and whoever is outside is told every few seconds',
    async () => {
      for (const attempt of [1, 2, 3]) {
        await inNamespace(`first-${attempt}`, async (namespace) => {
          const ran = await deploy(namespace, 'first-deploy-by-name')
          expect(verdict(ran)).toMatch(/^succeeded /)
          expect(ran.outputs['pairs']).toBe('6/6')
          await kubectl('delete', 'statefulset', 'zk', '-n', namespace)
        })
      }
    },
  )

  all(
    'a member that never joins fails once caches explain it no more: it is the cause, before the service that follows its probe',
    async () => {
      await inNamespace('never', async (namespace) => {
        const ran = await deploy(namespace, 'member-that-never-joins')
        expect(verdict(ran)).toMatch(/^failed CHECK_FAILED .*: zk-1 \(ordinal 1\)/)
        expect(outcomes(ran)).toMatchObject({
          quorum: 'failed',
          identity: 'passed',
          service: 'warned',
        })
        expect(
          ran.lines.filter((line) => line.includes('for the ensemble to settle: ')).length,
        ).toBeGreaterThan(5)
        // Old by now: an election's time is enough.
        const began = performance.now()
        const again = await act({ operation: 'verify', namespace })
        expect(verdict(again)).toMatch(/^failed CHECK_FAILED .*: zk-1 \(ordinal 1\)/)
        expect(performance.now() - began).toBeLessThan(90_000)
      })
    },
  )

  all(
    'a member with other election ports in its own list is named with its list, without a wait',
    async () => {
      await inNamespace('list', async (namespace) => {
        const ran = await deploy(namespace, 'member-with-another-list')
        expect(verdict(ran)).toMatch(
          /^failed IDENTITY_MISMATCH .*: zk-2 \(ordinal 2\) has another member list/,
        )
      })
    },
  )
})
