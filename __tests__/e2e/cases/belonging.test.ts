// Members belong to one ensemble: what names another one's members never gets there, and what got
// there otherwise is told.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict } from '../action.ts'
import { everything, inNamespace, kubectl, kubectlApply, read, root } from '../cluster.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined

function given(path: string): string {
  return readFileSync(join(root, '__tests__', 'cases', path), 'utf8')
}

describe('e2e: cases of belonging', () => {
  all(
    "a preview with production's member list is refused before anything is applied, and told by verify where somebody applied it",
    async () => {
      await inNamespace('prod', async (prod) => {
        const production = await act(
          { manifests: 'zk.yaml', namespace: prod },
          { files: { 'zk.yaml': given('foreign-namespace/production.yaml') } },
        )
        expect(verdict(production)).toMatch(/^succeeded /)
        await inNamespace('pr7', async (preview) => {
          const manifest = given('foreign-namespace/manifest.yaml').replaceAll('field-prod', prod)
          const refused = await act(
            { manifests: 'zk.yaml', namespace: preview },
            { files: { 'zk.yaml': manifest } },
          )
          expect(verdict(refused)).toMatch(
            new RegExp(
              `^refused LINT_FAILED .*ZOO_SERVERS names keeper-0\\.keeper-peers\\.${prod}\\.svc\\.cluster\\.local and 2 more \\(namespace ${prod}\\)`,
            ),
          )
          expect(
            await read(
              preview,
              'statefulsets,services,configmaps -l app',
              '{.items[*].metadata.name}',
            ),
          ).toBe('')

          await kubectlApply(preview, manifest)
          await kubectl(
            'wait',
            '-n',
            preview,
            '--for=jsonpath={.status.phase}=Running',
            'pod/keeper-0',
            'pod/keeper-1',
            'pod/keeper-2',
            '--timeout=180s',
          )
          const told = await act({ operation: 'verify', namespace: preview })
          expect(verdict(told)).toMatch(
            new RegExp(
              `^failed IDENTITY_MISMATCH verify of keeper .*: keeper-0 .*member list of another ensemble.*namespace ${prod}`,
            ),
          )
        })
      })
    },
  )

  all(
    'a list in a ConfigMap that is in the cluster already is read before anything is applied',
    async () => {
      await inNamespace('pr8', async (preview) => {
        await kubectlApply(
          preview,
          `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: peers}\ndata:\n  servers: ${[0, 1, 2].map((ordinal) => `server.${ordinal + 1}=keeper-${ordinal}.keeper-peers.prod.svc:2888:3888;2181`).join(' ')}\n`,
        )
        const manifest = given('foreign-namespace/production.yaml').replace(
          /( +)- name: ZOO_SERVERS\n +value: .*/,
          '$1- name: ZOO_SERVERS\n$1  valueFrom: {configMapKeyRef: {name: peers, key: servers}}',
        )
        const refused = await act(
          { manifests: 'zk.yaml', namespace: preview },
          { files: { 'zk.yaml': manifest } },
        )
        expect(verdict(refused)).toMatch(
          /^refused LINT_FAILED .*: ZOO_SERVERS names keeper-0\.keeper-peers\.prod\.svc and 2 more \(namespace prod\)/,
        )
        expect(await read(preview, 'statefulsets', '{.items[*].metadata.name}')).toBe('')
      })
    },
  )
})
