// A client port that stands elsewhere than behind the ; of the member list: in the extra settings,
// or for TLS alone. It is no fault of the manifest, and a port that can't be asked is never a lost
// quorum.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { act, verdict, type Ran } from '../action.ts'
import { everything, inNamespace, kubectl, read, root, run } from '../cluster.ts'

jest.setTimeout(900_000)

const all: (name: string, work: () => Promise<void>) => void = everything ? test : () => undefined
const given = (file: string): string =>
  readFileSync(join(root, '__tests__', 'cases', 'client-port-elsewhere', file), 'utf8')
const deploy = (
  namespace: string,
  manifest: string,
  inputs: Readonly<Record<string, string>> = {},
): Promise<Ran> =>
  act({ manifests: 'zk.yaml', namespace, ...inputs }, { files: { 'zk.yaml': manifest } })

/** A key, its certificate and the authority, as the manifest mounts them. */
async function makeSecret(namespace: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'))
  try {
    const [key, certificate, store] = ['key.pem', 'ca.pem', 'store.pem'].map((name) =>
      join(folder, name),
    )
    if (key === undefined || certificate === undefined || store === undefined)
      throw new Error('no paths')
    const made = await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=keeper',
      '-keyout',
      key,
      '-out',
      certificate,
    ])
    if (made.exitCode !== 0) throw new Error(made.stderr)
    writeFileSync(store, readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8'))
    await kubectl(
      'create',
      'secret',
      'generic',
      'keeper-tls',
      '-n',
      namespace,
      `--from-file=store.pem=${store}`,
      `--from-file=ca.pem=${certificate}`,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('e2e: cases of the client port', () => {
  all('clientPort in the extra settings is a client port', async () => {
    await inNamespace('extra', async (namespace) => {
      const done = await deploy(namespace, given('manifest.yaml'))
      expect(verdict(done)).toMatch(/^succeeded /)
      expect(done.outputs['pairs']).toBe('6/6')
      expect(done.lines.join('\n')).not.toMatch(/would open no port/)
      expect(
        await kubectl(
          'exec',
          '-n',
          namespace,
          'keeper-0',
          '--',
          'bash',
          '-c',
          'exec 3<>/dev/tcp/127.0.0.1/2181; printf srvr >&3; grep -c Mode: <&3',
        ),
      ).toBe('1')
    })
  })

  all(
    'a port for TLS alone: nothing is called lost, what can’t be checked is said, and the way out that is named works',
    async () => {
      await inNamespace('tls', async (namespace) => {
        await makeSecret(namespace)
        const done = await deploy(namespace, given('tls.yaml'))
        expect(verdict(done)).toMatch(/^failed CHECK_IMPOSSIBLE .*TLS/)
        expect(done.lines.join('\n')).not.toMatch(/no quorum|would open no port|LINT_FAILED/)
        // Everything runs, and stays.
        expect(await read(namespace, 'statefulset keeper', '{.status.readyReplicas}')).toBe('3')
        expect(verdict(await act({ operation: 'status', namespace }))).not.toMatch(
          /QUORUM_LOST|NOT_READY/,
        )
        expect(verdict(await act({ operation: 'verify', namespace, verify: 'quick' }))).toMatch(
          /^failed CHECK_IMPOSSIBLE .*TLS/,
        )
        expect(verdict(await deploy(namespace, given('tls.yaml'), { verify: 'off' }))).toMatch(
          /^unchanged /,
        )

        // As the advice has it.
        const plain = given('tls.yaml').replace(
          'value: secureClientPort=2281',
          'value: clientPort=2181 clientPortAddress=127.0.0.1 secureClientPort=2281',
        )
        const checked = await deploy(namespace, plain)
        expect(verdict(checked)).toMatch(/^succeeded /)
        expect(checked.outputs['pairs']).toBe('6/6')
      })
    },
  )
})
