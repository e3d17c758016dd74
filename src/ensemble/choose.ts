// The profile by its name; what a run doesn't use is not loaded.

import type { Login, Profile } from './profile.ts'
import type { Inputs } from '../inputs/inputs.ts'
import type { ProfileName } from '../view/profile-name.ts'

export interface ProfileOptions {
  /** By which the checks log in: ZooKeeper by the digest scheme, Cassandra through cqlsh. */
  readonly login?: Login | undefined
  /** ZooKeeper: the node below which the checks write. */
  readonly checkPath: string
  /** Custom: run in each member with MARKER in the environment; the read must print it. */
  readonly writeCommand: string | undefined
  readonly readCommand: string | undefined
  readonly servesCommand: string | undefined
}

/** The inputs that a profile takes, and the login that was read for it. */
export function profileOptions(
  inputs: Pick<Inputs, 'checkPath' | 'writeCommand' | 'readCommand' | 'servesCommand'>,
  login?: Login,
): ProfileOptions {
  return {
    login,
    checkPath: inputs.checkPath,
    writeCommand: inputs.writeCommand,
    readCommand: inputs.readCommand,
    servesCommand: inputs.servesCommand,
  }
}

export async function chooseProfile(name: ProfileName, options: ProfileOptions): Promise<Profile> {
  switch (name) {
    case 'zookeeper': {
      const { zooKeeperProfile } = await import('./zookeeper/profile.ts')
      return zooKeeperProfile({
        auth:
          options.login === undefined
            ? undefined
            : `${options.login.user}:${options.login.password}`,
        checkPath: options.checkPath,
      })
    }
    case 'cassandra': {
      const { cassandraProfile } = await import('./cassandra/profile.ts')
      return cassandraProfile(options.login)
    }
    case 'custom': {
      const { customProfile } = await import('./custom/profile.ts')
      return customProfile(options)
    }
    case 'none': {
      const { noProfile } = await import('./none.ts')
      return noProfile()
    }
  }
}
