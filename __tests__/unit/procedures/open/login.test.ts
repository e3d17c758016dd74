// Where the login of the checks comes from: a Secret that isn't there, or lacks a key, is said
// before an ensemble is changed.

import { describe, expect, test } from '@jest/globals'
import { EnsembleError } from '../../../../src/errors.ts'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import { readLogin } from '../../../../src/procedures/open/login.ts'
import type { Login } from '../../../../src/ensemble/profile.ts'
import type { ProfileName } from '../../../../src/view/profile-name.ts'

const coded = (text: string): string => Buffer.from(text).toString('base64')
const secretOf = (more: Readonly<Record<string, unknown>>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'checker', namespace: 'shop' },
  ...more,
})

interface Case {
  readonly auth?: string | undefined
  readonly there?: KubeObject | KubeFailure
  readonly brought?: readonly KubeObject[]
  readonly profile?: ProfileName
  readonly verify?: 'full' | 'off'
}

async function read({
  auth = 'secret/checker',
  there,
  brought,
  profile = 'cassandra',
  verify = 'full',
}: Case): Promise<{
  readonly login: Login | undefined
  readonly hidden: readonly string[]
  readonly asked: number
}> {
  const hidden: string[] = []
  let asked = 0
  const get = (): Promise<KubeObject | undefined> => {
    asked++
    return there instanceof KubeFailure ? Promise.reject(there) : Promise.resolve(there)
  }
  const login = await readLogin(
    { get },
    {
      zookeeperAuth: profile === 'zookeeper' ? auth : 'somebody:else',
      cassandraAuth: profile === 'zookeeper' ? 'somebody:else' : auth,
      verify,
    },
    profile,
    {
      namespace: 'shop',
      io: { hide: (secrets) => void hidden.push(...secrets) },
      ...(brought === undefined ? {} : { brought }),
    },
    new AbortController().signal,
  )
  return { login, hidden, asked }
}

const PROFILES = ['zookeeper', 'cassandra'] as const

test.each(PROFILES)('%s: the input itself, with a colon in the password', async (profile) => {
  expect(await read({ profile, auth: 'checker:pa:ss' })).toEqual({
    login: { user: 'checker', password: 'pa:ss' },
    hidden: [],
    asked: 0,
  })
})

test.each(PROFILES)(
  "%s: a Secret, without the line's end that an editor left, hidden before it is used",
  async (profile) => {
    const { login, hidden } = await read({
      profile,
      there: secretOf({ data: { username: coded('checker'), password: coded('pass-word\n') } }),
    })
    expect(login).toEqual({ user: 'checker', password: 'pass-word' })
    expect(hidden).toEqual(['pass-word', 'checker:pass-word'])
  },
)

test('a Secret that the same deploy brings is taken as it will be', async () => {
  const { login, asked } = await read({
    brought: [secretOf({ stringData: { username: 'checker', password: 'new' } })],
    there: secretOf({ data: { username: coded('checker'), password: coded('old') } }),
  })
  expect([login?.password, asked]).toEqual(['new', 0])
})

test.each([
  { profile: 'custom' as const },
  { profile: 'none' as const },
  { verify: 'off' as const },
  { verify: 'off' as const, profile: 'zookeeper' as const },
])('no Secret is read for nothing: %o', async (more) => {
  expect(await read(more)).toEqual({ login: undefined, hidden: [], asked: 0 })
})

describe('is refused before anything is changed', () => {
  test.each([
    ['no Secret', {}, 'NOT_FOUND', /there is no Secret checker in the namespace shop/],
    [
      'no right',
      {
        there: new KubeFailure({
          status: 403,
          reason: 'Forbidden',
          message: 'secrets "checker" is forbidden',
          request: 'get secrets checker',
        }),
      },
      'ACCESS_DENIED',
      /may not be read/,
    ],
    [
      'no password',
      { there: secretOf({ data: { username: coded('checker') } }) },
      'INPUT_INVALID',
      /has no password/,
    ],
    [
      'two lines',
      {
        there: secretOf({ data: { username: coded('checker'), password: coded('CANARY\nmore') } }),
      },
      'INPUT_INVALID',
      /has a password with a space or a line's end in it/,
    ],
    [
      'a colon, where the user would end',
      {
        there: secretOf({ data: { username: coded('che:cker'), password: coded('CANARY') } }),
      },
      'INPUT_INVALID',
      /has a username with a colon in it/,
    ],
  ] satisfies readonly (readonly [string, Case, string, RegExp])[])(
    '%s',
    async (_, asked, code, message) => {
      const error: unknown = await read(asked).catch((fault: unknown) => fault)
      expect(error).toBeInstanceOf(EnsembleError)
      const findings = error instanceof EnsembleError ? error.findings : []
      expect(findings).toMatchObject([
        {
          code,
          input: 'cassandra-auth',
          object: 'secret/checker',
          message: expect.stringMatching(message),
          fix: expect.any(String),
        },
      ])
      expect(JSON.stringify(findings)).not.toContain('CANARY')
    },
  )
})
