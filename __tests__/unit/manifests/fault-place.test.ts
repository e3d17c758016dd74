// An error on the line that is to be changed is found in a second; on another line it misleads.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { Code } from '../../../src/codes.ts'
import { faultPlace } from '../../../src/manifests/fault-place.ts'
import { parseText } from '../../support/parse-text.ts'

const FILE = 'examples/manifests/zookeeper-tutorial.yaml'
const text = readFileSync(new URL(`../../../${FILE}`, import.meta.url), 'utf8')
const lines = text.split('\n')
const set = parseText({ file: FILE, text, lines: true }).manifests.find(
  ({ object }) => object.kind === 'StatefulSet',
)

/** The line in the file that the fault stands on. */
function lineFor(code: Code, container = 'kubernetes-zookeeper', message = ''): string | undefined {
  if (set === undefined) throw new Error('the tutorial has a StatefulSet')
  const place = faultPlace(set, { code, message }, container)
  return place?.line === undefined ? undefined : lines[place.line - 1]?.trim()
}

describe('a fault of what was applied stands on the field that it is about', () => {
  test.each([
    ['IMAGE_PULL', /^image: /],
    ['CRASH_LOOP', /^- name: kubernetes-zookeeper/],
    ['NOT_READY', /^readinessProbe:/],
    ['CLAIM_PENDING', /^volumeClaimTemplates:/],
    ['MEMBERSHIP_CHANGE', /^replicas: /],
  ] as const)('%s', (code, line) => expect(lineFor(code)).toMatch(line))

  test.each([
    ['4 Insufficient cpu.', /^resources:/],
    ["3 node(s) didn't match pod anti-affinity rules.", /^affinity:/],
    ["4 node(s) didn't match Pod's node affinity/selector.", /^affinity:/],
    // Not written: what encloses it.
    ['4 node(s) had untolerated taint {dedicated: db}.', /^spec:/],
    ["1 Insufficient cpu, 3 node(s) didn't match pod anti-affinity rules.", /^spec:/],
  ])('no node, since %s', (reasons, line) =>
    expect(
      lineFor('UNSCHEDULABLE', undefined, `zk-0: 0/4 nodes are available: ${reasons}`),
    ).toMatch(line),
  )

  test('what no field is about has no line, nor has a container that the manifest does not have', () => {
    expect(lineFor('QUORUM_LOST')).toBeUndefined()
    expect(lineFor('IMAGE_PULL', 'istio-proxy')).toBeUndefined()
  })
})
