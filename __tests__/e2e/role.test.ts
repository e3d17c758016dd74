// The documented Role is enough and is all that it takes: a ServiceAccount that has nothing else
// deploys, redeploys and verifies; what is missing is answered with the Role to add.

import { expect, jest, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { act, verdict, type Ran } from './action.ts'
import { inNamespace, kubeconfig, kubectl, kubectlApply, run } from './cluster.ts'
import { asServiceAccount, documentedRole } from './service-account.ts'

jest.setTimeout(600_000)

const admin = readFileSync(kubeconfig, 'utf8')
/** A kubeconfig that leads nowhere: where it is set, only the input can have been used. */
const NOWHERE =
  'apiVersion: v1\nkind: Config\ncurrent-context: nowhere\nclusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:1"}}]\ncontexts: [{name: nowhere, context: {cluster: nowhere}}]\n'

/** Of the built-in ensemble: three small members. */
const SMALL = { name: 'zk', cpu: '100m', memory: '256Mi', heap: '64M', storage: '1Gi' }

/** The Role that the log offers, as a person would copy it: the block after `Fix:`. */
function offeredRole({ lines }: Ran): string {
  const from = lines.findIndex((line) =>
    line.startsWith('  apiVersion: rbac.authorization.k8s.io/v1'),
  )
  const to = lines.findIndex((line, index) => index > from && !line.startsWith('  '))
  return lines
    .slice(from, to)
    .map((line) => line.slice(2))
    .join('\n')
}

test('with the documented Role alone: deploy, redeploy, verify; without one right: refused with the Role that fixes it', async () => {
  await inNamespace('role', async (namespace) => {
    try {
      const account = asServiceAccount(namespace, admin)
      await kubectlApply(namespace, documentedRole(namespace))
      const theirs = { kubeconfig: await account.kubeconfig() }

      // One verb less than documented: nothing is sent that changes anything.
      await kubectl(
        'patch',
        'role',
        'zk-ensemble-deploy',
        '-n',
        namespace,
        '--type=json',
        '-p',
        JSON.stringify([{ op: 'replace', path: '/rules/0/verbs', value: ['create'] }]),
      )
      const denied = await act({ ...SMALL, namespace }, theirs)
      expect(verdict(denied)).toMatch(/^refused ACCESS_DENIED .*patch statefulsets/)
      expect(denied.exitCode).toBe(1)
      expect(denied.report.requests['writes'] ?? 0).toBe(0)
      expect(await kubectl('get', '-n', namespace, 'statefulset,lease,service', '-o', 'name')).toBe(
        '',
      )

      // Exactly what was printed, and it goes.
      const offered = offeredRole(denied)
      expect(offered).toMatch(/kind: Role\n[^]*resources: \[statefulsets\]\n\s*verbs: \[patch\]/)
      expect((await run('kubectl', ['apply', '-f', '-'], { input: offered })).stderr).toBe('')
      await account.bind('zk-ensemble-action')
      const deployed = await act({ ...SMALL, namespace }, theirs)
      expect(verdict(deployed)).toMatch(/^succeeded /)
      expect(deployed.outputs).toMatchObject({ 'ready-replicas': '3', pairs: '6/6' })

      // The documented Role as it is, and no more.
      await kubectl(
        'delete',
        'role/zk-ensemble-action',
        'rolebinding/zk-ensemble-action',
        '-n',
        namespace,
      )
      await kubectlApply(namespace, documentedRole(namespace))
      const again = await act({ ...SMALL, namespace }, theirs)
      expect(verdict(again)).toMatch(/^unchanged /)
      const verified = await act({ operation: 'verify', namespace, verify: 'thorough' }, theirs)
      expect(verdict(verified)).toMatch(/^succeeded /)
      expect(
        verified.report.checks.filter(
          ({ outcome }) => outcome === 'failed' || outcome === 'skipped',
        ),
      ).toEqual([])

      // Either way to the members will do: by exec alone, and by port-forward alone.
      for (const [left, taken] of [
        ['pods/exec', 'pods/portforward'],
        ['pods/portforward', 'pods/exec'],
      ] as const) {
        await kubectlApply(
          namespace,
          documentedRole(namespace).replace(`resources: [${taken}]`, `resources: [${left}]`),
        )
        const ran = await act({ operation: 'verify', namespace }, theirs)
        expect(`by ${left}: ${verdict(ran)}`).toMatch(/: succeeded /)
        expect(ran.outputs['pairs']).toBe('6/6')
        expect(ran.report.checks.find(({ name }) => name === 'data')?.outcome).toBe('passed')
        expect(ran.report.checks.find(({ name }) => name === 'quorum')?.outcome).toBe('passed')
      }

      // The same credentials as the content of an input, plain and in base64, as they come from a
      // secret.
      const text = theirs.kubeconfig
      for (const content of [text, Buffer.from(text).toString('base64')]) {
        const ran = await act(
          { operation: 'verify', namespace, verify: 'quick', kubeconfig: content },
          { kubeconfig: NOWHERE },
        )
        expect(verdict(ran)).toMatch(/^succeeded /)
        expect(
          [...ran.lines, ran.summary, ran.stderr]
            .filter((line) => !line.startsWith('::add-mask::'))
            .join('\n'),
        ).not.toContain(/token: (\S+)/.exec(text)?.[1])
      }
      const wrong = await act(
        { operation: 'verify', namespace, kubeconfig: text, context: 'production' },
        { kubeconfig: NOWHERE },
      )
      expect(verdict(wrong)).toMatch(/^refused INPUT_INVALID .*production/)
      expect(wrong.lines.join('\n')).toMatch(/staging/)
      expect(wrong.lines.join('\n')).toMatch(/workflow/)
    } finally {
      await kubectl(
        'delete',
        'clusterrole,clusterrolebinding',
        `${namespace}-look`,
        `${namespace}-maintenance`,
        '--ignore-not-found',
      )
    }
  })
})
