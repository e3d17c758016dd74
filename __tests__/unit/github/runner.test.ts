// Everything here must also work on a laptop, and on a runner of a server that leaves values out.

import { tmpdir } from 'node:os'
import { describe, expect, test } from '@jest/globals'
import { readRunner } from '../../../src/github/runner.ts'

const ACTIONS = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://ghe.example.com',
  GITHUB_REPOSITORY: 'org/shop',
  GITHUB_RUN_ID: '42',
  GITHUB_RUN_ATTEMPT: '2',
  GITHUB_WORKSPACE: '/w',
  RUNNER_TEMP: '/t',
  RUNNER_DEBUG: '1',
}

test('on a runner', () => {
  expect(readRunner(ACTIONS, '/cwd')).toEqual({
    runUrl: 'https://ghe.example.com/org/shop/actions/runs/42/attempts/2',
    helpUrl: '',
    repository: 'org/shop',
    runId: '42',
    attempt: '2',
    workspace: '/w',
    temp: '/t',
    debug: true,
  })
})

test('on a laptop', () => {
  expect(readRunner({}, '/cwd')).toEqual({
    runUrl: '',
    helpUrl: '',
    repository: 'local',
    runId: '0',
    attempt: '1',
    workspace: '/cwd',
    temp: tmpdir(),
    debug: false,
  })
})

describe('values of the wrong shape count as not given', () => {
  test.each([
    [
      'a repository with a path',
      { GITHUB_REPOSITORY: 'org/shop/../../evil' },
      { repository: 'local', runUrl: '' },
    ],
    ['a run id that is no number', { GITHUB_RUN_ID: '42; rm' }, { runId: '0', runUrl: '' }],
    [
      'a server that is no web address',
      { GITHUB_SERVER_URL: 'javascript:alert(1)' },
      { runUrl: 'https://github.com/org/shop/actions/runs/42/attempts/2' },
    ],
    ['an empty workspace', { GITHUB_WORKSPACE: '' }, { workspace: '/cwd' }],
  ])('%s', (_, env, expected) =>
    expect(readRunner({ ...ACTIONS, ...env }, '/cwd')).toMatchObject(expected),
  )
})

describe('where a failure leads to for help', () => {
  const page = (more: Record<string, string | undefined>, home = '/actions/org/zk/v1'): string =>
    readRunner(
      { ...ACTIONS, GITHUB_WORKSPACE: '/ws', GITHUB_SHA: 'a'.repeat(40), ...more },
      '/cwd',
      home,
    ).helpUrl

  test('the version that runs, as the workflow names it', () => {
    const env = { GITHUB_ACTION_REPOSITORY: 'org/zk-ensemble-action', GITHUB_ACTION_REF: 'v1.2.3' }
    expect(page(env)).toBe(
      'https://ghe.example.com/org/zk-ensemble-action/blob/v1.2.3/docs/troubleshooting.md',
    )
  })

  test("uses: ./ in the action's own repository: the commit that is checked out", () =>
    expect(page({}, '/ws/')).toBe(
      `https://ghe.example.com/org/shop/blob/${'a'.repeat(40)}/docs/troubleshooting.md`,
    ))

  test.each([
    ['a copy inside of another repository', {}, '/ws/vendor/zk'],
    ['a ref that is none', { GITHUB_ACTION_REPOSITORY: 'org/zk', GITHUB_ACTION_REF: 'a b' }, '/ws'],
  ])('%s: no link rather than one that leads nowhere', (_, env, home) =>
    expect(page(env, home)).toBe(''),
  )
})
