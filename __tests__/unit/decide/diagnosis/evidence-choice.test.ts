// The one line that a person reads first must name the cause, not the clock.

import { describe, expect, test } from '@jest/globals'
import type { Diagnosis } from '../../../../src/decide/diagnosis/diagnose.ts'
import {
  chooseVerdict,
  speaksAgainstRevision,
  withPodFindings,
} from '../../../../src/decide/diagnosis/evidence-choice.ts'
import { EnsembleError } from '../../../../src/errors.ts'

function found(change: Partial<Diagnosis>): Diagnosis {
  return {
    code: 'NOT_READY',
    ordinal: 0,
    object: 'pod/zk-0',
    reason: 'X',
    message: 'it is so',
    class: 'terminal',
    since: 0,
    againstRevision: true,
    explains: true,
    ...change,
  }
}

const ENDED = 'no member reached a new state for 5m00s (member-timeout)'

describe('the verdict', () => {
  test.each<readonly [string, readonly Diagnosis[], string, string]>([
    [
      'without any cause is TIMEOUT, saying what was waited for',
      [],
      'TIMEOUT',
      `${ENDED}: zk-1 is missing`,
    ],
    [
      'is the proven cause',
      [found({ code: 'IMAGE_PULL', message: 'no image' })],
      'IMAGE_PULL',
      'no image',
    ],
    [
      'of several is by precedence of codes',
      [
        found({ code: 'CRASH_LOOP', ordinal: 0 }),
        found({ code: 'IMAGE_PULL', ordinal: 2, message: 'no image' }),
      ],
      'IMAGE_PULL',
      'no image',
    ],
    [
      "of equal ones is the lowest ordinal's",
      [found({ ordinal: 2, message: 'two' }), found({ ordinal: 1, message: 'one' })],
      'NOT_READY',
      'one',
    ],
    [
      'is a proven cause before a graver one that was still graced',
      [
        found({ code: 'UNSCHEDULABLE', message: 'proven' }),
        found({ code: 'IMAGE_PULL', class: 'graced' }),
      ],
      'UNSCHEDULABLE',
      'proven',
    ],
    [
      'at the deadline is a graced cause rather than TIMEOUT',
      [
        found({ code: 'CRASH_LOOP', class: 'graced', message: 'dies' }),
        found({ class: 'informative' }),
      ],
      'CRASH_LOOP',
      `dies; ${ENDED}`,
    ],
    [
      'at the deadline is what explains the member that is not Ready',
      [found({ class: 'informative', message: 'probe fails' })],
      'NOT_READY',
      `probe fails; ${ENDED}`,
    ],
    [
      'is never a mere remark',
      [found({ code: 'CLAIM_PENDING', class: 'informative', explains: false, message: 'smaller' })],
      'TIMEOUT',
      `${ENDED}: zk-1 is missing`,
    ],
  ])('%s', (_, diagnoses, code, message) => {
    const error = new EnsembleError('failed', chooseVerdict(diagnoses, 'zk-1 is missing', ENDED))
    expect([error.code, error.message]).toEqual([code, message])
  })

  test('keeps the other causes as warnings, with their fix', () => {
    const findings = chooseVerdict(
      [found({ code: 'IMAGE_PULL' }), found({ class: 'graced', fix: 'do this', ordinal: 1 })],
      '',
      ENDED,
    )
    expect(findings).toMatchObject([
      { severity: 'error', code: 'IMAGE_PULL' },
      { severity: 'warning', fix: 'do this', ordinal: 1, object: 'pod/zk-0' },
    ])
  })
})

describe('checks that failed beside a container that died', () => {
  const lost = { code: 'QUORUM_LOST', severity: 'error', message: 'no quorum' } as const
  const mistaken = { code: 'IDENTITY_MISMATCH', severity: 'error', message: 'two lists' } as const
  const said = (found: Parameters<typeof withPodFindings>[0], pod: Diagnosis) =>
    new EnsembleError(
      'failed',
      withPodFindings(found, [pod], chooseVerdict([pod], '', 'one look can not tell')),
    )
  const once = found({ code: 'CRASH_LOOP', message: 'died once', class: 'graced' })

  test('a wrong member list that was read is not hidden behind a pod that may still come right', () => {
    const error = said([lost, mistaken], once)
    expect([error.code, error.message]).toEqual(['IDENTITY_MISMATCH', 'two lists'])
    expect(error.findings).toContainEqual(
      expect.objectContaining({ code: 'CRASH_LOOP', severity: 'warning' }),
    )
    expect(error.findings).toContainEqual(lost)
  })

  test('a pod that can not come right, and one beside a lost quorum alone, is the cause', () => {
    expect(said([lost, mistaken], { ...once, class: 'terminal' }).code).toBe('CRASH_LOOP')
    expect(said([lost], once).code).toBe('CRASH_LOOP')
  })
})

describe('undoing is an answer', () => {
  test.each<readonly [string, readonly Diagnosis[], boolean]>([
    ['to a cause in the new revision', [found({})], true],
    ["not to a node's fault", [found({ againstRevision: false })], false],
    [
      'not where one of two proven causes lies elsewhere',
      [found({}), found({ againstRevision: false })],
      false,
    ],
    [
      "to a proven cause beside a node's that passes",
      [found({}), found({ class: 'graced', againstRevision: false })],
      true,
    ],
    ['not to nothing', [], false],
    ['not to a remark', [found({ class: 'informative', explains: false })], false],
  ])('%s', (_, diagnoses, answer) => {
    expect(speaksAgainstRevision(diagnoses)).toBe(answer)
  })
})
