// The one table of inputs, a row each: how it is read, its default, and which operations read it.
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

const CHECKING = ['deploy', 'undo', 'restart', 'scale', 'drain', 'verify'] as const
const CHANGING = ['deploy', 'undo', 'restart', 'scale', 'drain', 'uncordon', 'cleanup'] as const

/**
 * An input's default as action.yml writes it, and the operations that read it. '' is for none; what
 * the built-in ensemble takes then is in manifests/built-in.ts.
 */
interface InputUse {
  readonly default: string
  readonly usedBy: 'all' | readonly Operation[]
}

const USES = z.registry<InputUse>()

function input<Read extends z.ZodType>(
  read: Read,
  otherwise: string,
  usedBy: InputUse['usedBy'],
): Read {
  USES.add(read, { default: otherwise, usedBy })
  return read
}

/**
 * Every input by its id: how it is read, its default, which operations it is of use to. What comes
 * out is the value that `Inputs` carries.
 */
export const SCHEMA = z.object({
  operation: input(choice(OPERATIONS), 'deploy', 'all'),
  manifests: input(lines(), '', ['deploy', 'plan', 'cleanup']),
  name: input(subdomain(), '', 'all'),
  namespace: input(label(63), '', 'all'),
  'create-namespace': input(flag(), 'false', ['deploy', 'plan']),
  ttl: input(lifeTime(), '', ['deploy', 'plan']),
  profile: input(choice(['auto', 'zookeeper', 'cassandra', 'custom', 'none']), 'auto', 'all'),
  replicas: input(optionalCount(1, 50), '', ['deploy', 'plan', 'scale']),
  image: input(
    matching(
      /^[A-Za-z0-9][\w.:/@+-]*$/,
      'an image',
      'zookeeper:3.9 or registry.example.org/zookeeper@sha256:…',
    ),
    '',
    ['deploy', 'plan'],
  ),
  storage: input(bytes(), '', ['deploy', 'plan']),
  'storage-class': input(subdomain(), '', ['deploy', 'plan']),
  cpu: input(cores(), '', ['deploy', 'plan']),
  memory: input(bytes(), '', ['deploy', 'plan']),
  heap: input(heapSize(), '', ['deploy', 'plan']),
  timeout: input(waitingTime(), '15m', 'all'),
  'member-timeout': input(waitingTime(), '5m', [
    'deploy',
    'verify',
    'undo',
    'restart',
    'scale',
    'drain',
    'uncordon',
  ]),
  verify: input(choice(['quick', 'full', 'thorough', 'off']), 'full', CHECKING),
  pace: input(choice(['quorum', 'controller']), 'quorum', ['deploy', 'plan', 'undo']),
  'on-failure': input(choice(['undo', 'keep']), 'undo', ['deploy']),
  'to-revision': input(
    matching(
      /^(\d{1,9}|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/,
      "a revision number or a ControllerRevision's name",
      '3 or zk-5d8f7c9b6',
    ),
    '',
    ['undo'],
  ),
  wait: input(flag(), 'false', ['status']),
  nodes: input(nameLines(), '', ['drain', 'uncordon']),
  'node-selector': input(matching(SELECTOR, 'a label selector', 'pool=blue'), '', [
    'drain',
    'uncordon',
  ]),
  members: input(nameLines(), '', ['drain', 'uncordon']),
  placement: input(choice(['auto', 'elsewhere', 'in-place']), 'auto', ['drain']),
  'maintenance-command': input(text(), '', ['drain']),
  'maintenance-timeout': input(waitingTime(), '30m', ['drain']),
  uncordon: input(choice(['auto', 'after', 'on-failure', 'never']), 'auto', ['drain']),
  'ignore-daemonsets': input(flag(), 'true', ['drain']),
  'delete-emptydir-data': input(flag(), 'false', ['drain']),
  'evict-unmanaged': input(flag(), 'false', ['drain']),
  'grace-period': input(optionalCount(0, 86_400), '', ['drain']),
  'pod-selector': input(matching(SELECTOR, 'a label selector', 'app=web'), '', ['drain']),
  'any-cordon': input(flag(), 'false', ['uncordon']),
  'delete-claims': input(flag(), 'false', ['cleanup', 'scale']),
  sweep: input(flag(), 'false', ['cleanup']),
  'force-conflicts': input(flag(), 'false', ['deploy', 'plan', 'undo']),
  'dry-run': input(flag(), 'false', CHANGING),
  'write-command': input(text(), '', CHECKING),
  'read-command': input(text(), '', CHECKING),
  'serves-command': input(text(), '', [...CHECKING, 'plan', 'status']),
  'zookeeper-auth': input(
    secretMatching(
      LOGIN,
      'is neither user:password nor secret/NAME',
      'write the digest user and the password with a colon between them, from a secret, or secret/ and the name of a Secret of the namespace',
    ),
    '',
    CHECKING,
  ),
  'check-path': input(
    matching(ZNODE, "a znode's absolute path outside /zookeeper", '/zk-ensemble-action'),
    '/zk-ensemble-action',
    CHECKING,
  ),
  'cassandra-auth': input(
    secretMatching(
      LOGIN,
      'is neither user:password nor secret/NAME',
      'write the role and the password with a colon between them, from a secret, or secret/ and the name of a Secret of the namespace',
    ),
    '',
    CHECKING,
  ),
  lint: input(choice(['error', 'warn']), 'error', ['deploy', 'plan']),
  kubeconfig: input(text(), '', 'all'),
  context: input(text(), '', 'all'),
  'log-lines': input(count(0, 1000), '25', 'all'),
  summary: input(choice(['full', 'short', 'off']), 'full', 'all'),
})

export type InputId = keyof typeof SCHEMA.shape
export type Values = z.infer<typeof SCHEMA>

export const INPUT_IDS: readonly InputId[] = Object.keys(SCHEMA.shape).filter(isInputId)

export function isInputId(text: string): text is InputId {
  return Object.hasOwn(SCHEMA.shape, text)
}

export function useOf(id: InputId): InputUse {
  const use = USES.get(SCHEMA.shape[id])
  if (use === undefined) throw new Error(`the input ${id} has no row`)
  return use
}
