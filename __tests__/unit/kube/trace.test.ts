// Debug lines go where a job's whole team reads: verb, path, status and time, and nothing that could
// be a secret.

import { expect, test } from '@jest/globals'
import { KubeFailure } from '../../../src/kube/failure.ts'
import { tracedStreams, tracedTransport, watchEnded } from '../../../src/kube/trace.ts'
import type { Call, Transport } from '../../../src/kube/transport.ts'

const clock = { now: () => 1000, sleep: () => Promise.resolve() }
const signal = new AbortController().signal
const call: Call = {
  method: 'PATCH',
  path: '/apis/apps/v1/namespaces/shop/statefulsets/zk?fieldManager=x&dryRun=All&continue=secret-page',
  body: '{"password":"hunter2"}',
  timeoutMs: 1,
  request: 'apply',
}

function transport(send: Transport['send']): Transport {
  return { send, open: () => Promise.reject(new Error('not here')), close: () => undefined }
}

test('a request: verb, path with what tells it apart, status, time; no body', async () => {
  const lines: string[] = []
  const answer = {
    status: 200,
    retryAfter: undefined,
    date: undefined,
    warnings: [],
    body: 's3cret',
  }
  await tracedTransport(
    transport(() => Promise.resolve(answer)),
    clock,
    (line) => lines.push(line),
  ).send(call, signal)
  expect(lines).toEqual(['PATCH /apis/apps/v1/namespaces/shop/statefulsets/zk?dryRun=All 200 0 ms'])
})

test('one that fails is told too, without the words of a server, and still fails', async () => {
  const lines: string[] = []
  const failure = new KubeFailure({
    status: 0,
    reason: 'Timeout',
    message: 'token abc is wrong',
    request: 'apply',
  })
  await expect(
    tracedTransport(
      transport(() => Promise.reject(failure)),
      clock,
      (line) => lines.push(line),
    ).send(call, signal),
  ).rejects.toBe(failure)
  expect(lines[0]).toMatch(/ no answer \(Timeout\) 0 ms$/)
  expect(lines.join('')).not.toContain('abc')
})

test('a command in a member is no part of its line', async () => {
  const lines: string[] = []
  const streams = tracedStreams(
    {
      exec: () => Promise.resolve({ exitCode: 1, stdout: '', stderr: '' }),
      tunnel: () => Promise.reject(new Error('not here')),
      forward: () => Promise.reject(new Error('not here')),
    },
    clock,
    (line) => lines.push(line),
  )
  await streams.exec(
    { name: 'zk-0', namespace: 'shop' },
    'zookeeper',
    ['sh', '-c', 'login hunter2'],
    {},
    signal,
  )
  expect(lines).toEqual(['GET shop/pods/zk-0/exec exit code 1 0 ms'])
})

test("a watch's end says after how long, and why", () =>
  expect(watchEnded('/api/v1/pods?watch=1&resourceVersion=7', 5000, '410')).toBe(
    'WATCH /api/v1/pods?watch=1 ended after 5000 ms: 410',
  ))
