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
function lineFor(code: Code, container = 'kubernetes-zookeeper'): string | undefined {
  if (set === undefined) throw new Error('the tutorial has a StatefulSet')
  const place = faultPlace(set, code, container)
  return place?.line === undefined ? undefined : lines[place.line - 1]?.trim()
}

describe('a fault of what was applied stands on the field that it is about', () => {
  test.each([
    ['IMAGE_PULL', /^image: /],
    ['CRASH_LOOP', /^- name: kubernetes-zookeeper/],
    ['NOT_READY', /^readinessProbe:/],
    ['CLAIM_PENDING', /^volumeClaimTemplates:/],
    ['UNSCHEDULABLE', /^affinity:/],
    ['MEMBERSHIP_CHANGE', /^replicas: /],
  ] as const)('%s', (code, line) => expect(lineFor(code)).toMatch(line))

  test('what no field is about has no line, nor has a container that the manifest does not have', () => {
    expect(lineFor('QUORUM_LOST')).toBeUndefined()
    expect(lineFor('IMAGE_PULL', 'istio-proxy')).toBeUndefined()
  })
})
