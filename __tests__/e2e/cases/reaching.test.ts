// Members are reached however they can be: by port-forward, or from inside their containers at the
// address that they listen at. Who could not be reached is never called lost.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict } from '../action.ts'
import {
  everything,
  inNamespace,
  kubeconfig,
  kubectl,
  kubectlApply,
  read,
  root,
} from '../cluster.ts'
import { asServiceAccount, type ServiceAccount } from '../service-account.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined
const BOUND = readFileSync(
  join(root, '__tests__', 'cases', 'bound-to-name', 'manifest.yaml'),
  'utf8',
)
/** Mode of each member, as it says itself inside its container. */
const OWN_WORD = 'exec 3<>/dev/tcp/$HOSTNAME/2181; printf srvr >&3; grep -o "Mode: .*" <&3'

async function modes(namespace: string): Promise<string> {
  const said = await Promise.all(
    [0, 1, 2].map((ordinal) =>
      kubectl('exec', '-n', namespace, `keeper-${ordinal}`, '--', 'bash', '-c', OWN_WORD),
    ),
  )
  return said.toSorted().join(', ')
}

async function lookOnly(namespace: string, name: string): Promise<ServiceAccount> {
  const account = asServiceAccount(namespace, readFileSync(kubeconfig, 'utf8'), name)
  await account.create()
  await account.grant(
    `${name}-look`,
    [
      'statefulsets.apps',
      'controllerrevisions.apps',
      'pods',
      'persistentvolumeclaims',
      'services',
      'configmaps',
      'events',
      'endpointslices.discovery.k8s.io',
      'poddisruptionbudgets.policy',
    ],
    ['get', 'list', 'watch'],
  )
  return account
}

describe('e2e: cases of reaching', () => {
  all(
    'client ports bound to the pods’ own addresses are asked from inside the containers, and what can’t be asked is never called lost',
    async () => {
      await inNamespace('bound', async (namespace) => {
        const deployed = await act(
          { manifests: 'zk.yaml', namespace },
          { files: { 'zk.yaml': BOUND } },
        )
        expect(verdict(deployed)).toMatch(/^succeeded /)
        expect(deployed.outputs['pairs']).toBe('6/6')
        // Nothing that was run in a member outlives the check: its server, and what lists the
        // processes here, whose `cat` begins after the list is made.
        const running = await kubectl(
          'exec',
          '-n',
          namespace,
          'keeper-0',
          '--',
          'sh',
          '-c',
          'cat /proc/[0-9]*/comm; :',
        )
        expect([...new Set(running.split('\n'))].toSorted()).toEqual(['java', 'sh'])

        const thorough = await act({ operation: 'verify', namespace, verify: 'thorough' })
        expect(verdict(thorough)).toMatch(/^succeeded /)
        expect(
          thorough.report.checks.filter(
            ({ outcome }) => outcome === 'failed' || outcome === 'skipped',
          ),
        ).toEqual([])

        const uids = await read(namespace, 'pods -l app=keeper', '{.items[*].metadata.uid}')
        const restarted = await act({ operation: 'restart', namespace })
        expect(verdict(restarted)).toMatch(/^succeeded /)
        expect(restarted.outputs['acknowledged-writes-lost']).toBe('0')
        for (const uid of (
          await read(namespace, 'pods -l app=keeper', '{.items[*].metadata.uid}')
        ).split(' '))
          expect(uids).not.toContain(uid)
        expect(await modes(namespace)).toBe('Mode: follower, Mode: follower, Mode: leader')

        // Port-forward alone reaches nobody.
        const blind = await lookOnly(namespace, 'blind')
        await blind.grant('forward', ['pods/portforward'], ['get', 'create'])
        const unknown = await act(
          { operation: 'verify', namespace },
          { kubeconfig: await blind.kubeconfig() },
        )
        expect(verdict(unknown)).toMatch(
          /^failed CHECK_IMPOSSIBLE .*keeper-0 .*could not be reached, so whether it serves is not known/,
        )
        expect(unknown.lines.join('\n')).not.toMatch(/no quorum|network namespace|portforward in/)
        expect(unknown.lines.join('\n')).toMatch(/resources: \[pods\/exec\]/)

        // Exec in two of the pods alone: the third is not known, the others serve.
        const partly = await lookOnly(namespace, 'partly')
        await kubectlApply(
          namespace,
          `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: two}
rules: [{apiGroups: [""], resources: [pods/exec], resourceNames: [keeper-0, keeper-2], verbs: [get, create]}]
`,
        )
        await partly.bind('two')
        await partly.grant('forward-too', ['pods/portforward'], ['get', 'create'])
        const one = await act(
          { operation: 'verify', namespace },
          { kubeconfig: await partly.kubeconfig() },
        )
        expect(verdict(one)).toMatch(/^failed CHECK_IMPOSSIBLE .*keeper-1 /)
        expect(one.lines.join('\n')).not.toMatch(/no quorum/)
      })
    },
  )
})
