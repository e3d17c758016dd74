// Who logs in for the checks of an ensemble: as the input says it, or as a Secret of the namespace
// has it.

import { z } from 'zod'
import type { Login } from '../../ensemble/profile.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import { failure } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { secretNamed, splitLogin } from '../../inputs/login.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { ruleFor } from '../../kube/rules.ts'
import type { ManifestIo } from '../../manifests/io.ts'

type LoginInput = 'zookeeper-auth' | 'cassandra-auth'

export interface LoginPlace {
  readonly namespace: string
  /** What a deploy brings: a Secret among it is as it will be. */
  readonly brought?: readonly KubeObject[]
  /** Told what must not be shown. */
  readonly io: Pick<ManifestIo, 'hide'>
}

/**
 * Undefined where the checks log in as nobody. Refuses a Secret that isn't there, may not be read
 * or lacks a key: before anything is changed.
 */
export async function readLogin(
  kube: Pick<Kube, 'get'>,
  inputs: Pick<Inputs, 'zookeeperAuth' | 'cassandraAuth' | 'verify'>,
  profile: ProfileName,
  { namespace, brought = [], io }: LoginPlace,
  signal: AbortSignal,
): Promise<Login | undefined> {
  const given = inputs.verify === 'off' ? undefined : loginFor(profile, inputs)
  if (given === undefined) return undefined
  const { input, text } = given
  const name = secretNamed(text)
  if (name === undefined) return splitLogin(text)
  const about = { input, object: `secret/${name}` }
  const secret =
    brought.find(
      (object) =>
        object.kind === 'Secret' &&
        object.metadata.name === name &&
        (object.metadata.namespace ?? namespace) === namespace,
    ) ?? (await secretOf(kube, input, { name, namespace }, signal))
  if (secret === undefined)
    throw failure(
      'refused',
      'NOT_FOUND',
      `${input}: there is no Secret ${name} in the namespace ${namespace}`,
      { ...about, fix: 'Make it with the keys username and password.' },
    )
  const found = loginIn(secret)
  if (typeof found === 'string')
    throw failure('refused', 'INPUT_INVALID', `${input}: the Secret ${name} ${found}`, {
      ...about,
      fix: 'It needs the keys username and password, each of one line without a space.',
    })
  io.hide([found.password, `${found.user}:${found.password}`])
  return found
}

/** The input that a profile logs in by, where it is given. */
function loginFor(
  profile: ProfileName,
  { zookeeperAuth, cassandraAuth }: Pick<Inputs, 'zookeeperAuth' | 'cassandraAuth'>,
): { readonly input: LoginInput; readonly text: string } | undefined {
  switch (profile) {
    case 'zookeeper':
      return zookeeperAuth === undefined
        ? undefined
        : { input: 'zookeeper-auth', text: zookeeperAuth }
    case 'cassandra':
      return cassandraAuth === undefined
        ? undefined
        : { input: 'cassandra-auth', text: cassandraAuth }
    case 'custom':
    case 'none':
      return undefined
  }
}

async function secretOf(
  kube: Pick<Kube, 'get'>,
  input: LoginInput,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await kube.get({ apiVersion: 'v1', kind: 'Secret', name, namespace }, signal)
  } catch (error) {
    if (!(error instanceof KubeFailure) || error.status !== 403) throw error
    throw failure(
      'refused',
      'ACCESS_DENIED',
      `${input}: the Secret ${name} in ${namespace} may not be read`,
      {
        input,
        object: `secret/${name}`,
        fix: `Add this rule to the Role of this workflow:\n${ruleFor('secrets', ['get'], name)}`,
      },
      error,
    )
  }
}

const values = z.looseObject({
  data: z.record(z.string(), z.string()).optional(),
  stringData: z.record(z.string(), z.string()).optional(),
})

/**
 * The login, or what the Secret lacks. A line's end after a value, as editors leave it, is none of
 * it.
 */
function loginIn(secret: KubeObject): Login | string {
  const found = values.safeParse(secret)
  const valueOf = (key: string): string | undefined => {
    const plain = found.data?.stringData?.[key]
    const coded = found.data?.data?.[key]
    return (
      plain ?? (coded === undefined ? undefined : Buffer.from(coded, 'base64').toString('utf8'))
    )?.replace(/\r?\n$/, '')
  }
  const [user, password] = [valueOf('username'), valueOf('password')]
  for (const [key, value] of [
    ['username', user],
    ['password', password],
  ] as const) {
    if (value === undefined || value === '') return `has no ${key}`
    if (/\s/.test(value)) return `has a ${key} with a space or a line's end in it`
  }
  // ZooKeeper's digest and the input itself end a user at the first colon.
  if (user?.includes(':') === true) return 'has a username with a colon in it'
  return { user: user ?? '', password: password ?? '' }
}
