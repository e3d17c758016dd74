// Ensembles as the tutorial and the official image make them, and the ways to them, for tests that
// need no simulated cluster around.

import { Duplex } from 'node:stream'
import type { Member, Reach } from '../../../src/ensemble/profile.ts'
import { CONNECTED } from '../../../src/ensemble/zookeeper/tunnel.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import type { MemberSpec, SimulatedEnsemble } from './zookeeper.ts'

/**
 * The usual ensemble of `count` members in the way of the tutorial (3.4.10) or of the official
 * image (anything newer); all are started.
 */
export function usualMembers(count: number, version = '3.9.5', name = 'zk'): readonly MemberSpec[] {
  const domain = `${name}-hs.test.svc.cluster.local`
  const old = version.startsWith('3.4.')
  const list = Array.from(
    { length: count },
    (_, index) => `server.${index + 1}=${name}-${index}.${domain}:2888:3888${old ? '' : ';2181'}`,
  )
  const config = [
    ...(old ? ['clientPort=2181', 'dataDir=/var/lib/zookeeper/data'] : ['dataDir=/data']),
    'tickTime=2000',
    'initLimit=10',
    'syncLimit=5',
    ...(count > 1 ? list : old ? [] : list),
    '',
  ].join('\n')
  return Array.from({ length: count }, (_, ordinal) => ({
    ordinal,
    fqdn: `${name}-${ordinal}.${domain}`,
    version,
    claim: `datadir-${name}-${ordinal}`,
    myid: ordinal + 1,
    config,
    configPath: old ? '/opt/zookeeper/conf/zoo.cfg' : '/conf/zoo.cfg',
    clientPort: 2181,
  }))
}

export function membersOf(count: number, name = 'zk'): readonly Member[] {
  return Array.from({ length: count }, (_, ordinal) => ({
    pod: `${name}-${ordinal}`,
    namespace: 'test',
    ordinal,
    uid: `uid-${ordinal}`,
    node: `node-${ordinal + 1}`,
    container: 'server',
    clientPort: 2181,
    ready: true,
  }))
}

/**
 * Port-forward and exec straight into the simulated members; without a right each answers as the
 * API server does. `bound`: ordinals whose client port is at another address than the loopback one.
 */
export function reachInto(
  ensemble: SimulatedEnsemble,
  may: Reach['may'] = { forward: true, exec: true },
  bound: ReadonlySet<number> = new Set(),
): Reach {
  const forbidden = (what: string): KubeFailure =>
    new KubeFailure({
      status: 403,
      reason: 'Forbidden',
      message: `pods "zk-0" is forbidden: User "ci" cannot create resource "pods/${what}"`,
      request: what,
    })
  return {
    may,
    open(member) {
      if (!may.forward) return Promise.reject(forbidden('portforward'))
      const refused = new KubeFailure({
        status: 0,
        reason: 'ConnectionRefused',
        message:
          'the port-forward failed: nothing listens on that port at the loopback address of the pod',
        request: 'portforward',
      })
      const stream = bound.has(member.ordinal) ? undefined : ensemble.connect(member.ordinal)
      return stream === undefined ? Promise.resolve(brokenBy(refused)) : Promise.resolve(stream)
    },
    tunnel(member) {
      if (!may.exec) return Promise.reject(forbidden('exec'))
      const stream = ensemble.connect(member.ordinal)
      return Promise.resolve(
        stream === undefined
          ? { kind: 'ended', exitCode: 1, stderr: '' }
          : { kind: 'open', line: `${CONNECTED} 127.0.0.1/2181`, stream },
      )
    },
    exec: (member, command) =>
      may.exec
        ? Promise.resolve(ensemble.exec(member.ordinal, command))
        : Promise.reject(forbidden('exec')),
  }
}

/** The API server opens the tunnel, and its first word is that there is nobody. */
function brokenBy(error: Error): Duplex {
  const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  stream.on('error', () => undefined)
  setImmediate(() => stream.destroy(error))
  return stream
}
