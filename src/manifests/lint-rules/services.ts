// Names of members: the headless service gives each its own, and without it no member finds another.

import type { Finding } from '../../errors.ts'
import { judgeHosts, listedHosts, membersOfSet } from '../addresses.ts'
import { selects } from '../shapes.ts'
import { fault, warning, type LintSubject, type Rule } from './rule.ts'

export const setSelector: Rule = ({ set, labels }) =>
  selects(set.shape.spec.selector, labels) ? [] : [fault(set.manifest, ['spec', 'selector'], "the selector doesn't take the labels of its own template", 'give spec.selector.matchLabels and spec.template.metadata.labels the same labels')]

export const headlessService: Rule = (subject) => {
  const { set, services, labels, profile } = subject
  const { serviceName, replicas } = set.shape.spec
  if (profile === 'none' || profile === 'custom') return []
  if (serviceName === '') return [fault(set.manifest, ['spec', 'serviceName'], 'no serviceName: members would have no names of their own', 'set spec.serviceName to the headless service')]
  const service = services.find(({ manifest }) => manifest.object.metadata.name === serviceName)
  if (service === undefined) return [fault(set.manifest, ['spec', 'serviceName'], `serviceName ${serviceName} is no service of these manifests`, `add a Service ${serviceName} with clusterIP: None, or correct the name`)]
  const { manifest, shape } = service
  const found: Finding[] = []
  if (shape.spec.clusterIP !== 'None') found.push(fault(manifest, ['spec', 'clusterIP'], `service ${serviceName} is not headless: members would have no names of their own`, 'set clusterIP: None (a service that is there already must be made anew)'))
  if (!takes(shape.spec.selector, labels)) found.push(fault(manifest, ['spec', 'selector'], `service ${serviceName} doesn't select the members`, `select ${Object.entries(labels).map(([key, value]) => `${key}: ${value}`).join(', ') || 'the labels of the template'}`))
  const named = judgeHosts(listedHosts(set.shape), services.map((one) => one.manifest.object), membersOfSet(set.shape, subject.namespace)).kind === 'stay'
  if (profile === 'zookeeper' && replicas > 1 && shape.spec.publishNotReadyAddresses !== true && !named) {
    found.push(warning(manifest, ['spec'], `service ${serviceName} publishes only Ready members: one that comes back has no name until then, and an election may wait for it`, 'set publishNotReadyAddresses: true'))
  }
  return found
}

export const clientServices: Rule = ({ set, services, labels, container }) => {
  const known = container.ports.flatMap((port) => [port.containerPort, ...(port.name === undefined ? [] : [port.name])])
  return services.flatMap(({ manifest, shape }) => {
    if (known.length === 0 || manifest.object.metadata.name === set.shape.spec.serviceName || !takes(shape.spec.selector, labels)) return []
    return shape.spec.ports.flatMap((port, index) => {
      const target = port.targetPort ?? port.port
      return known.includes(target) ? [] : [warning(manifest, ['spec', 'ports', index], `port ${port.port} leads to ${target}, which the server's container doesn't name`, 'correct port or targetPort')]
    })
  })
}

function takes(selector: Readonly<Record<string, string>>, labels: LintSubject['labels']): boolean {
  return Object.keys(selector).length > 0 && Object.entries(selector).every(([key, value]) => labels[key] === value)
}
