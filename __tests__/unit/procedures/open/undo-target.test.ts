// Advice at night: an undo that would be refused, or that goes to what runs already, costs the one
// who follows it the time in which clients wait.

import { expect, test } from '@jest/globals'
import { noteUndoTarget } from '../../../../src/procedures/open/undo-target.ts'
import type { EnsembleRecord } from '../../../../src/record/record.ts'
import { Recorder } from '../../../../src/report/recorder.ts'
import { NEW, OLD, pod, view } from '../../decide/given.ts'

type Entry = EnsembleRecord['revisions'][number]

function entry(controllerRevision: string, more: Partial<Entry> = {}): Entry {
  return {
    digest: `sha256:${controllerRevision}`,
    controllerRevision,
    image: 'zookeeper:3.9',
    verifiedAt: 'then',
    origin: 'deploy',
    version: '',
    runUrl: '',
    ...more,
  }
}

const scaled = entry(NEW, { digest: 'sha256:four', origin: 'scale' })
const SCALE: EnsembleRecord['underWay'] = {
  operation: 'scale',
  digest: '',
  previous: '',
  runUrl: '',
  since: '',
  replicas: 2,
}

test.each<
  [
    string,
    Pick<EnsembleRecord, 'revisions'> & Partial<Pick<EnsembleRecord, 'underWay'>>,
    string | undefined,
  ]
>([
  ['the one before', { revisions: [entry(OLD), entry(NEW)] }, OLD],
  [
    'none while a scale is under way',
    { revisions: [entry(OLD), entry(NEW)], underWay: SCALE },
    undefined,
  ],
  ['none where what runs was only scaled', { revisions: [entry(NEW), scaled] }, undefined],
  [
    'none where an undo restored what was scaled before',
    { revisions: [entry(NEW), { ...scaled, origin: 'undo' }] },
    undefined,
  ],
  [
    'what runs, where files beside it were changed since and nobody has verified them',
    { revisions: [entry(NEW), entry(NEW, { digest: 'sha256:files', verifiedAt: '' })] },
    NEW,
  ],
])('an undo is advised to %s', (_, record, name) => {
  const report = new Recorder('status', { now: () => 0, say: () => undefined })
  noteUndoTarget(report, { underWay: null, ...record }, view([pod(0), pod(1), pod(2)]), [])
  expect(report.undoTo?.name).toBe(name)
})
