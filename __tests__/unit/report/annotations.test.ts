// The runner drops the eleventh annotation without a word: without the choice made here a user would take ten findings for all.

import { describe, expect, test } from '@jest/globals'
import type { Finding } from '../../../src/errors.ts'
import { verdictAnnotation, warningAnnotations } from '../../../src/report/annotations.ts'
import { crashed, deployed, hostile, refusedByLint } from './samples.ts'

function warnings(count: number): Finding[] {
  return Array.from({ length: count }, (_, index) => ({ code: 'LINT_FAILED', severity: 'warning', message: `finding ${index}`, place: { file: 'zk.yaml', line: index + 1 } }))
}

describe('the verdict', () => {
  test('a green step has none', () => expect(verdictAnnotation(deployed())).toBeUndefined())

  test('stands on the line at fault and says how many more errors there are', () => {
    expect(verdictAnnotation(refusedByLint())).toEqual({
      title: 'deploy of zk: REFUSED (LINT_FAILED)',
      text: 'k8s/zk.yaml:31: the budget allows all three members to be evicted at once\nset maxUnavailable to 1\nMend the findings named above, each has its line and the change to make; nothing was sent to the cluster.\n1 more error is in the log and in the job summary.',
      place: { file: 'k8s/zk.yaml', line: 31 },
    })
  })

  test('names container, reason, exit code and last event', () => {
    expect(verdictAnnotation(crashed())?.text).toContain('pod/zk-1, container zookeeper: CrashLoopBackOff, exit code 1, 4 restarts; last event: BackOff (12×)')
  })

  test('is never longer than what the runner shows', () => {
    const mend = Array.from({ length: 900 }, (_, index) => `line ${index}`).join('\n')
    const found = verdictAnnotation({ ...hostile(), findings: [{ code: 'CRASH_LOOP', severity: 'error', message: 'x'.repeat(9000), mend }] })
    expect(found?.text.length).toBeLessThanOrEqual(4096)
  })
})

describe('warnings', () => {
  test('ten fit', () => {
    const { shown, more } = warningAnnotations(warnings(10))
    expect(shown.map((one) => one.text)).toEqual(warnings(10).map((finding) => finding.message))
    expect(more).toBe(0)
  })

  test('of eleven nine are shown, and the tenth slot says that two are left', () => {
    const { shown, more } = warningAnnotations(warnings(11))
    expect(shown).toHaveLength(10)
    expect(shown.at(-1)?.text).toBe('2 more warnings are in the log and in the job summary.')
    expect(more).toBe(2)
  })

  test('those with a line come first, errors take no slot', () => {
    const findings: Finding[] = [{ code: 'NOT_READY', severity: 'warning', message: 'no place' }, { code: 'LINT_FAILED', severity: 'error', message: 'an error' }, ...warnings(1)]
    expect(warningAnnotations(findings).shown.map((one) => one.text)).toEqual(['finding 0', 'no place'])
  })

  test('without a free slot nothing is shown, and the number is still known', () => expect(warningAnnotations(warnings(3), 0)).toEqual({ shown: [], more: 3 }))
})
