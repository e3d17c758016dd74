// A release that disagrees with itself reaches everybody who follows the major tag, and can't be
// undone: what is published once stays.

import { describe, expect, test } from '@jest/globals'
import {
  cutChangelog,
  faultsOf,
  isLatest,
  majorOf,
  notesOf,
  pinnedTo,
} from '../../../scripts/release.ts'

const CHANGELOG = `# Changelog

## [Unreleased]

## [1.1.0] - 2026-12-24

### Added

- A thing.

## [1.0.0] - 2026-11-28

First release.

[1.1.0]: https://example.org/compare
`
const RELEASE = {
  tag: 'v1.1.0',
  packageVersion: '1.1.0',
  lockVersion: '1.1.0',
  changelog: CHANGELOG,
}

describe('what is published', () => {
  test('a tag, a package and a heading that agree are a release', () => {
    expect(faultsOf(RELEASE)).toEqual([])
    expect(
      faultsOf({ ...RELEASE, tag: 'v1.0.0', packageVersion: '1.0.0', lockVersion: '1.0.0' }),
    ).toEqual([])
  })

  test.each([
    ['a tag that is no version', { tag: 'v1.1' }, /not of the form/],
    ['a tag without its v', { tag: '1.1.0' }, /not of the form/],
    ['a package of another version', { packageVersion: '1.0.0' }, /package\.json says 1\.0\.0/],
    ['a lock file that was not written', { lockVersion: '1.0.0' }, /package-lock\.json says/],
    ['a version that the changelog has not', { tag: 'v1.2.0' }, /no heading "## \[1\.2\.0\]/],
    [
      'a heading without a day',
      { changelog: CHANGELOG.replace('[1.1.0] - 2026-12-24', '[1.1.0]') },
      /no heading/,
    ],
    [
      'a heading with nothing below it',
      { changelog: CHANGELOG.replace('### Added\n\n- A thing.\n', '') },
      /says nothing/,
    ],
    [
      'lines that would get lost',
      { changelog: CHANGELOG.replace('[Unreleased]\n', '[Unreleased]\n\n- Another thing.\n') },
      /below \[Unreleased\]/,
    ],
  ])('%s stops it', (_name, change, told) => {
    expect(faultsOf({ ...RELEASE, ...change }).join('\n')).toMatch(told)
  })

  test('the notes are those of the version, and no more', () => {
    expect(notesOf(CHANGELOG, '1.1.0')).toBe('### Added\n\n- A thing.')
    expect(notesOf(CHANGELOG, '1.0.0')).toBe('First release.')
    expect(notesOf(CHANGELOG, '1.0')).toBe('')
  })
})

describe('a changelog that is cut', () => {
  const open = CHANGELOG.replace('[Unreleased]\n', '[Unreleased]\n\n- A fix of $1.\n- Another.\n')

  test('has the lines under the version and its day, and nothing is left above', () => {
    const text = cutChangelog(open, '1.2.0', '2027-01-02')
    expect(notesOf(text, '1.2.0')).toBe('- A fix of $1.\n- Another.')
    expect(notesOf(text, '1.1.0')).toBe(notesOf(CHANGELOG, '1.1.0'))
    expect(text).toContain('## [Unreleased]\n\n## [1.2.0] - 2027-01-02\n\n- A fix')
    expect(
      faultsOf({ tag: 'v1.2.0', packageVersion: '1.2.0', lockVersion: '1.2.0', changelog: text }),
    ).toEqual([])
  })

  test('of a version that has its heading but was never tagged: the lines end its section', () => {
    const text = cutChangelog(open, '1.1.0', '2027-01-02')
    expect(notesOf(text, '1.1.0')).toBe(
      '### Added\n\n- A thing.\n\n### Also\n\n- A fix of $1.\n- Another.',
    )
    expect(text).toContain('## [Unreleased]\n\n## [1.1.0] - 2027-01-02\n\n### Added')
    expect(faultsOf({ ...RELEASE, changelog: text })).toEqual([])
  })

  test('with nothing new only the day changes', () =>
    expect(cutChangelog(CHANGELOG, '1.1.0', '2027-01-02')).toBe(
      CHANGELOG.replace('2026-12-24', '2027-01-02'),
    ))
})

test('a fix of an older version is not the latest release, nor is one of an older major', () => {
  const tags = ['v1', 'v1.9.3', 'v1.10.0', 'v2.0.0', '']
  expect(isLatest('v2.0.1', tags)).toBe(true)
  expect(isLatest('v2.0.0', tags)).toBe(true)
  expect(isLatest('v1.10.1', tags)).toBe(false)
  expect(isLatest('v1.0.0', [''])).toBe(true)
})

describe('the major tag', () => {
  test('moves to the newest release of its major', () => {
    expect(majorOf('v1.10.0', ['v1', 'v1.9.3', 'v1.10.0', 'v2.0.0'])).toBe('v1')
  })

  test('stays where it is for a fix of an older one, or everybody would go back', () => {
    expect(majorOf('v1.9.4', ['v1', 'v1.9.3', 'v1.10.0'])).toBeUndefined()
  })

  test('of something that is no version: none', () => {
    expect(majorOf('v1', ['v1.0.0'])).toBeUndefined()
  })
})

describe('examples', () => {
  const commit = '0123456789abcdef0123456789abcdef01234567'
  const pinned = `      - uses: org/zk-ensemble-action@${commit} # v1.1.0\n        id: zk\n`

  test.each(['v1', `${'f'.repeat(40)} # v1.0.0`])(
    'one that names %s names the commit of the release, and its version',
    (before) => {
      expect(
        pinnedTo(
          `      - uses: org/zk-ensemble-action@${before}\n        id: zk\n`,
          commit,
          'v1.1.0',
        ),
      ).toBe(pinned)
    },
  )

  test("others' actions stay as they are", () => {
    const other = `      - uses: actions/checkout@${'a'.repeat(40)} # v7.0.1\n`
    expect(pinnedTo(other, commit, 'v1.1.0')).toBe(other)
  })
})
