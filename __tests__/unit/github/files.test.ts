// Outputs, state, summary and report are files that outlive the process: they must hold whole
// values, and no missing file may hide the verdict.

import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { writeOutputs } from '../../../src/github/outputs.ts'
import { reportFilePath, writeReportFile } from '../../../src/github/report-file.ts'
import { readState, saveState } from '../../../src/github/state.ts'
import { writeSummary } from '../../../src/github/summary.ts'
import { scratch } from '../../support/scratch.ts'

let directory = ''
beforeEach(() => {
  directory = scratch('zk')
})

/** The file as the runner reads it: the last value of a name wins. */
function readBack(path: string): Record<string, string> {
  const values: Record<string, string> = {}
  for (const match of readFileSync(path, 'utf8').matchAll(
    /^(.+?)<<(ghadelimiter_\S+)\n([\s\S]*?)\n\2\n/gm,
  ))
    values[match[1] ?? ''] = match[3] ?? ''
  return values
}

describe('outputs', () => {
  test('a value with lines, delimiters and entries of its own comes back whole', () => {
    const path = join(directory, 'output')
    const value = 'a\nresult<<EOF\nsucceeded\nEOF\nghadelimiter_x'
    expect(writeOutputs({ GITHUB_OUTPUT: path }, { result: 'failed', members: '[]' })).toBe(true)
    writeOutputs({ GITHUB_OUTPUT: path }, { message: value, members: '[1]' })
    expect(readBack(path)).toEqual({ result: 'failed', members: '[1]', message: value })
  })

  test.each([[{}], [{ GITHUB_OUTPUT: '' }], [{ GITHUB_OUTPUT: '/nowhere/output' }]])(
    'without a file (%j) nothing is thrown',
    (env) => expect(writeOutputs(env, { result: 'failed' })).toBe(false),
  )
})

describe('state', () => {
  test('post reads what main saved last', () => {
    const path = join(directory, 'state')
    const lock = { namespace: 'shop', lease: 'zk-ensemble-zk', identity: 'org/shop/42/1/abcd1234' }
    saveState({ GITHUB_STATE: path }, {})
    saveState({ GITHUB_STATE: path }, { lock })
    const [[name, value] = ['', '']] = Object.entries(readBack(path))
    expect(readState({ [`STATE_${name}`]: value })).toEqual({ lock })
  })

  test('post knows which nodes may be cordoned', () => {
    const path = join(directory, 'state')
    const state = {
      lock: { namespace: 'shop', lease: 'zk-ensemble-zk', identity: 'org/shop/42/1/abcd1234' },
      nodes: [{ name: 'node-1', ensemble: 'shop/zk' }],
    }
    saveState({ GITHUB_STATE: path }, state)
    const [[name, value] = ['', '']] = Object.entries(readBack(path))
    expect(readState({ [`STATE_${name}`]: value })).toEqual(state)
  })

  test('main finds none', () => expect(readState({})).toEqual({}))

  test.each(['{', '{"version":2,"lock":{}}', '{"version":1,"lock":{"namespace":1}}', 'null'])(
    'a state that is not ours (%s) gives post nothing to release',
    (text) => {
      expect(readState({ 'STATE_zk-ensemble': text })).toEqual({})
    },
  )

  test('when it cannot be saved the run hears of it before it takes anything', () =>
    expect(() => saveState({ GITHUB_STATE: '/nowhere/state' }, {})).toThrow())
})

describe('summary', () => {
  test('is added to what stands there, within the room that is left', () => {
    const path = join(directory, 'summary')
    writeFileSync(path, 'x'.repeat(400_000))
    let room = 0
    expect(
      writeSummary({ GITHUB_STEP_SUMMARY: path }, (limit) => {
        room = limit
        return 'verdict'
      }),
    ).toBe(true)
    expect(room).toBe(600_000)
    expect(readFileSync(path, 'utf8').endsWith('xverdict')).toBe(true)
  })

  test('a full file is not touched: one byte over the limit and the runner drops all of it', () => {
    const path = join(directory, 'summary')
    writeFileSync(path, 'x'.repeat(999_000))
    expect(writeSummary({ GITHUB_STEP_SUMMARY: path }, () => 'verdict')).toBe(false)
    expect(statSync(path).size).toBe(999_000)
  })

  test.each([[{}], [{ GITHUB_STEP_SUMMARY: '/nowhere/summary' }]])(
    'without a file (%j) nothing is thrown',
    (env) => expect(writeSummary(env, () => 'x')).toBe(false),
  )
})

describe('report file', () => {
  test('only the owner may read it', () => {
    const path = reportFilePath(directory)
    expect(writeReportFile(path, '{}')).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('it is never written through a link that waits there', () => {
    const target = join(directory, 'target')
    const path = join(directory, 'report.json')
    writeFileSync(target, 'precious')
    symlinkSync(target, path)
    expect(writeReportFile(path, '{}')).toBe(false)
    expect(readFileSync(target, 'utf8')).toBe('precious')
  })

  test('two runs in one job do not share a path', () =>
    expect(reportFilePath(directory)).not.toBe(reportFilePath(directory)))

  test('a directory that is gone is no error', () =>
    expect(writeReportFile('/nowhere/report.json', '{}')).toBe(false))
})
