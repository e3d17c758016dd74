// The runner obeys what it reads on stdout: a pod's log line must never set an output, mask a word
// or fake an error, and our own commands must be whole.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import * as core from '@actions/core'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { appendToFile, command, harmlessLines } from '../../../src/github/command.ts'
import { scratch } from '../../support/scratch.ts'

const NASTY = 'a%b\r\nc::d,e=f:g\n100%25 é ::error::x'

describe('as @actions/core writes it', () => {
  let written = ''
  const { stdout } = process
  beforeEach(() => {
    written = ''
    const heard = new Writable({
      write(chunk, _encoding, done) {
        written += String(chunk)
        done()
      },
    })
    Object.defineProperty(process, 'stdout', { value: heard, configurable: true })
  })
  afterEach(() => void Object.defineProperty(process, 'stdout', { value: stdout }))

  test.each([
    [
      'a warning on a line',
      (): void =>
        core.warning(NASTY, { title: NASTY, file: 'a,b:c.yaml', startLine: 3, startColumn: 7 }),
      command('warning', { title: NASTY, file: 'a,b:c.yaml', line: 3, col: 7 }, NASTY),
    ],
    ['an error', (): void => core.error(NASTY), command('error', {}, NASTY)],
    ['a group', (): void => core.startGroup(NASTY), command('group', {}, NASTY)],
    ['a mask', (): void => core.setSecret(NASTY), command('add-mask', {}, NASTY)],
    ['debug', (): void => core.debug(NASTY), command('debug', {}, NASTY)],
  ])('%s', (_, theirs, ours) => {
    theirs()
    expect(`${ours}\n`).toBe(written)
  })

  test('outputs and state', () => {
    const directory = scratch('zk')
    const [theirs, ours] = [join(directory, 'theirs'), join(directory, 'ours')]
    writeFileSync(theirs, '')
    const before = process.env['GITHUB_OUTPUT']
    process.env['GITHUB_OUTPUT'] = theirs
    core.setOutput('a', NASTY)
    core.setOutput('b', '')
    if (before === undefined) delete process.env['GITHUB_OUTPUT']
    else process.env['GITHUB_OUTPUT'] = before
    appendToFile({ GITHUB_OUTPUT: ours }, 'OUTPUT', { a: NASTY, b: '' })
    const without = (path: string): string =>
      readFileSync(path, 'utf8').replace(/ghadelimiter_[0-9a-f-]{36}/g, 'DELIMITER')
    expect(without(ours)).toBe(without(theirs))
  })
})

/**
 * How the runner finds a command in a line (ActionCommand.TryParseV2 and TryParse), taking for
 * invisible what a comparison by culture may.
 */
function obeyed(line: string): boolean {
  const seen = line.replace(/[\p{C}\p{M}]/gu, '')
  return seen.trimStart().startsWith('::') || seen.includes('##[')
}

describe('text of the cluster', () => {
  test.each([
    '::error::x',
    '  ::set-output name=a::b',
    '\t::stop-commands::t',
    'a\n::debug::x',
    'a\r::add-mask::e',
    'a\u2028::error::x',
    '##[error]x',
    'INFO ##[group]x',
    '\u200b::error::x',
    '\u0000::error::x',
    '\u034f::error::x',
    ':\u200b:error::x',
    '#\u200b#[error]x',
    '\u001b[0m::error::x',
    '\u00a0::error::x',
    ':::error::x',
    '::::',
  ])('%j becomes no command', (text) => expect(harmlessLines(text).filter(obeyed)).toEqual([]))

  test.each(['zk-0::1', 'a ::error::', '# [a]', 'std::map', ': a', ''])(
    '%j is left as it is',
    (text) => expect(harmlessLines(text)).toEqual([text]),
  )
})
