// Every text that we print, with every hostile text in every place that a cluster can fill: nothing
// of it may act on whoever reads it.

import { describe, expect, test } from '@jest/globals'
import { createLog } from '../../../src/github/log.ts'
import { verdictAnnotation } from '../../../src/report/annotations.ts'
import { jsonReportText } from '../../../src/report/json-report.ts'
import { outputsOf } from '../../../src/report/outputs.ts'
import type { RunReport } from '../../../src/report/run-report.ts'
import { summaryText } from '../../../src/report/summary.ts'
import { closingLines } from '../../../src/report/verdict.ts'
import {
  crashed,
  deployed,
  drained,
  drainFailed,
  hostile,
  refusedByLint,
} from '../report/samples.ts'
import { HOSTILE_TEXTS } from './texts.ts'

/**
 * Words of ours that decide how a report is shown; everything else comes from a cluster, a manifest
 * or an input.
 */
const OWN = new Set([
  'operation',
  'result',
  'code',
  'kind',
  'outcome',
  'severity',
  'change',
  'role',
  'phase',
  'runUrl',
  'cordon',
  'placement',
  'origin',
  'impact',
])

/** Every other text of the report replaced. */
function filled(value: unknown, text: string, key = ''): unknown {
  if (typeof value === 'string') return OWN.has(key) || value === '' ? value : text
  if (Array.isArray(value)) return value.map((item) => filled(item, text, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, filled(inner, text, name)]),
  )
}

const SCENES: readonly (readonly [string, () => RunReport])[] = [
  ['a deploy', deployed],
  ['a crash', crashed],
  ['a refusal by lint', refusedByLint],
  ['a drain', drained],
  ['a drain that failed', drainFailed],
  ['everything at once', hostile],
]

/**
 * What the runner would obey: its two forms of a command, where a blank in between ends them (see
 * src/github/command.ts).
 */
const OBEYED =
  /^[^\p{L}\p{N}\p{P}\p{S}]*:[^\p{L}\p{N}\p{P}\p{S} ]*:|#[^\p{L}\p{N}\p{P}\p{S} ]*#[^\p{L}\p{N}\p{P}\p{S} ]*\[/u
const INVISIBLE = /[^\P{Cc}\t\n]|\p{Cf}/u

describe.each(SCENES)('%s', (_scene, sample) => {
  test.each(HOSTILE_TEXTS.map((text) => [text.slice(0, 40), text]))('%j', (_shown, text) => {
    // A report's shape is held by its type; only texts are exchanged.
    const report: RunReport = Object.assign(sample(), filled(sample(), text))
    const printed: string[] = []
    const log = createLog({ write: (line) => printed.push(line), now: () => 0, debug: true })
    for (const line of closingLines(report, { reportFile: text, summary: true })) log.info(line)
    log.debug(text)
    const verdict = verdictAnnotation(report)
    for (const line of printed) {
      expect(line.indexOf('\n')).toBe(line.length - 1)
      if (!line.startsWith('::debug::')) expect(line).not.toMatch(OBEYED)
      expect(line.slice(0, -1)).not.toMatch(INVISIBLE)
    }
    if (verdict !== undefined) {
      printed.length = 0
      log.verdict(verdict.text, verdict.place, verdict.title)
      expect(printed).toHaveLength(1)
      expect(printed[0]?.trimEnd()).toMatch(/^::error [^\n\r]*$|^::error::[^\n\r]*$/)
    }
    for (const output of Object.values(
      outputsOf(report, { report: '/temp/report.json', summary: '/temp/summary.md' }),
    ))
      expect(output.split(/\r|\u2028|\u2029|\u0085/)).toHaveLength(1)
    const page = summaryText(report)
    expect(page).not.toMatch(/<script|<img/)
    // What makes links out of text passes over preformatted text.
    const prose = page
      .replaceAll(/<pre>[\s\S]*?<\/pre>/g, '')
      .replaceAll(/^```mermaid\n[\s\S]*?^```$/gm, '')
    // A chart obeys, and its fence is left by, no text that has none of these.
    for (const [chart] of page.matchAll(/^```mermaid\n[\s\S]*?^```$/gm))
      expect(chart.slice(10, -3)).not.toMatch(/[`<>@#;]|https?:|%%\{/)
    expect(prose).not.toMatch(
      /\]\(https:\/\/evil|https:\/\/evil|www\.evil|(?<!\w)@(?:octocat|org)|evil@evil|\bGH-1\b|(?<!&)#1\b|:tada:/,
    )
    expect(page.match(/<details/g)?.length ?? 0).toBe(page.match(/<\/details>/g)?.length ?? 0)
    expect(page.match(/<pre>/g)?.length ?? 0).toBe(page.match(/<\/pre>/g)?.length ?? 0)
    expect(Buffer.byteLength(page)).toBeLessThan(1024 * 1024)
    expect(() => void JSON.parse(jsonReportText(report))).not.toThrow()
  })
})
