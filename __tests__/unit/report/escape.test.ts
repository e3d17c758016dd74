// Without these, text from a pod could act on a terminal, a page or a shell.

import { describe, expect, test } from '@jest/globals'
import {
  block,
  cell,
  clip,
  inline,
  plainLine,
  plainLines,
  shellWord,
} from '../../../src/report/escape.ts'

describe('plain text', () => {
  test.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a terminal title', '\u001b]0;title\u0007after', 'after'],
    [
      'a hyperlink of a terminal',
      '\u001b]8;;https://evil.example\u001b\\text\u001b]8;;\u001b\\',
      'text',
    ],
    ['a backspace', 'a\bb', 'ab'],
    ['text turned round', 'a\u202eb', 'ab'],
    ['a zero-width blank', 'a\u200bb', 'ab'],
    ['tabs and several blanks', 'a\t \t b', 'a b'],
    ['a lone escape', 'a\u001b', 'a'],
  ])('loses %s', (_, text, plain) => expect(plainLine(text)).toBe(plain))

  test.each(['\n', '\r', '\r\n', '\u0085', '\u2028', '\u2029'])('is split at %j', (end) =>
    expect(plainLines(`a${end}b`)).toEqual(['a', 'b']),
  )

  test('is never cut inside of a character', () => {
    expect(clip('ab😀cd', 4)).toBe('ab…')
    expect(clip('ab😀cd', 5)).toBe('ab😀…')
    expect(clip('abcd', 4)).toBe('abcd')
  })
})

describe('Markdown', () => {
  test.each([
    ['a table border', 'a|b', 'a&#124;b'],
    ['code', '`x`', '&#96;x&#96;'],
    ['emphasis', '*a* _b_ snake_case', '&#42;a&#42; &#95;b&#95; snake_case'],
    ['a link', '[a](b)', '&#91;a&#93;(b)'],
    [
      'a bare address',
      'see https://x.example and www.x.example',
      'see https&#58;//x.example and www&#46;x.example',
    ],
    ['a tag', '<b>&amp;', '&lt;b&gt;&amp;amp;'],
    ['a heading', '# a', '&#35; a'],
    ['a list', '- a', '&#45; a'],
    ['a numbered list', '1. a', '1&#46; a'],
    ['a backslash', 'a\\|b', 'a&#92;&#124;b'],
    ['a formula', '$a$', '&#36;a&#36;'],
    ['a mention', '@octocat and @org/team', '&#64;<!-- -->octocat and &#64;<!-- -->org/team'],
    ['a mail address', 'evil@evil.example', 'evil&#64;<!-- -->evil.example'],
    ['an issue', 'GH-1, owner/repo#1', 'GH-<!-- -->1, owner/repo&#35;<!-- -->1'],
    ['an emoji', ':tada:', '&#58;<!-- -->tada:'],
  ])('takes %s for text', (_, text, shown) => expect(inline(text)).toBe(shown))

  test('an empty cell is a dash, also when only control characters were in it', () => {
    expect([cell(undefined), cell(''), cell(' \n '), cell('\u001b[0m'), cell(0)]).toEqual([
      '–',
      '–',
      '–',
      '–',
      '0',
    ])
  })

  test('a block ends only where we end it', () => {
    expect(block(['a</pre>b', 'c\n</pre>\nd'])).toBe(
      '<pre>\na&lt;/pre&gt;b\nc\n&lt;/pre&gt;\nd\n</pre>',
    )
  })
})

test.each([
  ['zk-0', 'zk-0'],
  ['pod/zk-0', 'pod/zk-0'],
  ['a b', "'a b'"],
  ['$(id)', "'$(id)'"],
  ["it's", "'it'\\''s'"],
  ['', "''"],
  ['a\n; rm x', "'a ; rm x'"],
])('the shell reads %j back as one word', (word, quoted) => expect(shellWord(word)).toBe(quoted))
