// What people's manifests hold beside the ensemble, and how they are written: read as kubectl reads
// it, applied in an order that works, refused before anything where the cluster would refuse later.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict } from '../action.ts'
import { everything, inNamespace, kubectl, kubectlApply, read, root } from '../cluster.ts'

jest.setTimeout(600_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

function given(path: string): string {
  return readFileSync(join(root, '__tests__', 'cases', path), 'utf8')
}

async function deploy(
  namespace: string,
  manifest: string,
  inputs: Readonly<Record<string, string>> = {},
): ReturnType<typeof act> {
  return act({ manifests: 'zk.yaml', namespace, ...inputs }, { files: { 'zk.yaml': manifest } })
}

describe('e2e: cases of loading', () => {
  all('booleans of YAML 1.1 are booleans, and where text is meant they are none', async () => {
    await inNamespace('yaml', async (namespace) => {
      const manifest = given('yaml-booleans/manifest.yaml')
      expect(
        verdict(await deploy(namespace, manifest.replace(/value: "false"/, 'value: yes'))),
      ).toMatch(/^refused MANIFEST_INVALID .*env.*value/)
      const done = await deploy(namespace, manifest)
      expect(verdict(done)).toMatch(/^succeeded /)
      expect(done.outputs['pairs']).toBe('6/6')
      expect(
        await read(namespace, 'service keeper-peers', '{.spec.publishNotReadyAddresses}'),
      ).toBe('true')
    })
  })

  all('hooks and tests of Helm are named and never created', async () => {
    await inNamespace('hooks', async (namespace) => {
      const done = await deploy(namespace, given('helm-hooks/manifest.yaml'), { verify: 'quick' })
      expect(verdict(done)).toMatch(/^succeeded /)
      expect(done.lines.join('\n')).toMatch(
        /Pod keeper-smoke is a test of Helm[^]*Job keeper-wipe is a hook of Helm/,
      )
      expect(await read(namespace, 'jobs', '{.items[*].metadata.name}')).toBe('')
      expect(await read(namespace, 'pods', '{.items[*].metadata.name}')).toBe(
        'keeper-0 keeper-1 keeper-2',
      )
    })
  })

  all('a definition and an object of its kind are applied in one go', async () => {
    await inNamespace('crd', async (namespace) => {
      try {
        const done = await deploy(namespace, given('crd-and-object/manifest.yaml'), {
          verify: 'quick',
        })
        expect(verdict(done)).toMatch(/^succeeded /)
        expect(
          await read(namespace, 'scrapers.field.example.test', '{.items[*].metadata.name}'),
        ).toBe('keeper')
        expect(
          verdict(
            await deploy(namespace, given('crd-and-object/manifest.yaml'), { verify: 'quick' }),
          ),
        ).toMatch(/^unchanged /)
      } finally {
        await kubectl('delete', 'crd', 'scrapers.field.example.test', '--ignore-not-found')
      }
    })
  })

  all(
    'a field that cannot be changed is told as that, and the way that is named works',
    async () => {
      await inNamespace('fixed', async (namespace) => {
        await kubectlApply(namespace, given('immutable-companions/before.yaml'))
        const refused = await deploy(namespace, given('immutable-companions/manifest.yaml'))
        expect(verdict(refused)).toMatch(
          /^refused IMMUTABLE_FIELD .*services keeper-peers.*clusterIP/,
        )
        expect(await read(namespace, 'statefulsets', '{.items[*].metadata.name}')).toBe('')
        await kubectl('-n', namespace, 'delete', 'services', 'keeper-peers')
        expect(
          verdict(
            await deploy(namespace, given('immutable-companions/manifest.yaml'), {
              verify: 'quick',
            }),
          ),
        ).toMatch(/^succeeded /)
      })
    },
  )

  all('a name that is too long for its pods is refused before any request', async () => {
    await inNamespace('long', async (namespace) => {
      expect(
        verdict(await deploy(namespace, given('long-name/manifest.yaml'), { profile: 'none' })),
      ).toMatch(/^refused MANIFEST_INVALID .*has 54 characters, Kubernetes takes 52/)
      expect(await read(namespace, 'services,statefulsets', '{.items[*].metadata.name}')).toBe('')
    })
  })

  all('volumes made by hand need no class object', async () => {
    await inNamespace('hand', async (namespace) => {
      const kinds = given('volumes-made-by-hand/volumes.yaml')
        .replaceAll('hand-', `${namespace}-`)
        .replaceAll('manual', `${namespace}-manual`)
      try {
        await kubectlApply(namespace, kinds)
        const done = await deploy(
          namespace,
          given('volumes-made-by-hand/manifest.yaml')
            .replaceAll('field-40', namespace)
            .replaceAll('manual', `${namespace}-manual`),
        )
        expect(verdict(done)).toMatch(/^succeeded /)
        expect(await read(namespace, 'persistentvolumeclaims', '{.items[*].status.phase}')).toBe(
          'Bound Bound Bound',
        )
      } finally {
        await kubectl(
          'delete',
          'pv',
          `${namespace}-1`,
          `${namespace}-2`,
          `${namespace}-3`,
          '--wait=false',
        )
      }
    })
  })

  all('create-namespace makes the namespace that the manifests name', async () => {
    await inNamespace('named', async (namespace) => {
      const made = `${namespace}-made`
      try {
        const manifest = given('long-name/manifest.yaml')
          .replaceAll('preview-4711-feature-search-index-rebuild-coordination', 'store')
          .replaceAll(
            /^metadata:\n {2}name: store/gm,
            `metadata:\n  namespace: ${made}\n  name: store`,
          )
        expect(
          verdict(
            await act(
              { manifests: 'zk.yaml', 'create-namespace': 'true', profile: 'none' },
              { files: { 'zk.yaml': manifest } },
            ),
          ),
        ).toMatch(/^succeeded /)
        expect(await read(made, 'statefulsets', '{.items[*].metadata.name}')).toBe('store')
      } finally {
        await kubectl('delete', 'namespace', made, '--ignore-not-found', '--wait=false')
      }
    })
  })
})
