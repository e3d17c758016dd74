// The top of the summary: what came out, why, and what to do next. It is never shortened, so each
// of its texts is short by itself.

import { causeOf, fixOf, proofOf } from '../cause.ts'
import { block, code, inline, plainLine } from '../escape.ts'
import { nextSteps } from '../next-steps.ts'
import { nodesLine } from '../node-words.ts'
import type { RunReport } from '../run-report.ts'
import { dataLine, ensembleLine, gaps, headline, leftBehind, takenBack } from '../verdict.ts'

/** Commands shown; byHand has one or two per member. */
const STEPS = 30

export function verdictText(report: RunReport): string {
  const lines = [`## ${inline(headline(report), 300)}`]
  const ensemble = ensembleLine(report)
  if (report.code !== '') {
    const fix = fixOf(report)
    const [only, ...others] = fix
    const proof = proofOf(report)
    const back = takenBack(report)
    if (back !== '') lines.push(`**Taken back:** ${inline(back)}`)
    lines.push(`**Cause:** ${inline(causeOf(report))}`)
    if (proof !== '') lines.push(`**Proof:** ${inline(proof)}`)
    if (only !== undefined)
      lines.push(
        others.length === 0
          ? `**Fix:** ${inline(only)}`
          : `**Fix:**\n\n${block(fix.slice(0, 100))}`,
      )
  }
  const nodes = nodesLine(report)
  if (nodes !== '') lines.push(`**Nodes:** ${inline(nodes, 1500)}`)
  if (ensemble !== '') lines.push(`**Ensemble:** ${inline(ensemble)}`)
  const data = dataLine(report)
  if (report.meaning.length > 0)
    lines.push(report.meaning.map((one) => `- ${inline(one)}`).join('\n'))
  if (data !== '') lines.push(`**Data:** ${inline(data)}`)
  for (const gap of gaps(report)) lines.push(`**Not checked:** ${inline(gap)}`)
  lines.push(inline(leftBehind(report)))
  const steps = nextSteps(report)
  if (steps.length > 0) {
    const more =
      steps.length > STEPS ? [`# and ${steps.length - STEPS} more in the JSON report`] : []
    lines.push(
      `**Commands:**\n\n${block([...steps.slice(0, STEPS).map((step) => plainLine(step)), ...more])}`,
    )
  }
  const where = [
    report.context === '' ? '' : `context ${code(report.context)}`,
    report.profile === '' ? '' : `profile ${code(report.profile)}`,
  ].filter((text) => text !== '')
  if (where.length > 0) lines.push(`<sub>${where.join(', ')}</sub>`)
  return lines.join('\n\n')
}
