// Names of members: the headless service gives each its own, and without it no member finds
// another. It may well be somebody else's, and in the cluster already.

import type { Finding } from '../../errors.ts'
import { judgeHosts, listedHosts, membersOfSet } from '../addresses.ts'
import { POD_INDEX, POD_NAME } from '../member-services.ts'
import { namedMembers } from '../named-members.ts'
import { selects, type ServiceShape, type Shaped } from '../shapes.ts'
import { fault, warning, type LintSubject, type Rule } from './rule.ts'

export const setSelector: Rule = ({ set, labels }) =>
  selects(set.shape.spec.selector, labels)
    ? []
    : [
        fault(
          set.manifest,
          ['spec', 'selector'],
          "the selector doesn't take the labels of its own template",
          'give spec.selector.matchLabels and spec.template.metadata.labels the same labels',
        ),
      ]

export type Headless =
  | { readonly kind: 'here' | 'cluster'; readonly service: Shaped<ServiceShape> }
  | { readonly kind: 'absent' | 'unreadable' | 'unasked' }

/** The set's headless service, wherever it is. */
export function headlessOf({
  set,
  services,
  cluster,
}: Pick<LintSubject, 'set' | 'services' | 'cluster'>): Headless {
  const here = services.find(
    ({ manifest }) => manifest.object.metadata.name === set.shape.spec.serviceName,
  )
  if (here !== undefined) return { kind: 'here', service: here }
  if (cluster === undefined) return { kind: 'unasked' }
  return typeof cluster.headless === 'string'
    ? { kind: cluster.headless }
    : { kind: 'cluster', service: cluster.headless }
}

export const headlessService: Rule = (subject) => {
  const { set, profile } = subject
  const { serviceName } = set.shape.spec
  if (profile === 'none' || profile === 'custom') return []
  const at = ['spec', 'serviceName']
  const needed = needsNames(subject)
  if (serviceName === '')
    return needed === 'no'
      ? []
      : [
          bySureness(needed)(
            set.manifest,
            at,
            'no serviceName: members would have no names of their own',
            'set spec.serviceName to the headless service',
          ),
        ]
  const headless = headlessOf(subject)
  switch (headless.kind) {
    case 'unasked':
      return []
    case 'absent':
      return needed === 'no'
        ? []
        : [
            bySureness(needed)(
              set.manifest,
              at,
              `serviceName ${serviceName} is no service of these manifests, and there is none in the cluster`,
              `apply first what brings Service ${serviceName}, correct the name, or add a Service ${serviceName} with clusterIP: None to these manifests`,
            ),
          ]
    case 'unreadable':
      return needed === 'no'
        ? []
        : [
            warning(
              set.manifest,
              at,
              `service ${serviceName} is none of these manifests, and whether the cluster has it may not be looked at`,
              'give the credentials get for services, or see for yourself: kubectl get service ' +
                serviceName,
            ),
          ]
    case 'here':
    case 'cluster':
      return judgeHeadless(subject, headless.service, headless.kind === 'cluster')
  }
}

/**
 * Whether members are looked up by the names that only a headless service gives their pods. A
 * member alone that no list names needs none, nor do those that Services of their own stand for.
 */
function needsNames(subject: LintSubject): 'yes' | 'no' | 'unknown' {
  const { set, profile, settings, configMaps, replicas } = subject
  if (namedByServices(subject)) return 'no'
  const pod = new RegExp(`^${set.manifest.object.metadata.name}-\\d+$`)
  const hosts = namedMembers(set.shape, configMaps, profile).flatMap(({ members }) =>
    members.map(({ host }) => host.split('.')),
  )
  // The script puts its own name together from the domain that the service gives it.
  const byDomain =
    listedHosts(set.shape).kind === 'pods' ||
    /\bhostname\s+(?:-[df]|--domain|--fqdn)/.test(settings.script)
  if (
    hosts.some(([first = '', service]) => pod.test(first) && service !== undefined) ||
    (byDomain && replicas !== 1)
  )
    return 'yes'
  return replicas === 1 ? 'no' : 'unknown'
}

/** An error needs proof. */
function bySureness(needed: 'yes' | 'unknown'): typeof fault {
  return needed === 'yes' ? fault : warning
}

/** One in the cluster is changed by whoever applies it: the advice must not make it ours. */
function judgeHeadless(
  subject: LintSubject,
  { manifest, shape }: Shaped<ServiceShape>,
  elsewhere: boolean,
): readonly Finding[] {
  const { set, labels, replicas, profile } = subject
  const name = set.shape.spec.serviceName
  const what = elsewhere ? `service ${name} in the cluster` : `service ${name}`
  const owner = elsewhere ? ', where that service is applied from' : ''
  const found: Finding[] = []
  const needed = needsNames(subject)
  if (shape.spec.clusterIP !== 'None' && needed !== 'no') {
    const fix = elsewhere
      ? 'name a headless service in serviceName, or recreate it with clusterIP: None where it is applied from'
      : 'set clusterIP: None (a service that is there already must be recreated)'
    found.push(
      bySureness(needed)(
        manifest,
        ['spec', 'clusterIP'],
        `${what} is not headless: members would have no names of their own`,
        fix,
      ),
    )
  }
  if (!takes(shape.spec.selector, labels)) {
    const wanted =
      Object.entries(labels)
        .map(([key, value]) => `${key}: ${value}`)
        .join(', ') || 'the labels of the template'
    // Without a selector somebody else makes its endpoints.
    const proven = Object.keys(shape.spec.selector).length > 0
    found.push(
      (proven || !elsewhere ? fault : warning)(
        manifest,
        ['spec', 'selector'],
        `${what} doesn't select the members`,
        `select ${wanted}${owner}`,
      ),
    )
  }
  if (
    profile === 'zookeeper' &&
    replicas !== 1 &&
    shape.spec.publishNotReadyAddresses !== true &&
    !namedByServices(subject)
  ) {
    found.push(
      warning(
        manifest,
        ['spec'],
        `${what} publishes only Ready members: one that comes back has no name until then, and an election may wait for it`,
        `set publishNotReadyAddresses: true${owner}`,
      ),
    )
  }
  return found
}

/** Where Services are the members' names, they are what must be there before a member is Ready. */
export function namedByServices({ set, services, namespace }: LintSubject): boolean {
  return (
    judgeHosts(
      listedHosts(set.shape),
      services.map(({ manifest }) => manifest.object),
      membersOfSet(set.shape, namespace),
    ).kind === 'stay'
  )
}

/**
 * A named port must be one of the pod's; a number that no container declares may still be listened
 * at.
 */
export const clientServices: Rule = ({ set, services, labels, config, member }) => {
  const { containers } = set.shape.spec.template.spec
  const known = new Set(
    containers.flatMap(({ ports }) =>
      ports.flatMap((port) => [
        port.containerPort,
        ...(port.name === undefined ? [] : [port.name]),
      ]),
    ),
  )
  const listened = new Set([
    member.clientPort,
    Number(config.keys.get('clientPort')),
    Number(config.keys.get('secureClientPort')),
  ])
  return services.flatMap(({ manifest, shape }) => {
    if (
      known.size === 0 ||
      manifest.object.metadata.name === set.shape.spec.serviceName ||
      shape.spec.clusterIP === 'None' ||
      !takes(withoutMember(shape.spec.selector), labels)
    )
      return []
    return shape.spec.ports.flatMap((port, index) => {
      const target = port.targetPort ?? port.port
      if (known.has(target) || (typeof target === 'number' && listened.has(target))) return []
      return [
        warning(
          manifest,
          ['spec', 'ports', index],
          `port ${port.port} leads to ${target}, which no container of the members names`,
          'correct port or targetPort, or declare the port in the container that listens there',
        ),
      ]
    })
  })
}

function withoutMember({
  [POD_NAME]: _name,
  [POD_INDEX]: _index,
  ...rest
}: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return rest
}

function takes(selector: Readonly<Record<string, string>>, labels: LintSubject['labels']): boolean {
  return (
    Object.keys(selector).length > 0 &&
    Object.entries(selector).every(([key, value]) => labels[key] === value)
  )
}
