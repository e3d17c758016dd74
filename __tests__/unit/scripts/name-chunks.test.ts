// A file of dist says what is in it, for who reads a stack trace or a review of dist.

import { expect, test } from '@jest/globals'
import { nameOf } from '../../../scripts/name-chunks.ts'

const source = (name: string, size = 10): { name: string; size: number } => ({
  name: `./lib/${name}.js`,
  size,
})
const library = (path: string, size = 10): { name: string; size: number } => ({
  name: `./node_modules/${path}`,
  size,
})

test.each([
  [
    'operations-drain',
    [source('decide/drain/gates', 90), source('operations/drain')],
    ['./operations/drain.js'],
  ],
  ['manifests-read', [source('manifests/read')], ['../manifests/read.js']],
  [
    'shared-record-lock',
    [source('kube/status'), source('record/lock', 20)],
    ['./operations/drain.js', './operations/undo.js'],
  ],
  [
    'kubernetes-client-node',
    [library('undici/index.js', 90), library('@kubernetes/client-node/dist/config.js')],
    ['./kube/connect.js'],
  ],
  ['socks', [library('ip-address/a.js'), library('socks/b.js', 90)], ['./kube/connect.js']],
])('%s', (name, modules, requests) => {
  expect(nameOf(modules, requests)).toBe(name)
})
