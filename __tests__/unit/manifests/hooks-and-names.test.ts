// What another tool would run at its own moment must not be run by a deploy, and what Kubernetes
// refuses later must not be begun.

import { describe, expect, test } from '@jest/globals'
import { withoutHooks } from '../../../src/manifests/hooks.ts'
import { nameFindings } from '../../../src/manifests/names.ts'
import { parseText } from '../../support/parse-text.ts'
import type { Manifest } from '../../../src/manifests/manifest.ts'

function read(text: string): readonly Manifest[] {
  const { manifests, findings } = parseText({ file: 'k8s/zk.yaml', text, lines: true })
  expect(findings).toEqual([])
  return manifests
}

describe('hooks and tests are left out, and named', () => {
  test.each([
    ['a test of Helm', 'helm.sh/hook: test', /is a test of Helm/],
    ['an old test of Helm', 'helm.sh/hook: test-success', /is a test of Helm/],
    [
      'several hooks of Helm',
      'helm.sh/hook: pre-install,pre-upgrade',
      /is a hook of Helm \(helm.sh\/hook: pre-install,pre-upgrade\)/,
    ],
    ['a hook that deletes', 'helm.sh/hook: pre-delete', /is a hook of Helm/],
    ['a hook of Argo CD', 'argocd.argoproj.io/hook: PostSync', /is a hook of Argo CD/],
    ['a skip of Argo CD', 'argocd.argoproj.io/hook: Skip', /is a hook of Argo CD/],
  ])('%s', (_what, annotation, words) => {
    const manifests = read(
      `apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: wipe\n  annotations:\n    ${annotation}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: zk\n  annotations:\n    argocd.argoproj.io/sync-wave: "1"\n    helm.sh/resource-policy: keep\n`,
    )
    const { manifests: left, findings } = withoutHooks(manifests)
    expect(left.map(({ object }) => object.kind)).toEqual(['Service'])
    expect(findings).toEqual([
      expect.objectContaining({
        severity: 'notice',
        object: 'job/wipe',
        message: expect.stringMatching(words),
        place: { file: 'k8s/zk.yaml', line: 6, column: 5 },
      }),
    ])
  })
})

const SET = (name: string, more = ''): string =>
  `apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: ${name}\nspec:\n  selector: {matchLabels: {app: a}}\n${more}  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers: [{name: a, image: x}]\n`

describe('what Kubernetes would refuse', () => {
  test.each([
    [
      'a set whose name with the hash of its revision is no label',
      SET('a'.repeat(53)),
      /has 53 characters, Kubernetes takes 52 of a StatefulSet: with the hash/,
      4,
    ],
    [
      'a Service of 64 characters',
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${'s'.repeat(64)}\n`,
      /has 64 characters, Kubernetes takes 63/,
      4,
    ],
    ['a name with capitals', SET('Zk'), /has characters that Kubernetes does not take/, 4],
    [
      'a host name that is too long with its ordinal',
      SET('a'.repeat(52), '  ordinals: {start: 12345678901}\n'),
      /host name .* would have 64 characters/,
      4,
    ],
    [
      'a namespace that is too long',
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: ${'n'.repeat(64)}\n`,
      /the namespace n+ has 64 characters/,
      5,
    ],
    [
      'a label of 64 characters',
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    branch: ${'b'.repeat(64)}\n`,
      /the label branch .* has 64 characters, a label takes 63/,
      6,
    ],
    [
      'a label with a slash, as branches have',
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    branch: feature/x\n`,
      /characters that a label does not take/,
      6,
    ],
    [
      'annotations of more than 256 KiB',
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    a: ${'x'.repeat(262_200)}\n`,
      /annotations .* Kubernetes takes 262144/,
      5,
    ],
    [
      'annotations that are long in bytes alone',
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    a: ${'é'.repeat(140_000)}\n`,
      /have 280001 bytes/,
      5,
    ],
    [
      'a Service with a dot',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: zk.main\n',
      /has characters that Kubernetes does not take/,
      4,
    ],
    [
      'a set with a dot, whose pods could have no host names',
      SET('zk.main'),
      /has characters that Kubernetes does not take/,
      4,
    ],
    [
      'a ConfigMap with an underscore',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: zk_conf\n',
      /has characters that Kubernetes does not take/,
      4,
    ],
    [
      'a namespace with a dot',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: zk\n  namespace: team.zk\n',
      /the namespace team.zk has characters/,
      5,
    ],
    [
      'a label with two slashes',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    a/b/c: x\n',
      /the label a\/b\/c .* has a name that Kubernetes does not take/,
      6,
    ],
    [
      'a label with a prefix in capitals',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    Example.com/x: x\n',
      /the label Example.com\/x/,
      6,
    ],
    [
      'an annotation with a blank',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    a b: x\n',
      /the annotation a b/,
      6,
    ],
    [
      'a label of a claim, refused when the claim is made',
      SET(
        'zk',
        '  volumeClaimTemplates:\n  - metadata:\n      name: data\n      labels:\n        team: a b\n',
      ),
      /the value of the label team/,
      11,
    ],
    [
      'a claim template that can be no volume',
      SET('zk', '  volumeClaimTemplates:\n  - metadata:\n      name: my.data\n'),
      /the name of claim template my.data/,
      9,
    ],
    [
      'a service name that can be no host',
      SET('zk', '  serviceName: zk_hs\n'),
      /serviceName zk_hs can't be the name of a Service/,
      7,
    ],
    [
      'a container with an underscore',
      SET('zk').replace('name: a, image', 'name: zk_server, image'),
      /the name of container zk_server/,
      10,
    ],
    [
      'a port name of 16 characters',
      SET('zk').replace(
        'image: x',
        'image: x, ports: [{name: client-port-long, containerPort: 1}]',
      ),
      /the port name client-port-long/,
      10,
    ],
    [
      'a port name without a letter',
      SET('zk').replace('image: x', 'image: x, ports: [{name: "2181", containerPort: 1}]'),
      /the port name 2181/,
      10,
    ],
    [
      'two ports of a name',
      SET('zk').replace(
        'image: x',
        'image: x, ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]',
      ),
      /two ports of container a have the name a/,
      10,
    ],
    [
      'two containers of a name',
      SET('zk').replace('{name: a, image: x}', '{name: a, image: x}, {name: a, image: z}'),
      /two containers have the name a/,
      10,
    ],
    [
      'a variable with an equals sign',
      SET('zk').replace('image: x', 'image: x, env: [{name: "A=B"}]'),
      /variable of the name A=B/,
      10,
    ],
    [
      'two mounts at one path',
      SET('zk', '  volumeClaimTemplates: [{metadata: {name: data}}]\n').replace(
        'image: x',
        'image: x, volumeMounts: [{name: data, mountPath: /data}, {name: data, mountPath: /data}]',
      ),
      /two volumes at \/data/,
      11,
    ],
  ])('%s', (_what, text, words, line) => {
    expect(nameFindings(read(text))).toEqual([
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        severity: 'error',
        message: expect.stringMatching(words),
        place: expect.objectContaining({ line }),
      }),
    ])
  })

  test('the name that would do is one that does', () => {
    const [finding] = nameFindings(
      read(SET('preview-4711-feature-search-index-rebuild-coordination')),
    )
    const name = /for instance to (\S+)$/.exec(finding?.fix ?? '')?.[1] ?? ''
    expect(name).toMatch(/^preview-4711-feature-search-index-rebuild/)
    expect(nameFindings(read(SET(name)))).toEqual([])
  })

  test.each([
    [
      'a Service that begins with a digit',
      'apiVersion: v1\nkind: Service\nmetadata: {name: 1zk}\n',
    ],
    ['a Pod of 70 characters', `apiVersion: v1\nkind: Pod\nmetadata: {name: ${'p'.repeat(70)}}\n`],
    [
      'an annotation with a prefix in capitals',
      'apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {Example.com/x: z}}\n',
    ],
    [
      'annotations of exactly 256 KiB',
      `apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {a: ${'x'.repeat(262_143)}}}\n`,
    ],
    [
      'a variable with a dot, a dash or a digit first',
      SET('zk').replace('image: x', 'image: x, env: [{name: A.B}, {name: a-b}, {name: 1A}]'),
    ],
    [
      'a sidecar and an init container with ports of the same name',
      SET('zk').replace(
        'containers: [{name: a, image: x}]',
        'containers: [{name: a, image: x, ports: [{name: http, containerPort: 1}]}, {name: b, image: x, ports: [{name: http, containerPort: 2}]}]',
      ),
    ],
  ])('what it takes (seen on 1.36) is no fault: %s', (_what, text) => {
    expect(nameFindings(read(text))).toEqual([])
  })

  test('the longest names that it takes are no fault', () => {
    expect(
      nameFindings(
        read(
          `${SET('a'.repeat(52))}---\napiVersion: v1\nkind: Service\nmetadata:\n  name: ${'s'.repeat(63)}\n  labels: {empty: "", long: ${'l'.repeat(63)}}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: "system:zk:reader"}\n`,
        ),
      ),
    ).toEqual([])
  })
})
