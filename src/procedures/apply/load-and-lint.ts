// From the inputs to manifests that may be deployed, with what the lint finds told on their lines:
// the first phase of whatever reads manifests.

import type { Finding } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { loadManifests, type Loaded } from '../../manifests/load.ts'
import { warningText } from '../../report/annotations.ts'
import type { Run } from '../../run.ts'

export async function loadAndLint(inputs: Inputs, run: Run): Promise<Loaded> {
  const { journal, report } = run
  const loaded = await journal.phase('Load and lint the manifests', async (done) => {
    const found = await loadManifests(inputs, run.manifestIo, run.signal)
    tellFindings(run, found)
    done(`${found.manifests.length} objects, profile ${found.profile}, ${countOf(found.findings)}`)
    return found
  })
  report.about({ name: loaded.set.object.metadata.name, profile: loaded.profile })
  return loaded
}

function tellFindings({ journal, report }: Run, { findings }: Loaded): void {
  for (const finding of findings) {
    report.found(finding)
    if (finding.severity === 'notice') journal.notice(warningText(finding), finding.place)
    else journal.warning(warningText(finding), finding.place)
  }
}

/** `2 warnings, 1 notice`. */
function countOf(findings: readonly Finding[]): string {
  const counts = (['warning', 'notice'] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}`]
  })
  return counts.length === 0 ? 'no findings' : counts.join(', ')
}
