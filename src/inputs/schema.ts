// The one table of inputs: how each is read, its default, and which operations it is of use to.
// action.yml and the README say the same (held by a test).

import { z } from 'zod'
import { OPERATIONS, type Operation } from './inputs.ts'
import { LOGIN } from './login.ts'
import { bytes, cores, heapSize } from './quantities.ts'
import {
  choice,
  count,
  flag,
  label,
  lifeTime,
  lines,
  matching,
  nameLines,
  optionalCount,
  secretMatching,
  subdomain,
  text,
  waitingTime,
} from './values.ts'

const SELECTOR = /^[^\s,][^\n]*$/
const ZNODE = /^(?!\/zookeeper(\/|$))(\/(?!\.{1,2}(\/|$))[^/\s]+)+$/

/** Every input by its id; what comes out is the value that `Inputs` carries. */
export const SCHEMA = z.object({
  operation: choice(OPERATIONS),
  manifests: lines(),
  name: subdomain(),
  namespace: label(63),
  'create-namespace': flag(),
  ttl: lifeTime(),
  profile: choice(['auto', 'zookeeper', 'cassandra', 'custom', 'none']),
  replicas: optionalCount(1, 50),
  image: matching(
    /^[A-Za-z0-9][\w.:/@+-]*$/,
    'an image',
    'zookeeper:3.9 or registry.example.org/zookeeper@sha256:…',
  ),
  storage: bytes(),
  'storage-class': subdomain(),
  cpu: cores(),
  memory: bytes(),
  heap: heapSize(),
  timeout: waitingTime(),
  'member-timeout': waitingTime(),
  verify: choice(['quick', 'full', 'thorough', 'off']),
  pace: choice(['quorum', 'controller']),
  'on-failure': choice(['undo', 'keep']),
  'to-revision': matching(
    /^(\d{1,9}|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/,
    "a revision number or a ControllerRevision's name",
    '3 or zk-5d8f7c9b6',
  ),
  wait: flag(),
  nodes: nameLines(),
  'node-selector': matching(SELECTOR, 'a label selector', 'pool=blue'),
  members: nameLines(),
  placement: choice(['auto', 'elsewhere', 'in-place']),
  'maintenance-command': text(),
  'maintenance-timeout': waitingTime(),
  uncordon: choice(['auto', 'after', 'on-failure', 'never']),
  'ignore-daemonsets': flag(),
  'delete-emptydir-data': flag(),
  'evict-unmanaged': flag(),
  'grace-period': optionalCount(0, 86_400),
  'pod-selector': matching(SELECTOR, 'a label selector', 'app=web'),
  'any-cordon': flag(),
  'delete-claims': flag(),
  sweep: flag(),
  'force-conflicts': flag(),
  'dry-run': flag(),
  'write-command': text(),
  'read-command': text(),
  'serves-command': text(),
  'zookeeper-auth': secretMatching(
    LOGIN,
    'is neither user:password nor secret/NAME',
    'write the digest user and the password with a colon between them, from a secret, or secret/ and the name of a Secret of the namespace',
  ),
  'check-path': matching(
    ZNODE,
    "a znode's absolute path outside /zookeeper",
    '/zk-ensemble-action',
  ),
  'cassandra-auth': secretMatching(
    LOGIN,
    'is neither user:password nor secret/NAME',
    'write the role and the password with a colon between them, from a secret, or secret/ and the name of a Secret of the namespace',
  ),
  lint: choice(['error', 'warn']),
  kubeconfig: text(),
  context: text(),
  'log-lines': count(0, 1000),
  summary: choice(['full', 'short', 'off']),
})

export type InputId = keyof typeof SCHEMA.shape
export type Values = z.infer<typeof SCHEMA>

/** An input's default as action.yml writes it ('' for none), and the operations that read it. */
export interface InputUse {
  readonly default: string
  readonly usedBy: 'all' | readonly Operation[]
}

const CHECKING = ['deploy', 'undo', 'restart', 'scale', 'drain', 'verify'] as const
const CHANGING = ['deploy', 'undo', 'restart', 'scale', 'drain', 'uncordon', 'cleanup'] as const

export const INPUTS: Readonly<Record<InputId, InputUse>> = {
  operation: { default: 'deploy', usedBy: 'all' },
  manifests: { default: '', usedBy: ['deploy', 'plan', 'cleanup'] },
  name: { default: '', usedBy: 'all' },
  namespace: { default: '', usedBy: 'all' },
  'create-namespace': { default: 'false', usedBy: ['deploy', 'plan'] },
  ttl: { default: '', usedBy: ['deploy', 'plan'] },
  profile: { default: 'auto', usedBy: 'all' },
  replicas: { default: '', usedBy: ['deploy', 'plan', 'scale'] },
  image: { default: '', usedBy: ['deploy', 'plan'] },
  storage: { default: '', usedBy: ['deploy', 'plan'] },
  'storage-class': { default: '', usedBy: ['deploy', 'plan'] },
  cpu: { default: '', usedBy: ['deploy', 'plan'] },
  memory: { default: '', usedBy: ['deploy', 'plan'] },
  heap: { default: '', usedBy: ['deploy', 'plan'] },
  timeout: { default: '15m', usedBy: 'all' },
  'member-timeout': {
    default: '5m',
    usedBy: ['deploy', 'verify', 'undo', 'restart', 'scale', 'drain', 'uncordon'],
  },
  verify: { default: 'full', usedBy: CHECKING },
  pace: { default: 'quorum', usedBy: ['deploy', 'plan', 'undo'] },
  'on-failure': { default: 'undo', usedBy: ['deploy'] },
  'to-revision': { default: '', usedBy: ['undo'] },
  wait: { default: 'false', usedBy: ['status'] },
  nodes: { default: '', usedBy: ['drain', 'uncordon'] },
  'node-selector': { default: '', usedBy: ['drain', 'uncordon'] },
  members: { default: '', usedBy: ['drain', 'uncordon'] },
  placement: { default: 'auto', usedBy: ['drain'] },
  'maintenance-command': { default: '', usedBy: ['drain'] },
  'maintenance-timeout': { default: '30m', usedBy: ['drain'] },
  uncordon: { default: 'auto', usedBy: ['drain'] },
  'ignore-daemonsets': { default: 'true', usedBy: ['drain'] },
  'delete-emptydir-data': { default: 'false', usedBy: ['drain'] },
  'evict-unmanaged': { default: 'false', usedBy: ['drain'] },
  'grace-period': { default: '', usedBy: ['drain'] },
  'pod-selector': { default: '', usedBy: ['drain'] },
  'any-cordon': { default: 'false', usedBy: ['uncordon'] },
  'delete-claims': { default: 'false', usedBy: ['cleanup', 'scale'] },
  sweep: { default: 'false', usedBy: ['cleanup'] },
  'force-conflicts': { default: 'false', usedBy: ['deploy', 'plan', 'undo'] },
  'dry-run': { default: 'false', usedBy: CHANGING },
  'write-command': { default: '', usedBy: CHECKING },
  'read-command': { default: '', usedBy: CHECKING },
  'serves-command': { default: '', usedBy: [...CHECKING, 'plan', 'status'] },
  'zookeeper-auth': { default: '', usedBy: CHECKING },
  'check-path': { default: '/zk-ensemble-action', usedBy: CHECKING },
  'cassandra-auth': { default: '', usedBy: CHECKING },
  lint: { default: 'error', usedBy: ['deploy', 'plan'] },
  kubeconfig: { default: '', usedBy: 'all' },
  context: { default: '', usedBy: 'all' },
  'log-lines': { default: '25', usedBy: 'all' },
  summary: { default: 'full', usedBy: 'all' },
}

export function isInputId(text: string): text is InputId {
  return Object.hasOwn(INPUTS, text)
}
