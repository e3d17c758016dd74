// Ensembles as the tutorial and the official image make them, and the ways to them, for tests that need no simulated cluster around.

import type { Member, Reach } from '../../../src/ensemble/profile.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import type { MemberSpec, SimulatedEnsemble } from './zookeeper.ts'

/** The usual ensemble of `count` members in the way of the tutorial (3.4.10) or of the official image (anything newer); all are started. */
export function usualMembers(count: number, version = '3.9.5', name = 'zk'): readonly MemberSpec[] {
  const domain = `${name}-hs.test.svc.cluster.local`
  const old = version.startsWith('3.4.')
  const list = Array.from({ length: count }, (_, index) => `server.${index + 1}=${name}-${index}.${domain}:2888:3888${old ? '' : ';2181'}`)
  const config = [...(old ? ['clientPort=2181', 'dataDir=/var/lib/zookeeper/data'] : ['dataDir=/data']), 'tickTime=2000', 'initLimit=10', 'syncLimit=5', ...(count > 1 ? list : old ? [] : list), ''].join('\n')
  return Array.from({ length: count }, (_, ordinal) => ({
    ordinal, fqdn: `${name}-${ordinal}.${domain}`, version, claim: `datadir-${name}-${ordinal}`, myid: ordinal + 1, config, configPath: old ? '/opt/zookeeper/conf/zoo.cfg' : '/conf/zoo.cfg', clientPort: 2181,
  }))
}

export function membersOf(count: number, name = 'zk'): readonly Member[] {
  return Array.from({ length: count }, (_, ordinal) => ({ pod: `${name}-${ordinal}`, namespace: 'test', ordinal, uid: `uid-${ordinal}`, node: `node-${ordinal + 1}`, container: 'server', clientPort: 2181, ready: true }))
}

/** Port-forward and exec straight into the simulated members; without a right each answers as the API server does. */
export function reachInto(ensemble: SimulatedEnsemble, may: Reach['may'] = { forward: true, exec: true }): Reach {
  const forbidden = (what: string): KubeFailure => new KubeFailure({ status: 403, reason: 'Forbidden', message: `pods "zk-0" is forbidden: User "ci" cannot create resource "pods/${what}"`, request: what })
  return {
    may,
    open(member) {
      if (!may.forward) return Promise.reject(forbidden('portforward'))
      const stream = ensemble.connect(member.ordinal)
      return stream === undefined ? Promise.reject(new KubeFailure({ status: 0, reason: 'Unreachable', message: 'connection refused', request: 'portforward' })) : Promise.resolve(stream)
    },
    exec: (member, command, options) => (may.exec ? Promise.resolve(ensemble.exec(member.ordinal, command, options.stdin)) : Promise.reject(forbidden('exec'))),
  }
}
