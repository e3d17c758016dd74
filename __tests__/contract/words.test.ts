// A word with two meanings, or two words for one thing, cost a reader who is not at home in English
// the minutes of an outage: the glossary in CONTRIBUTING.md is what texts keep to.

import { describe, expect, test } from '@jest/globals'
import { verdictAnnotation } from '../../src/report/annotations.ts'
import { summaryText } from '../../src/report/summary.ts'
import { closingLines } from '../../src/report/verdict.ts'
import {
  commentsOf,
  forbiddenAside,
  forbiddenOf,
  forbiddenWords,
  glossary,
  titlesOf,
} from '../support/words.ts'
import { crashed, deployed, drainFailed, refusedByLint } from '../unit/report/samples.ts'

describe('the glossary', () => {
  test('says of each word what it means, once', () => {
    const words = glossary()
    expect(words.length).toBeGreaterThanOrEqual(20)
    expect(words.filter(({ word, meaning }) => word === '' || meaning === '')).toEqual([])
    expect(new Set(words.map(({ word }) => word)).size).toBe(words.length)
  })

  test.each([
    ['run it again, or take it back', 'take/takes/took/taken/taking … back'],
    ['Nothing was taken back', 'take/takes/took/taken/taking … back'],
    ['the next run goes on from here', 'go/goes/gone/going/went on'],
    ['node-1 Handed over to you', 'hand/hands/handed/handing over'],
    ['which must be made anew', 'anew'],
  ])('finds in "%s" what is not used', (text, phrase) =>
    expect(forbiddenOf(text)).toEqual([phrase]),
  )

  test.each([
    'zk-1 hands over its leadership',
    'zk-1 handed over leadership',
    'the backup of the data is taken',
    'one renewal',
    'recommended',
  ])('finds nothing in "%s"', (text) => expect(forbiddenOf(text)).toEqual([]))
})

test('no text that users read has a word that the glossary says is not used', () =>
  expect(forbiddenWords()).toEqual([]))

describe('comments of the sources and titles of tests', () => {
  test('are found, across lines too, without the names of code', () => {
    expect(commentsOf('a()\n// It is taken\n// back by `anew`.\nb()')).toEqual([
      ' It is taken back by X.',
    ])
    expect(titlesOf("  test('the run ends', () =>\n  all(\n    'it waits', async () => {")).toEqual(
      ['the run ends', 'it waits'],
    )
  })

  test('keep to the glossary as well', () => expect(forbiddenAside()).toEqual([]))
})

describe('labels come in one order', () => {
  const ORDER = ['Cause', 'Fix', 'Now', 'Next', 'Commands']
  const labelsOf = (lines: readonly string[]): readonly string[] =>
    lines.flatMap((line) => ORDER.filter((label) => line.startsWith(`${label}:`)))
  const where = { reportFile: undefined, summary: true }

  test.each([
    ['a failure', crashed(), ['Cause', 'Fix', 'Now', 'Commands']],
    ['a drain that failed', drainFailed(), ['Cause', 'Fix', 'Now', 'Commands']],
    ['a refusal', refusedByLint(), ['Cause', 'Fix']],
    ['a success', deployed(), ['Now', 'Next']],
  ])('at the end of the log of %s', (_, report, labels) =>
    expect(labelsOf(closingLines(report, where))).toEqual(labels),
  )

  test('in the annotation of a failure', () =>
    expect(labelsOf(verdictAnnotation(crashed())?.text.split('\n') ?? [])).toEqual(['Fix', 'Now']))

  test('in the summary: what happened, now, next, commands', () => {
    const text = summaryText(crashed())
    const at = ['**What happened**', '**Now**', '**Next**', 'kubectl -n shop'].map((label) =>
      text.indexOf(label),
    )
    expect(at).not.toContain(-1)
    expect(at).toEqual(at.toSorted((a, b) => a - b))
  })
})
