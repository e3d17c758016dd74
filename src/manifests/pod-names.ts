// Names inside of a set's pods: containers, ports, volumes, variables and claims. Some are refused
// by the server at once, others only when a pod or a claim is made.

import type { Finding } from '../errors.ts'
import { invalid } from './findings.ts'
import type { Manifest } from './manifest.ts'
import type { Container, SetShape } from './shapes.ts'

type Path = readonly (string | number)[]

/** A DNS label: names of containers and volumes, hosts, and what becomes a part of one. */
export const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const LABEL_MEND =
  'use lower case letters, digits and -, with a letter or digit at both ends, at most 63 characters and no dots'
const POD: Path = ['spec', 'template', 'spec']

/** MANIFEST_INVALID for each. */
export function podNameFindings(manifest: Manifest, { spec }: SetShape): readonly Finding[] {
  const pod = spec.template.spec
  const containers = [
    ...pod.initContainers.map((container, index) => ({
      container,
      path: [...POD, 'initContainers', index],
    })),
    ...pod.containers.map((container, index) => ({
      container,
      path: [...POD, 'containers', index],
    })),
  ]
  return [
    ...(spec.serviceName === '' || DNS_LABEL.test(spec.serviceName)
      ? []
      : [
          invalid(
            manifest.placeOf(['spec', 'serviceName']),
            `serviceName ${spec.serviceName} can't be the name of a Service`,
            LABEL_MEND,
          ),
        ]),
    ...spec.volumeClaimTemplates.flatMap(({ metadata }, index) =>
      named(
        manifest,
        ['spec', 'volumeClaimTemplates', index, 'metadata', 'name'],
        `claim template ${metadata.name}`,
        metadata.name,
      ),
    ),
    ...pod.volumes.flatMap(({ name }, index) =>
      named(manifest, [...POD, 'volumes', index, 'name'], `volume ${name}`, name),
    ),
    ...twice(
      manifest,
      pod.volumes.map(({ name }, index) => ({ name, path: [...POD, 'volumes', index, 'name'] })),
      'volumes',
    ),
    ...containers.flatMap(({ container, path }) =>
      named(manifest, [...path, 'name'], `container ${container.name}`, container.name),
    ),
    ...twice(
      manifest,
      containers.map(({ container, path }) => ({ name: container.name, path: [...path, 'name'] })),
      'containers',
    ),
    ...containers.flatMap(({ container, path }) => [
      ...portFindings(manifest, container, path),
      ...variableFindings(manifest, container, path),
      ...mountFindings(manifest, container, path),
    ]),
  ]
}

function named(manifest: Manifest, path: Path, what: string, name: string): readonly Finding[] {
  return DNS_LABEL.test(name)
    ? []
    : [
        invalid(
          manifest.placeOf(path),
          `the name of ${what} is none that Kubernetes takes`,
          LABEL_MEND,
        ),
      ]
}

function twice(
  manifest: Manifest,
  all: readonly { readonly name: string; readonly path: Path }[],
  what: string,
): readonly Finding[] {
  return all
    .filter(({ name }, index) => all.findIndex((other) => other.name === name) < index)
    .map(({ name, path }) =>
      invalid(
        manifest.placeOf(path),
        `two ${what} have the name ${name}`,
        'give one of them another',
      ),
    )
}

/** IANA_SVC_NAME. */
function portFindings(
  manifest: Manifest,
  { name: container, ports }: Container,
  path: Path,
): readonly Finding[] {
  const all = ports.flatMap(({ name }, index) =>
    name === undefined ? [] : [{ name, path: [...path, 'ports', index, 'name'] }],
  )
  const bad = all.filter(
    ({ name }) =>
      name.length > 15 || !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || !/[a-z]/.test(name),
  )
  return [
    ...bad.map(({ name, path: at }) =>
      invalid(
        manifest.placeOf(at),
        `the port name ${name} of container ${container} is none that Kubernetes takes`,
        'use at most 15 lower case letters, digits and single -, a letter among them',
      ),
    ),
    ...twice(manifest, all, `ports of container ${container}`),
  ]
}

/** Since 1.30 any printable ASCII character but `=`. */
function variableFindings(
  manifest: Manifest,
  { name: container, env }: Container,
  path: Path,
): readonly Finding[] {
  return env.flatMap(({ name }, index) =>
    /^[ -<>-~]+$/.test(name)
      ? []
      : [
          invalid(
            manifest.placeOf([...path, 'env', index, 'name']),
            `container ${container} has a variable ${name === '' ? 'without a name' : `of the name ${name}`}, which Kubernetes does not take`,
            'use printable ASCII characters without =',
          ),
        ],
  )
}

function mountFindings(
  manifest: Manifest,
  { name: container, volumeMounts }: Container,
  path: Path,
): readonly Finding[] {
  return volumeMounts.flatMap(({ mountPath }, index) => {
    return volumeMounts.findIndex((other) => other.mountPath === mountPath) < index
      ? [
          invalid(
            manifest.placeOf([...path, 'volumeMounts', index, 'mountPath']),
            `container ${container} mounts two volumes at ${mountPath}`,
            'give one of them another path',
          ),
        ]
      : []
  })
}
