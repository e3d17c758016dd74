// The runner drops the eleventh annotation without a word: without the choice made here a user
// would take ten findings for all.

import { describe, expect, test } from '@jest/globals'
import { moreAnnotation, verdictAnnotation, warningText } from '../../../src/report/annotations.ts'
import { crashed, deployed, hostile, refusedByLint } from './samples.ts'

describe('the verdict', () => {
  test('a green step has none', () => expect(verdictAnnotation(deployed())).toBeUndefined())

  test('stands on the line at fault and says how many more errors there are', () => {
    expect(verdictAnnotation(refusedByLint())).toEqual({
      title: 'deploy of zk: REFUSED (LINT_FAILED)',
      text: 'k8s/zk.yaml:31: the budget allows all three members to be evicted at once\nFix: set maxUnavailable to 1\n1 more error is in the log and in the job summary.',
      place: { file: 'k8s/zk.yaml', line: 31 },
    })
  })

  test('names container, reason, exit code and last warning', () => {
    expect(verdictAnnotation(crashed())?.text).toContain(
      'pod/zk-1, container zookeeper: CrashLoopBackOff, exit code 1, 4 restarts; last warning: BackOff (12×)',
    )
  })

  test('is never longer than what the runner shows', () => {
    const fix = Array.from({ length: 900 }, (_, index) => `line ${index}`).join('\n')
    const found = verdictAnnotation({
      ...hostile(),
      findings: [{ code: 'CRASH_LOOP', severity: 'error', message: 'x'.repeat(9000), fix }],
    })
    expect(found?.text.length).toBeLessThanOrEqual(4096)
  })
})

describe('a warning', () => {
  test('says how to fix it, where that is known', () => {
    expect(
      warningText({
        message: 'the probe asks only whether the process answers',
        fix: 'ask srvr for its Mode',
      }),
    ).toBe('the probe asks only whether the process answers. Fix: ask srvr for its Mode')
    expect(warningText({ message: 'nothing to fix' })).toBe('nothing to fix')
  })

  test('that got no slot is counted', () =>
    expect(moreAnnotation(2).text).toBe('2 more warnings are in the log and in the job summary.'))
})
