// Probes, start order and published addresses: three settings that must be chosen together, or the
// first start never ends.

import type { Finding } from '../../errors.ts'
import { judgeHosts, listedHosts, membersOfSet } from '../addresses.ts'
import { scriptOfWords } from '../settings.ts'
import type { Container } from '../shapes.ts'
import { fault, inContainer, warning, type LintSubject, type Rule } from './rule.ts'
import { headlessOf, namedByServices } from './services.ts'

type Asks = 'nothing' | 'process' | 'quorum' | 'unknown'

/**
 * What a probe proves: that a process answers, or that the member serves, which it does only in a
 * quorum. What a script of the image asks is unknown.
 */
export function asks(
  probe: Container['readinessProbe'],
  subject: Pick<LintSubject, 'container' | 'configMaps' | 'set'>,
): Asks {
  if (probe === undefined || probe === null) return 'nothing'
  if (probe.tcpSocket !== undefined) return 'process'
  if (probe.exec === undefined) return 'unknown'
  const { script, unread } = scriptOfWords(
    probe.exec.command,
    subject.container,
    subject.configMaps,
    subject.set.shape.spec.template.spec,
  )
  if (unread.length > 0) return 'unknown'
  // A word of the protocol whose answer is looked at: what is printed alone makes no probe fail.
  const judged =
    /\b(srvr|stat|mntr|isro)\b/.test(script) &&
    /\b(Mode|leader|follower|standalone|rw|zk_server_state|zk_followers|zk_synced_followers)\b/i.test(
      script,
    )
  if (judged || /zkServer\.sh\s+status|zkCli(\.sh)?\b/.test(script))
    return isContentWithLess(script) ? 'unknown' : 'quorum'
  return /ruok|zookeeper-ready|zkOk/.test(script) ? 'process' : 'unknown'
}

/**
 * A script with another way to succeed, such as `ruok` until the member has joined once: only
 * whoever runs it knows when it asks for the quorum.
 */
function isContentWithLess(script: string): boolean {
  return /\bruok\b|\belse\b|\|\|(?!\s*(?:exit\s+[1-9]|false|return\s+[1-9]))/.test(script)
}

export const probes: Rule = (subject) => {
  const { set, container, profile } = subject
  if (profile !== 'zookeeper') return []
  const found: Finding[] = []
  const readiness = inContainer(subject, 'readinessProbe')
  switch (asks(container.readinessProbe, subject)) {
    case 'nothing':
      found.push(
        warning(
          set.manifest,
          readiness,
          'no readiness probe: members count as Ready before they serve',
          'add a probe that asks srvr for its Mode, with podManagementPolicy: Parallel and publishNotReadyAddresses: true',
        ),
      )
      break
    case 'process':
      found.push(
        warning(
          set.manifest,
          readiness,
          'the readiness probe asks only whether the process answers: a member without quorum is Ready, and the disruption budget counts it',
          'ask srvr for its Mode, with podManagementPolicy: Parallel and publishNotReadyAddresses: true',
        ),
      )
      break
    case 'quorum':
      found.push(...asksForQuorum(subject))
      break
    case 'unknown':
      break
  }
  if (asks(container.livenessProbe, subject) === 'quorum') {
    found.push(
      warning(
        set.manifest,
        inContainer(subject, 'livenessProbe'),
        'the liveness probe restarts members that wait for their quorum, which delays it',
        'ask only whether the process answers',
      ),
    )
  }
  return found
}

function asksForQuorum(subject: LintSubject): readonly Finding[] {
  const { set, replicas } = subject
  const { podManagementPolicy, serviceName } = set.shape.spec
  if (replicas === undefined || replicas < 2) return []
  const readiness = inContainer(subject, 'readinessProbe')
  const found: Finding[] = []
  if (podManagementPolicy === 'OrderedReady') {
    found.push(
      fault(
        set.manifest,
        readiness,
        'readiness asks for the quorum, but OrderedReady makes the second member only when the first is Ready: the first start never ends',
        'set podManagementPolicy: Parallel (a set that is there already must be recreated)',
      ),
    )
  }
  const headless = headlessOf(subject)
  const hidden =
    (headless.kind === 'here' || headless.kind === 'cluster') &&
    headless.service.shape.spec.publishNotReadyAddresses !== true &&
    !namedByServices(subject)
  if (hidden) {
    const named =
      judgeHosts(
        listedHosts(set.shape),
        subject.services.map(({ manifest }) => manifest.object),
        membersOfSet(set.shape, subject.namespace),
      ).kind === 'move'
    // By which names members look for each other is known from their list alone.
    found.push(
      (named ? fault : warning)(
        set.manifest,
        readiness,
        `readiness asks for the quorum, but service ${serviceName} names only members that are Ready: they never find each other${named ? '' : ' by its names'}`,
        'set publishNotReadyAddresses: true on the headless service',
      ),
    )
  }
  return found
}
