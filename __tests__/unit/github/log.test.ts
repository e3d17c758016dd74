// The log is the one thing that everybody reads: groups must close, a failed phase must say so, and
// warnings beyond the budget must not vanish.

import { describe, expect, test } from '@jest/globals'
import { createLog } from '../../../src/github/log.ts'
import type { PhaseRow } from '../../../src/report/run-report.ts'

function record(debug = false): {
  log: ReturnType<typeof createLog>
  lines: string[]
  phases: PhaseRow[]
  tick: (ms: number) => void
} {
  let now = 1000
  const lines: string[] = []
  const phases: PhaseRow[] = []
  const log = createLog({
    write: (line) => lines.push(line),
    now: () => now,
    debug,
    onPhase: (row) => phases.push(row),
  })
  return { log, lines, phases, tick: (ms) => (now += ms) }
}

describe('phases', () => {
  test('a group closes before the line that says how it came out', async () => {
    const { log, lines, phases, tick } = record()
    const value = await log.phase('Apply', (done) => {
      log.info('statefulset/zk configured')
      tick(1500)
      done('1 configured')
      return Promise.resolve(7)
    })
    expect(value).toBe(7)
    expect(lines).toEqual([
      '::group::Apply\n',
      'statefulset/zk configured\n',
      '::endgroup::\n',
      'Apply: 1 configured (1.5s)\n',
    ])
    expect(phases).toEqual([{ title: 'Apply', ms: 1500, outcome: 'done' }])
  })

  test('a phase that throws closes its group, says failed, and passes the error on', async () => {
    const { log, lines, phases } = record()
    await expect(log.phase('Apply', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(lines).toEqual(['::group::Apply\n', '::endgroup::\n', 'Apply: failed (0ms)\n'])
    expect(phases).toEqual([{ title: 'Apply', ms: 0, outcome: 'failed' }])
  })

  test('a phase inside of a phase opens no second group, since the runner would close the first with it', async () => {
    const { log, lines } = record()
    await log.phase('Outer', () => log.phase('Inner', () => Promise.resolve()))
    expect(lines).toEqual([
      '::group::Outer\n',
      'Inner\n',
      'Inner: done (0ms)\n',
      '::endgroup::\n',
      'Outer: done (0ms)\n',
    ])
  })
})

describe('warnings', () => {
  test('ten are all annotations', () => {
    const { log, lines } = record()
    for (let index = 0; index < 10; index += 1)
      log.warning(`w${index}`, { file: 'a.yaml', line: index + 1 })
    log.closeWarnings()
    expect(lines.filter((line) => line.startsWith('::warning'))).toHaveLength(10)
    expect(lines.at(-1)).toBe('::warning file=a.yaml,line=10::w9\n')
  })

  test('of twelve nine are annotations, three are lines with their place, and one annotation says so', () => {
    const { log, lines } = record()
    for (let index = 0; index < 12; index += 1)
      log.warning(`w${index}`, { file: 'a.yaml', line: index + 1 })
    log.closeWarnings()
    log.closeWarnings()
    expect(lines.filter((line) => line.startsWith('::warning'))).toHaveLength(10)
    expect(lines.slice(9)).toEqual([
      'Warning: a.yaml:10: w9\n',
      'Warning: a.yaml:11: w10\n',
      'Warning: a.yaml:12: w11\n',
      '::warning::3 more warnings are in the log and in the job summary.\n',
    ])
  })
})

describe('the verdict', () => {
  test('is one error annotation with title and place; a second one is only a line', () => {
    const { log, lines } = record()
    log.verdict('cause\nadvice', { file: 'k8s/zk.yaml', line: 3 }, 'deploy: FAILED')
    log.verdict('again')
    expect(lines).toEqual([
      '::error title=deploy%3A FAILED,file=k8s/zk.yaml,line=3::cause%0Aadvice\n',
      'Error: again\n',
    ])
  })

  test('is cut to what the runner shows', () => {
    const { log, lines } = record()
    log.verdict('x'.repeat(5000))
    expect(lines[0]).toHaveLength('::error::'.length + 4096 + 1)
  })
})

test('text of the cluster becomes no command, in a line, a title, a result or a warning', async () => {
  const { log, lines } = record(true)
  log.info('::set-output name=result::succeeded\n##[error]x')
  await log.phase('a\n::error::b', (done) => {
    done('\n::error::c')
    return Promise.resolve()
  })
  log.warning('d\n::error::e')
  log.debug('f\n::error::g')
  expect(lines).toEqual([
    ': :set-output name=result::succeeded\n',
    '# #[error]x\n',
    '::group::a ::error::b\n',
    '::endgroup::\n',
    'a ::error::b: ::error::c (0ms)\n',
    '::warning::d%0A::error::e\n',
    '::debug::f\n',
    '::debug::::error::g\n',
  ])
})

test('debug lines appear only with step debugging', () => {
  const { log, lines } = record(false)
  log.debug('x')
  expect(lines).toEqual([])
})

describe('a place that no page of a commit can show', () => {
  test.each([
    ['in words', { file: 'the built-in ensemble' }],
    ['of a file elsewhere', { file: '../_temp/rendered.yaml', line: 3 }],
    ['by an absolute path', { file: '/tmp/zk.yaml', line: 3 }],
  ])('%s is said, and is no file of the annotation', (_, place) => {
    const { log, lines } = record()
    log.warning('no budget', place)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^::warning::/)
    expect(lines[0]).toContain(place.file)
    expect(lines[0]).toContain('no budget')
  })
})
