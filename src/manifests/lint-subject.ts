// What the lint is given, made of the parsed manifests; and the same with what the cluster told of
// what they leave open.

import { memberContainer } from './ensemble.ts'
import type { ClusterSeen, LintSubject } from './lint-rules/rule.ts'
import type { ConfigMaps } from './mounted-files.ts'
import { serverConfig, type ServerConfig } from './server-config.ts'
import { containerSettings } from './settings.ts'

type Given = Pick<
  LintSubject,
  'manifests' | 'set' | 'services' | 'budgets' | 'configMaps' | 'profile' | 'namespace' | 'cluster'
> & {
  /** Instead of the manifest's. */
  readonly image?: string | undefined
  /** Members that run, where `replicas` is left out. */
  readonly running?: number | undefined
}

const NO_CONFIG: ServerConfig = { from: 'unknown', keys: new Map(), complete: false, unseen: [] }

export function lintSubject({ image, running, ...given }: Given): LintSubject | undefined {
  const { set, profile, configMaps } = given
  const pod = set.shape.spec.template.spec
  const found = memberContainer(pod, profile)
  const container = pod.containers[found?.index ?? -1]
  if (found === undefined || container === undefined) return undefined
  const member = image === undefined ? found : { ...found, image }
  const settings = containerSettings(container, configMaps, pod)
  return {
    ...given,
    member,
    container,
    settings,
    config:
      profile === 'zookeeper'
        ? serverConfig({ set, container, settings, member, configMaps })
        : NO_CONFIG,
    replicas: set.shape.spec.replicasGiven ? set.shape.spec.replicas : running,
    labels: set.shape.spec.template.metadata?.labels ?? {},
  }
}

export interface Told {
  readonly namespace: string
  /** Those that the manifests don't have. */
  readonly configMaps: ConfigMaps
  /** Members that run, or will where `replicas` is left out. */
  readonly running: number
  readonly cluster: ClusterSeen
}

/** Undefined only where there was nothing to lint before. */
export function withCluster(
  subject: LintSubject,
  { namespace, configMaps, running, cluster }: Told,
): LintSubject {
  const { shape } = subject.set
  const set = shape.spec.replicasGiven
    ? subject.set
    : { ...subject.set, shape: { ...shape, spec: { ...shape.spec, replicas: running } } }
  return (
    lintSubject({
      ...subject,
      set,
      configMaps: new Map([...configMaps, ...subject.configMaps]),
      namespace,
      cluster,
      running,
      image: subject.member.image,
    }) ?? subject
  )
}
