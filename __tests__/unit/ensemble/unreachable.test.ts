// An API server that is away must not be told as an ensemble that is down, nor a missing right as
// either: what a failed way to a member says of the member.

import { describe, expect, test } from '@jest/globals'
import { BLOCKED, KubeFailure } from '../../../src/kube/failure.ts'
import {
  BEYOND_ROLE_FIX,
  execFix,
  toldBy,
  whyUnreachable,
} from '../../../src/ensemble/unreachable.ts'

const NO_ROLE =
  'pods "zk-0" is forbidden: User "ci" cannot create resource "pods/exec" in API group "" in the namespace "zk"'
const WEBHOOK = 'admission webhook "no-exec.example.com" denied the request: not in production'

function forbidden(message: string): KubeFailure {
  return new KubeFailure({ status: 403, reason: 'Forbidden', message, request: 'exec' })
}

const POLICY =
  "pods \"zk-0\" is forbidden: ValidatingAdmissionPolicy 'no-exec' with binding 'no-exec' denied request: no shells in production"

/** The status that a policy has unless it names another one. */
function invalid(message: string): KubeFailure {
  return new KubeFailure({ status: 422, reason: 'Invalid', message, request: 'exec' })
}

function failed(status: number, reason: string, cause?: unknown): KubeFailure {
  return new KubeFailure({ status, reason, message: 'it broke', request: 'port-forward', cause })
}

describe('of the member', () => {
  test.each([
    [
      'nothing: the API server is not there',
      failed(0, 'Unreachable', new Error('refused')),
      'away',
    ],
    ['nothing: no answer in time', failed(0, 'Timeout'), 'away'],
    ['nothing: the API server has too much to do', failed(429, 'TooManyRequests'), 'away'],
    ['nothing: what stands before the API server answers', failed(502, 'BadGateway'), 'away'],
    ['nothing: a gateway lets no WebSocket through', failed(0, BLOCKED), 'away'],
    ['nothing: an error of ours', new Error('no such thing'), 'away'],
    ['what the stream said of the pod', failed(0, 'Unreachable'), 'answered'],
    ['that it is not there', failed(404, 'NotFound'), 'answered'],
    ['what the kubelet could not do', failed(500, 'InternalError'), 'answered'],
    ['nothing: a right is missing', failed(403, 'Forbidden'), 'denied'],
    ['nothing: a policy refuses it', invalid(POLICY), 'denied'],
    ['nothing: the login has ended', failed(401, 'Unauthorized'), 'denied'],
  ])('%s', (_, error, told) => {
    expect(toldBy(error)).toBe(told)
  })
})

test.each([
  [forbidden(NO_ROLE), { why: 'this run may not use exec', denied: true }],
  [invalid(POLICY), { why: `exec was refused (${POLICY})`, denied: true, beyondRole: true }],
  [forbidden(WEBHOOK), { why: `exec was refused (${WEBHOOK})`, denied: true, beyondRole: true }],
  [failed(500, 'InternalError'), { why: 'exec failed (it broke)', denied: false }],
  [failed(0, BLOCKED), { why: 'exec failed (it broke)', denied: false, blocked: true }],
  [new Error('no shell'), { why: 'no shell', denied: false }],
])('%s, in words', (error, said) => {
  expect(whyUnreachable(error, 'exec')).toEqual(said)
})

test('a rule for the role is advised where it would help, and not against a webhook', () => {
  const member = {
    pod: 'zk-0',
    namespace: 'zk',
    ordinal: 0,
    uid: '1',
    node: undefined,
    container: 'zk',
    clientPort: 2181,
    ready: true,
  }
  expect(execFix(member, whyUnreachable(forbidden(NO_ROLE), 'exec'))).toContain('pods/exec')
  expect(execFix(member, whyUnreachable(forbidden(WEBHOOK), 'exec'))).toBe(BEYOND_ROLE_FIX)
})
