// What a user counts on when checks fail because of a pod: the pod's own fault is the cause, with
// its proof, and not that somebody is outside of the quorum.

import { describe, expect, jest, test } from '@jest/globals'
import { untilHere } from '../../support/in-process.ts'
import { parse } from '../../support/cluster/json.ts'
import { MEMBERS, withEnsemble, type Given } from './drained-ensemble.ts'

jest.setTimeout(120_000)

describe('a verify of an ensemble of which two members have an image that is not there', () => {
  test('names the pull, not the member that lost its quorum by it', () =>
    withEnsemble({}, async (given) => {
      const { cluster, clock } = given
      cluster.somebody.setImage('default', 'zk', 'registry.k8s.io/kubernetes-zookeeper:not-there')
      const waits = (pod: string): boolean =>
        JSON.stringify(cluster.objects.get('Pod', 'default', pod) ?? {}).includes(
          'ImagePullBackOff',
        )
      await untilHere(clock, 'zk-2 can not be pulled', () => waits('zk-2'))
      cluster.somebody.delete('Pod', 'default', 'zk-1')
      await untilHere(clock, 'zk-1 can not be pulled', () => waits('zk-1'))
      const ended = await given.start({ operation: 'verify', uncordon: 'auto' }).ended
      expect([ended.report.result, ended.report.code]).toEqual(['failed', 'IMAGE_PULL'])
      expect(ended.report.message).toContain('zk-1')
      expect(ended.report.message).toContain('not-there')
      expect(ended.report.evidence.map(({ object }) => object)).toEqual(['pod/zk-1', 'pod/zk-2'])
      // What could not be asked of them follows from it.
      expect(
        ended.report.findings.filter(
          ({ code, object }) => code === 'CHECK_IMPOSSIBLE' && object?.startsWith('pod/') === true,
        ),
      ).toEqual([])
    }))

  test('stays as it is where the pods show nothing', () =>
    withEnsemble({}, async (given) => {
      const { cluster } = given
      cluster.faultMember('default', 'zk', 2, { notServing: true })
      const ended = await given.start({
        operation: 'verify',
        uncordon: 'auto',
        'member-timeout': '30s',
      }).ended
      expect(ended.report).toMatchObject({ result: 'failed', code: 'CHECK_FAILED', evidence: [] })
      expect(ended.report.message).toContain('zk-2')
    }))
})

describe('a verify of members that serve while their pods are not Ready yet', () => {
  /** A list of the pods in which zk-0 is not Ready. */
  const behind = (objects: Given['cluster']['objects']): string =>
    JSON.stringify({
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '1' },
      items: MEMBERS.map((name) => {
        const text = JSON.stringify(objects.get('Pod', 'default', name))
        return parse(
          name === 'zk-0'
            ? text.replace(/"type":"Ready","status":"True"/, '"type":"Ready","status":"False"')
            : text,
        )
      }),
    })

  test.each([
    ['waits for their probes, and succeeds', 8, ['succeeded', '']],
    ['ends, after half a minute, as not ready', 1_000, ['failed', 'NOT_READY']],
  ] as const)('%s', (_title, times, verdict) =>
    withEnsemble({}, async (given) => {
      const { cluster } = given
      const body = behind(cluster.objects)
      cluster.faults.next({ verb: 'list', kind: 'Pod', status: 200, body, times })
      const ended = await given.start({ operation: 'verify', uncordon: 'auto' }).ended
      expect([ended.report.result, ended.report.code]).toEqual(verdict)
    }),
  )

  test('reports the service as it stands after the wait', () =>
    withEnsemble({}, async (given) => {
      const { cluster } = given
      const body = JSON.stringify({
        kind: 'EndpointSliceList',
        apiVersion: 'discovery.k8s.io/v1',
        metadata: { resourceVersion: '1' },
        items: cluster.objects
          .list('EndpointSlice')
          .map((slice) =>
            parse(
              JSON.stringify(slice).replace(
                /"ready":true(?=(?:(?!"ready").)*"name":"zk-0")/,
                '"ready":false',
              ),
            ),
          ),
      })
      cluster.faults.always({ verb: 'list', kind: 'EndpointSlice', status: 200, body })
      cluster.faults.always({
        verb: 'list',
        kind: 'Pod',
        status: 200,
        body: behind(cluster.objects),
      })
      const ended = await given.start(
        { operation: 'verify', uncordon: 'auto' },
        {
          onLine: (line) => (line.includes('service: warned') ? cluster.faults.clear() : undefined),
        },
      ).ended
      expect([ended.report.result, ended.report.code]).toEqual(['succeeded', ''])
      expect(ended.lines.join('\n')).toContain('service: warned')
      expect(ended.report.checks.find(({ name }) => name === 'service')).toMatchObject({
        outcome: 'passed',
        findings: [],
      })
      expect(ended.report.findings).toEqual([])
    }))

  test('says how they stand after the wait, where Ready alone tells who serves', () =>
    withEnsemble({}, async (given) => {
      const { cluster } = given
      const body = behind(cluster.objects)
      cluster.faults.next({ verb: 'list', kind: 'Pod', status: 200, body, times: 4 })
      const ended = await given.start({
        operation: 'verify',
        uncordon: 'auto',
        profile: 'none',
        verify: 'quick',
      }).ended
      expect(ended.report.result).toBe('succeeded')
      // Nobody is said not to serve for having been behind before the wait.
      expect(ended.report.message).toMatch(/ is not known \(zk-0, zk-1, zk-2 can't be asked/)
      expect(ended.report.message).not.toContain('members serve')
    }))
})
