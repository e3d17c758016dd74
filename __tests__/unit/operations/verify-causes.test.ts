// What a user counts on when checks fail because of a pod: the pod's own fault is the cause, with
// its proof, and not that somebody is outside of the quorum.

import { describe, expect, jest, test } from '@jest/globals'
import { untilHere } from '../../support/in-process.ts'
import { withEnsemble } from './drained-ensemble.ts'

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
