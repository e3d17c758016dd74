// While a script is quoted the runner obeys nothing: a mask that comes then would show the token
// that it should hide, and a warning would be a line of text.

import { expect, test } from '@jest/globals'
import { createVoice } from '../../../src/github/voice.ts'

/** As the runner reads it: `obeyed` are commands, `text` is all that stands in the log. */
function runner(): {
  readonly raw: (line: string) => void
  readonly obeyed: string[]
  readonly text: string[]
} {
  const obeyed: string[] = []
  const text: string[] = []
  let stopped: string | undefined
  const raw = (written: string): void => {
    expect(written).toMatch(/^[^\n]*\n$/)
    const line = written.slice(0, -1)
    const [, name, data] = /^\s*::([^: ]+).*?::(.*)$/.exec(line) ?? []
    if (stopped !== undefined) {
      if (name?.toLowerCase() === stopped) stopped = undefined
      else text.push(line)
    } else if (name === 'stop-commands') stopped = data
    else if (name === undefined) text.push(line)
    else obeyed.push(line)
  }
  return { raw, obeyed, text }
}

test('what is quoted is text, what is ours is obeyed, also in between', () => {
  const { raw, obeyed, text } = runner()
  const voice = createVoice(raw)
  voice.write('::group::Drain node-1\n')
  const quote = voice.quote()
  quote.say('::add-path::/evil')
  voice.write('::warning::the lock was renewed late\n')
  quote.say('::add-path::/evil')
  voice.write('zk-1: is back in the quorum\n')
  quote.say('::set-env name=A::b')
  quote.end()
  voice.write('::endgroup::\n')
  expect(obeyed).toEqual([
    '::group::Drain node-1',
    '::warning::the lock was renewed late',
    '::endgroup::',
  ])
  expect(text).toEqual([
    '::add-path::/evil',
    '::add-path::/evil',
    'zk-1: is back in the quorum',
    '::set-env name=A::b',
  ])
})

test('a secret that comes up while a script is quoted is masked and not shown', () => {
  const { raw, obeyed, text } = runner()
  const voice = createVoice(raw)
  const quote = voice.quote()
  voice.aside(() => raw('::add-mask::renewed-token\n'))
  quote.say('::add-mask::other')
  quote.end()
  expect(obeyed).toEqual(['::add-mask::renewed-token'])
  expect(text).toEqual(['::add-mask::other'])
})

test('silence is kept when what is said aside fails, and its end is foreseen by nobody who read an earlier one', () => {
  const written: string[] = []
  const voice = createVoice((line) => written.push(line.trim()))
  const quote = voice.quote()
  expect(() =>
    voice.aside(() => {
      throw new Error('broken')
    }),
  ).toThrow('broken')
  const tokens = written
    .filter((line) => line.startsWith('::stop-commands::'))
    .map((line) => line.slice('::stop-commands::'.length))
  expect(new Set(tokens).size).toBe(2)
  quote.say(`::${tokens[1] ?? ''}::`)
  quote.say(`::${(tokens[1] ?? '').toUpperCase()}::`)
  quote.end()
  expect(written.slice(-3)).toEqual(['::***::', '::***::', `::${tokens[1] ?? ''}::`])
})

test('only one is quoted at a time: the end of one would give the other its voice back', () => {
  const voice = createVoice(() => undefined)
  voice.quote()
  expect(() => voice.quote()).toThrow('quoted already')
})
