// What a rule of the lint is given, and how it speaks.

import type { Finding, Place } from '../../errors.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { MemberContainer } from '../ensemble.ts'
import type { Manifest } from '../manifest.ts'
import type { ServerConfig } from '../server-config.ts'
import type { ContainerSettings } from '../settings.ts'
import type { BudgetShape, Container, ServiceShape, SetShape, Shaped } from '../shapes.ts'

/** One ensemble as its manifests show it. Services and budgets are those of the set's namespace. */
export interface LintSubject {
  readonly manifests: readonly Manifest[]
  readonly set: Shaped<SetShape>
  readonly services: readonly Shaped<ServiceShape>[]
  readonly budgets: readonly Shaped<BudgetShape>[]
  readonly profile: ProfileName
  readonly member: MemberContainer
  readonly container: Container
  readonly settings: ContainerSettings
  /** Data of the ConfigMaps among the manifests, by name. */
  readonly configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** Keys of the server's configuration; ZooKeeper only. */
  readonly config: ServerConfig
  /**
   * Members that the set will have; undefined where the manifest leaves it out and the cluster has
   * not been asked.
   */
  readonly replicas: number | undefined
  /**
   * What the cluster said; undefined before there is a connection: a rule that needs it waits until
   * then.
   */
  readonly cluster: ClusterSeen | undefined
  /** Labels of the pods. */
  readonly labels: Readonly<Record<string, string>>
  /** Where the objects go, as far as input and manifests say. */
  readonly namespace: string | undefined
}

/** What the manifests leave to the cluster. */
export interface ClusterSeen {
  /** The headless service, where the manifests don't have it. */
  readonly headless: Shaped<ServiceShape> | 'absent' | 'unreadable'
  /** There is no such set yet; undefined where it wasn't looked for. */
  readonly first: boolean
}

export type Rule = (subject: LintSubject) => readonly Finding[]

/** From the container, or from the object. */
export type Path = readonly (string | number)[]

export function fault(manifest: Manifest, path: Path, message: string, fix: string): Finding {
  return finding('error', manifest, path, message, fix)
}

export function warning(manifest: Manifest, path: Path, message: string, fix: string): Finding {
  return finding('warning', manifest, path, message, fix)
}

/** Nothing is wrong with it. */
export function notice(manifest: Manifest, path: Path, message: string, fix: string): Finding {
  return finding('notice', manifest, path, message, fix)
}

/** What would join another ensemble or lose data: an error that `lint: warn` doesn't soften. */
export function danger(manifest: Manifest, path: Path, message: string, fix: string): Finding {
  return { ...fault(manifest, path, message, fix), always: true }
}

function finding(
  severity: Finding['severity'],
  manifest: Manifest,
  path: Path,
  message: string,
  fix: string,
): Finding {
  const place: Place = manifest.placeOf(path)
  return {
    code: 'LINT_FAILED',
    severity,
    message,
    fix,
    place,
    object: `${manifest.object.kind.toLowerCase()}/${manifest.object.metadata.name}`,
  }
}

/** Path of the member's container in the set, with what follows in it. */
export function inContainer({ member }: LintSubject, ...rest: Path): Path {
  return ['spec', 'template', 'spec', 'containers', member.index, ...rest]
}
