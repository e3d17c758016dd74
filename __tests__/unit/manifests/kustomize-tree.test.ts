// A pull request that changes a kustomization must not have this runner fetch what it names, or
// apply what lies elsewhere on it.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readSources } from '../../../src/manifests/sources.ts'
import { diskIo } from '../../support/disk-io.ts'

let base = ''
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'tree-'))
  put('work/base/kustomization.yaml', 'resources: [zk.yaml]')
  put('work/base/zk.yaml')
  put('work/k/zk.yaml')
  put('work/k/patch.yaml')
  put('secrets/kustomization.yaml', 'resources: [s.yaml]')
  put('secrets/s.yaml')
})
afterEach(() => rmSync(base, { recursive: true }))

function put(path: string, text = 'kind: A\n'): void {
  mkdirSync(dirname(join(base, path)), { recursive: true })
  writeFileSync(join(base, path), text)
}

/** Whether kubectl was asked to build, and what was said. */
async function build(
  kustomization: string,
  name = 'kustomization.yaml',
): Promise<{ readonly built: boolean; readonly said: string }> {
  put(`work/k/${name}`, kustomization)
  let built = false
  const { findings } = await readSources(
    ['k'],
    diskIo(join(base, 'work'), {
      run: () => (
        (built = true),
        Promise.resolve({ kind: 'exited', code: 0, stdout: 'kind: A', stderr: '' })
      ),
    }),
    new AbortController().signal,
  )
  expect(findings.every((finding) => finding.code === 'INPUT_INVALID')).toBe(true)
  return {
    built,
    said: findings.map((finding) => `${finding.message} ${finding.fix ?? ''}`).join('\n'),
  }
}

describe('what is built', () => {
  test.each([
    [
      'files and bases of the workspace',
      'resources: [zk.yaml, ../base]\npatches: [{path: patch.yaml}]\nconfigMapGenerator: [{name: a, files: [zoo.cfg=zk.yaml], literals: ["url=https://example.org/a"]}]',
    ],
    [
      'inline patches and plugins',
      'resources: [zk.yaml]\npatches:\n- patch: |\n    kind: A\n    url: https://example.org\npatchesStrategicMerge:\n- |\n  kind: A\n  see: https://example.org\ntransformers:\n- |\n  apiVersion: builtin\n  kind: NamespaceTransformer\n  metadata: {name: n}\n  fieldSpecs: [{path: metadata/name, create: true}]',
    ],
    [
      'labels and annotations with addresses',
      'resources: [zk.yaml]\ncommonAnnotations: {docs: "https://example.org/x"}\nlabels: [{pairs: {a: b}, fields: [{path: spec/selector, create: true}]}]\nimages: [{name: zookeeper, newName: registry.example.org/zookeeper}]\nreplacements: [{source: {kind: A, fieldPath: metadata.name}, targets: [{select: {kind: A}, fieldPaths: [spec.x]}]}]',
    ],
    ['components that name each other', 'components: [../base]\nresources: [zk.yaml]'],
  ])('%s', async (_, text) => {
    expect(await build(text)).toEqual({ built: true, said: '' })
  })
})

describe('what is refused before kubectl is started', () => {
  test.each([
    [
      'an address as a resource',
      'resources: [zk.yaml, "http://127.0.0.1/evil.yaml"]',
      /fetch http:\/\/127\.0\.0\.1\/evil\.yaml/,
    ],
    [
      'one in another case of the field',
      'ReSources: ["https://127.0.0.1/evil.yaml"]',
      /not pinned/,
    ],
    ['one with a letter that Go folds', 'reſources: ["https://127.0.0.1/evil.yaml"]', /not pinned/],
    ['a repository', 'resources: ["github.com/org/repo//deploy?ref=main"]', /not pinned/],
    ['a repository by ssh', 'bases: ["git@example.org:org/repo.git"]', /not pinned/],
    [
      'a repository by its host alone',
      'resources: [example.org/org/repo]',
      /neither a file nor a directory/,
    ],
    ['a file address', 'resources: ["file:///etc"]', /not pinned/],
    ['an address as a component', 'components: ["https://example.org/c?ref=v1"]', /not pinned/],
    [
      'an address as a schema',
      'resources: [zk.yaml]\nopenapi: {path: "https://example.org/schema.json"}',
      /not pinned/,
    ],
    ['an address as a CRD', 'crds: ["HTTPS://example.org/crd.yaml"]', /not pinned/],
    ['an address as a patch', 'patches: [{path: "https://example.org/p.yaml"}]', /not pinned/],
    [
      'an address as a JSON patch',
      'patchesJson6902: [{path: "https://example.org/p.yaml", target: {}}]',
      /not pinned/,
    ],
    [
      'an address as a merge patch',
      'patchesStrategicMerge: ["https://example.org/p.yaml"]',
      /not pinned/,
    ],
    [
      'an address in a generator',
      'configMapGenerator: [{name: a, files: ["zoo.cfg=https://example.org/zoo.cfg"]}]',
      /not pinned/,
    ],
    [
      'an address as variables',
      'secretGenerator: [{name: a, envs: ["https://example.org/env"]}]',
      /not pinned/,
    ],
    [
      'an address as a replacement',
      'replacements: [{path: "https://example.org/r.yaml"}]',
      /not pinned/,
    ],
    [
      'an address in an inline generator',
      'generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: g}\n  files: ["https://example.org/f"]',
      /not pinned/,
    ],
    ['an address as configuration', 'configurations: ["https://example.org/c.yaml"]', /not pinned/],
    ['a directory outside', 'resources: [../../secrets]', /outside the workspace/],
    ['a file outside', 'patches: [{path: ../../secrets/s.yaml}]', /outside the workspace/],
    ['charts', 'helmCharts: [{name: zookeeper, repo: "https://example.org"}]', /Helm/],
    [
      'a password in an address',
      'resources: ["https://me:hunter2@example.org/a.yaml?token=hush"]',
      /fetch https:\/\/example\.org\/a\.yaml,/,
    ],
    ['what is no YAML', 'resources: [', /not valid YAML/],
    [
      'a field that is there twice',
      'resources: [zk.yaml]\nresources: ["https://example.org/a"]',
      /not valid YAML/,
    ],
  ])('%s', async (_, text, words) => {
    const { built, said } = await build(text)
    expect({ built, said }).toEqual({ built: false, said: expect.stringMatching(words) })
    expect(said).not.toMatch(/hunter2|hush/)
  })

  test('a way out one base further down, and by a link', async () => {
    put('work/base/kustomization.yaml', 'resources: [../../secrets]')
    expect(await build('resources: [../base]')).toEqual({
      built: false,
      said: expect.stringMatching(/base\/kustomization\.yaml lead to .*outside/),
    })
    put('work/base/kustomization.yaml', 'resources: [zk.yaml]')
    symlinkSync(join(base, 'secrets'), join(base, 'work/k/link'))
    expect((await build('resources: [link]')).built).toBe(false)
    put(
      'work/k/gen.yaml',
      'apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: ["a=https://example.org/f"]',
    )
    expect((await build('generators: [gen.yaml]')).said).toMatch(/gen\.yaml fetch/)
    expect((await build('resources: ["https://example.org/x"]', 'Kustomization')).built).toBe(false)
  })

  test('one that names itself is looked at once', async () => {
    put('work/base/kustomization.yaml', 'resources: [../k]')
    expect((await build('resources: [../base]')).built).toBe(true)
  })
})
