// A value that is planted in every place that can hold a secret is looked for in every place that
// can show one: what is shown once is in logs, pages and other people's hands.

import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { CANARY, searchCluster, searchRun } from './canary.ts'
import { QUICK, tutorial, verdict, withBundle } from './given.ts'

const SECRETS = {
  auth: `${CANARY}-zk`,
  token: `${CANARY}-token`,
  stringData: `${CANARY}-string`,
  data: `${CANARY}-data`,
  applied: `${CANARY}-applied`,
  github: `${CANARY}-github`,
  execEnv: `${CANARY}-exec-env`,
  execArg: `${CANARY}-exec-arg`,
  cloud: `${CANARY}-cloud`,
}

const SECRET = `apiVersion: v1
kind: Secret
metadata:
  name: creds
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"password":"${SECRETS.applied}"}}'
stringData:
  password: ${SECRETS.stringData}
data:
  other: ${Buffer.from(SECRETS.data).toString('base64')}
`

const ENV = {
  GITHUB_TOKEN: SECRETS.github,
  ACTIONS_RUNTIME_TOKEN: SECRETS.github,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: SECRETS.github,
  AWS_SECRET_ACCESS_KEY: SECRETS.cloud,
}
const GOOD = `${tutorial(QUICK)}---\n${SECRET}`
const BAD = `${tutorial(QUICK, ['registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10', 'registry.k8s.io/kubernetes-zookeeper:nowhere'])}---\n${SECRET}`

test.concurrent('a deploy, a change that is undone, a verify that is killed and its post step show none', () =>
  withBundle({}, async ({ cluster, run }) => {
    const first = await run(
      GOOD,
      { 'zookeeper-auth': `super:${SECRETS.auth}` },
      { env: { ...ENV, ACTIONS_STEP_DEBUG: 'true', RUNNER_DEBUG: '1' } },
    )
    searchRun(first)
    // In every form, before the first request: what a server or a member says may quote it.
    expect(first.masks).toEqual(
      expect.arrayContaining([
        SECRETS.stringData,
        SECRETS.data,
        Buffer.from(SECRETS.data).toString('base64'),
      ]),
    )
    expect(verdict(first)).toMatchObject({ result: 'succeeded' })
    searchCluster(cluster)
    const undone = await run(
      BAD,
      { 'zookeeper-auth': `super:${SECRETS.auth}`, 'member-timeout': '20s' },
      { env: ENV },
    )
    searchRun(undone)
    expect(verdict(undone)).toMatchObject({ result: 'undone' })
    const killed = await run(
      undefined,
      { operation: 'restart', name: 'zk', 'zookeeper-auth': `super:${SECRETS.auth}` },
      { env: ENV, killAt: /evicted/ },
    )
    searchRun(killed)
    searchRun(await killed.post())
    searchCluster(cluster)
  }))

test.concurrent.each([
  [
    'a map one step too deep',
    SECRET.replace('stringData:\n', '  labels:\n    stringData:\n  ').replace(
      '  password',
      '    password',
    ),
  ],
  ['a number where text is meant', SECRET.replace(SECRETS.stringData, '7391847261')],
  ['an alias that names nothing', SECRET.replace(SECRETS.stringData, `*${SECRETS.stringData}`)],
  ['base64 that is none', SECRET.replace(/other: .*/, `other: "${SECRETS.data}!"`)],
  ['a refusal of the API that quotes the value', SECRET],
])('a Secret with %s is told without it', (what, secret) =>
  withBundle({}, async ({ cluster, run }) => {
    if (what.startsWith('a refusal'))
      cluster.faults.always({
        verb: 'apply',
        kind: 'Secret',
        status: 422,
        body: {
          kind: 'Status',
          apiVersion: 'v1',
          status: 'Failure',
          reason: 'Invalid',
          message: `Secret "creds" is invalid: stringData.password: Invalid value: "${SECRETS.stringData}": too weak`,
          code: 422,
        },
      })
    const ended = await run(`${tutorial(QUICK)}---\n${secret}`, {}, { env: ENV })
    searchRun(ended)
    searchCluster(cluster)
  }),
)

test.concurrent('a login that fails with its own secrets on stderr, and one that is given in the kubeconfig', () =>
  withBundle({}, async ({ cluster, run }) => {
    const base = z
      .looseObject({ users: z.array(z.looseObject({ name: z.string() })) })
      .parse(JSON.parse(cluster.kubeconfig))
    const plugin = {
      apiVersion: 'client.authentication.k8s.io/v1',
      interactiveMode: 'Never',
      command: 'bash',
      args: ['-c', 'echo "login failed for $SECRET with $0" >&2; env >&2; exit 1', SECRETS.execArg],
      env: [{ name: 'SECRET', value: SECRETS.execEnv }],
    }
    const kubeconfig = JSON.stringify({
      ...base,
      users: base.users.map(({ name }) => ({ name, user: { exec: plugin } })),
    })
    const failed = await run(
      undefined,
      { operation: 'status', name: 'zk', 'zookeeper-auth': `super:${SECRETS.auth}` },
      { env: ENV, kubeconfig },
    )
    searchRun(failed)
    expect(failed.outputs['result']).not.toBe('succeeded')
    const token = JSON.stringify({
      ...base,
      users: base.users.map(({ name }) => ({ name, user: { token: SECRETS.token } })),
    })
    searchRun(
      await run(undefined, { operation: 'status', name: 'zk', kubeconfig: token }, { env: ENV }),
    )
  }))
