// A value that stands for a secret, and every place that could show it.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { isFields, text } from '../support/cluster/json.ts'
import { KINDS } from '../support/cluster/kinds.ts'
import type { Finished } from '../support/runner.ts'

export const CANARY = 'CANARY7391847261'

/** A value, as it stands or in the forms in which a program hands it on. */
const FORMS = [
  CANARY,
  Buffer.from(CANARY).toString('base64').slice(0, 16),
  Buffer.from(`x${CANARY}`).toString('base64').slice(4, 18),
  Buffer.from(`xx${CANARY}`).toString('base64').slice(4, 18),
  encodeURIComponent(CANARY),
]

export function expectClean(where: string, text: string): void {
  for (const form of FORMS)
    if (text.includes(form))
      throw new Error(
        `${where} shows it: …${text.slice(Math.max(0, text.indexOf(form) - 120), text.indexOf(form) + 60)}…`,
      )
}

/** Log, page, outputs, state and report; a mask is how a secret is hidden, not shown. */
export function searchRun(run: Finished): void {
  expectClean('the log', run.lines.filter((line) => !line.startsWith('::add-mask::')).join('\n'))
  expectClean('stderr', run.stderr)
  expectClean('the summary', run.summary)
  expectClean('an output', JSON.stringify(run.outputs))
  expectClean('the state', JSON.stringify(run.state))
  const report = run.outputs['report'] ?? ''
  // Of a killed run the path is told and the file not written.
  if (existsSync(report)) expectClean('the report', readFileSync(report, 'utf8'))
  // Whatever else was left on the runner, but for what the test itself put there.
  for (const name of readdirSync(run.job.temp)) {
    const path = join(run.job.temp, name)
    if (name !== 'kubeconfig' && statSync(path).isFile())
      expectClean(`RUNNER_TEMP/${name}`, readFileSync(path, 'latin1'))
  }
}

/** Every object but the Secret itself, the record unpacked. */
export function searchCluster({ objects }: SimulatedCluster): void {
  for (const kind of KINDS.map(({ kind }) => kind).filter((name) => name !== 'Secret')) {
    for (const object of objects.list(kind)) {
      expectClean(`${kind} ${text(object, 'metadata', 'name')}`, JSON.stringify(object))
      const packed = object['binaryData']
      if (isFields(packed))
        for (const key of Object.keys(packed))
          expectClean(
            'the record, unpacked',
            gunzipSync(Buffer.from(text(packed, key), 'base64')).toString('utf8'),
          )
    }
  }
}
