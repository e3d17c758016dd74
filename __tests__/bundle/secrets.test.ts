// A value that is planted in every place that can hold a secret is looked for in every place that
// can show one: what is shown once is in logs, pages and other people's hands.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { KINDS } from '../support/cluster/kinds.ts'
import type { SimulatedCluster } from '../support/cluster/cluster.ts'
import { isFields, text } from '../support/cluster/json.ts'
import type { Finished } from '../support/runner.ts'
import { QUICK, tutorial, verdict, withBundle } from './given.ts'

const CANARY = 'CANARY7391847261'
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

/** A value, as it stands or in the forms in which a program hands it on. */
const FORMS = [
  CANARY,
  Buffer.from(CANARY).toString('base64').slice(0, 16),
  Buffer.from(`x${CANARY}`).toString('base64').slice(4, 18),
  Buffer.from(`xx${CANARY}`).toString('base64').slice(4, 18),
  encodeURIComponent(CANARY),
]

function expectClean(where: string, text: string): void {
  for (const form of FORMS)
    if (text.includes(form))
      throw new Error(
        `${where} shows it: …${text.slice(Math.max(0, text.indexOf(form) - 120), text.indexOf(form) + 60)}…`,
      )
}

/** Log, page, outputs, state and report; a mask is how a secret is hidden, not shown. */
function searchRun(run: Finished): void {
  expectClean('the log', run.lines.filter((line) => !line.startsWith('::add-mask::')).join('\n'))
  expectClean('stderr', run.stderr)
  expectClean('the summary', run.summary)
  expectClean('an output', JSON.stringify(run.outputs))
  expectClean('the state', JSON.stringify(run.state))
  const report = run.outputs['report'] ?? ''
  // Of a killed run the path is told and the file not written.
  if (existsSync(report)) expectClean('the report', readFileSync(report, 'utf8'))
  // Whatever else was left on the runner, but for what the test itself put there.
  for (const name of readdirSync(run.job.temp)) {
    const path = join(run.job.temp, name)
    if (name !== 'kubeconfig' && statSync(path).isFile())
      expectClean(`RUNNER_TEMP/${name}`, readFileSync(path, 'latin1'))
  }
}

/** Every object but the Secret itself, the record unpacked. */
function searchCluster({ objects }: SimulatedCluster): void {
  for (const kind of KINDS.map(({ kind }) => kind).filter((name) => name !== 'Secret')) {
    for (const object of objects.list(kind)) {
      expectClean(`${kind} ${text(object, 'metadata', 'name')}`, JSON.stringify(object))
      const packed = object['binaryData']
      if (isFields(packed))
        for (const key of Object.keys(packed))
          expectClean(
            'the record, unpacked',
            gunzipSync(Buffer.from(text(packed, key), 'base64')).toString('utf8'),
          )
    }
  }
}

const ENV = {
  GITHUB_TOKEN: SECRETS.github,
  ACTIONS_RUNTIME_TOKEN: SECRETS.github,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: SECRETS.github,
  AWS_SECRET_ACCESS_KEY: SECRETS.cloud,
}
const GOOD = `${tutorial(QUICK)}---\n${SECRET}`
const BAD = `${tutorial(QUICK, ['registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10', 'registry.k8s.io/kubernetes-zookeeper:nowhere'])}---\n${SECRET}`

test('a deploy, a change that is undone, a verify that is killed and its post step show none', () =>
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

test.each([
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

test('a login that fails with its own secrets on stderr, and one that is given in the kubeconfig', () =>
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
