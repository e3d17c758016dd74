// Probes, start order and published addresses: three settings that must be chosen together, or the first start never ends.

import type { Finding } from '../../errors.ts'
import { judgeHosts, listedHosts, membersOfSet } from '../addresses.ts'
import type { Container } from '../shapes.ts'
import { fault, inContainer, warning, type Rule } from './rule.ts'

type Asks = 'nothing' | 'process' | 'quorum' | 'unknown'

/** What a probe proves: that a process answers, or that the member serves, which it does only in a quorum. */
export function asks(probe: Container['readinessProbe']): Asks {
  if (probe === undefined || probe === null) return 'nothing'
  if (probe.tcpSocket !== undefined || probe.httpGet !== undefined) return 'process'
  const text = probe.exec?.command.join(' ') ?? ''
  if (/ruok|zookeeper-ready|zkOk/.test(text)) return 'process'
  if (/Mode|mode|zkServer\.sh\s+status|zkCli|isro|mntr/.test(text)) return 'quorum'
  return 'unknown'
}

export const probes: Rule = (subject) => {
  const { set, services, container, profile } = subject
  const { replicas, podManagementPolicy, serviceName } = set.shape.spec
  if (profile !== 'zookeeper') return []
  const found: Finding[] = []
  const readiness = inContainer(subject, 'readinessProbe')
  switch (asks(container.readinessProbe)) {
    case 'nothing':
      found.push(warning(set.manifest, readiness, 'no readiness probe: members count as Ready before they serve', 'add a probe that asks srvr for its Mode, with podManagementPolicy: Parallel and publishNotReadyAddresses: true'))
      break
    case 'process':
      found.push(warning(set.manifest, readiness, 'the readiness probe asks only whether the process answers: a member without quorum is Ready, and the disruption budget counts it', 'ask srvr for its Mode, with podManagementPolicy: Parallel and publishNotReadyAddresses: true'))
      break
    case 'quorum': {
      // Where Services are the members' names, they are what must be there before a member is Ready.
      const named = judgeHosts(listedHosts(set.shape), services.map(({ manifest }) => manifest.object), membersOfSet(set.shape, subject.namespace)).kind === 'stay'
      const published = named || services.find(({ manifest }) => manifest.object.metadata.name === serviceName)?.shape.spec.publishNotReadyAddresses === true
      if (replicas > 1 && podManagementPolicy === 'OrderedReady') {
        found.push(fault(set.manifest, readiness, 'readiness asks for the quorum, but OrderedReady makes the second member only when the first is Ready: the first start never ends', 'set podManagementPolicy: Parallel (a set that is there already must be made anew)'))
      }
      if (replicas > 1 && !published) {
        found.push(fault(set.manifest, readiness, `readiness asks for the quorum, but service ${serviceName} names only members that are Ready: they never find each other`, 'set publishNotReadyAddresses: true on the headless service'))
      }
      break
    }
    case 'unknown':
      break
  }
  if (asks(container.livenessProbe) === 'quorum') {
    found.push(warning(set.manifest, inContainer(subject, 'livenessProbe'), 'the liveness probe restarts members that wait for their quorum, which delays it', 'ask only whether the process answers'))
  }
  return found
}
