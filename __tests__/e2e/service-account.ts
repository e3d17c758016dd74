// A ServiceAccount of a test's namespace and the kubeconfig of a workflow that runs as it: what a
// Role really allows shows only with nothing beside it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { kubectl, root } from './cluster.ts'

const adminSchema = z.looseObject({
  clusters: z
    .array(z.looseObject({ name: z.string(), cluster: z.looseObject({ server: z.string() }) }))
    .min(1),
})

export interface ServiceAccount {
  create(): Promise<void>
  /** A Role with these verbs on these resources (`statefulsets.apps`), bound to the account. */
  grant(role: string, resources: readonly string[], verbs: readonly string[]): Promise<void>
  /** Binds a Role that is there. */
  bind(role: string): Promise<void>
  /** Text of a kubeconfig with a token of an hour. */
  kubeconfig(): Promise<string>
}

/**
 * The documents of docs/role.yaml for this namespace; what has no namespace gets a name of its own,
 * so that tests don't meet.
 */
export function documentedRole(namespace: string): string {
  return readFileSync(join(root, 'docs', 'role.yaml'), 'utf8')
    .replaceAll('namespace: shop', `namespace: ${namespace}`)
    .replaceAll(/name: zk-ensemble-(look|maintenance)/g, `name: ${namespace}-$1`)
}

/** `admin`: text of the kubeconfig whose first cluster is meant. */
export function asServiceAccount(
  namespace: string,
  admin: string,
  name = 'zk-ensemble-action',
): ServiceAccount {
  const bind = async (role: string): Promise<void> => {
    await kubectl(
      'create',
      'rolebinding',
      role,
      '-n',
      namespace,
      `--role=${role}`,
      `--serviceaccount=${namespace}:${name}`,
    )
  }
  return {
    bind,
    create: async () => {
      await kubectl('create', 'serviceaccount', name, '-n', namespace)
    },
    grant: async (role, resources, verbs) => {
      await kubectl(
        'create',
        'role',
        role,
        '-n',
        namespace,
        `--resource=${resources.join(',')}`,
        `--verb=${verbs.join(',')}`,
      )
      await bind(role)
    },
    kubeconfig: async () => {
      const token = await kubectl('create', 'token', name, '-n', namespace, '--duration=1h')
      const cluster = adminSchema.parse(parse(admin)).clusters[0]?.cluster
      const context = (user: string) => ({ cluster: 'lab', user, namespace })
      return stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'workflow',
        clusters: [{ name: 'lab', cluster }],
        users: [{ name: 'workflow', user: { token } }],
        contexts: [
          { name: 'workflow', context: context('workflow') },
          { name: 'staging', context: context('workflow') },
        ],
      })
    },
  }
}
