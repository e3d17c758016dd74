// A preview that comes and goes, on a real cluster and twice: namespace, claims and volumes go with
// it; a foreign object, a foreign namespace and a preview whose time is not over stay.

import { expect, jest, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { act, verdict, type Ran } from '../action.ts'
import { kubectl, kubectlApply, read, run } from '../cluster.ts'

jest.setTimeout(1_200_000)

const MADE_FOR = 'zk-ensemble-action/repository'

function deployed(namespace: string, more: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return act({
    operation: 'deploy',
    namespace,
    'create-namespace': 'true',
    ttl: '72h',
    replicas: '1',
    storage: '1Gi',
    cpu: '50m',
    memory: '256Mi',
    verify: 'quick',
    ...more,
  })
}

function cleaned(
  more: Readonly<Record<string, string>>,
  onLine?: (line: string) => void,
): Promise<Ran> {
  return act(
    { operation: 'cleanup', 'delete-claims': 'true', ...more },
    onLine === undefined ? {} : { onLine },
  )
}

async function isThere(what: string, name: string): Promise<boolean> {
  return (await run('kubectl', ['get', what, name])).exitCode === 0
}

const volumesOf = async (namespace: string): Promise<string[]> =>
  (await kubectl('get', 'pvc', '-n', namespace, '-o', 'jsonpath={.items[*].spec.volumeName}'))
    .split(' ')
    .filter((name) => name !== '')

const name = (what: string): string => `e2e-${what}-${randomBytes(3).toString('hex')}`

test('it comes, is deployed again, goes, comes again while it is still going, and goes', async () => {
  const preview = name('preview')
  try {
    expect(verdict(await deployed(preview))).toMatch(/^succeeded/)
    const before = Date.parse(
      await read(
        preview,
        `namespace ${preview}`,
        '{.metadata.annotations.zk-ensemble-action/expires-at}',
      ),
    )
    expect(verdict(await deployed(preview))).toMatch(/^unchanged/)
    expect(
      Date.parse(
        await read(
          preview,
          `namespace ${preview}`,
          '{.metadata.annotations.zk-ensemble-action/expires-at}',
        ),
      ),
    ).toBeGreaterThan(before)
    const volumes = await volumesOf(preview)
    expect(volumes).toHaveLength(1)

    const dry = await cleaned({ namespace: preview, 'dry-run': 'true' })
    expect(verdict(dry)).toMatch(/^planned/)
    expect(dry.outputs['changes']).toContain(`namespace/${preview}`)
    // Reopened at once: the deploy waits for what is still going away.
    let begun = (): void => undefined
    const going = new Promise<void>((resolve) => (begun = resolve))
    const [gone, again] = await Promise.all([
      cleaned(
        { namespace: preview },
        (line) => void (line.includes('statefulset/zk deleted') && begun()),
      ),
      going.then(() => deployed(preview)),
    ])
    expect(verdict(gone)).toMatch(/^succeeded/)
    expect(verdict(again)).toMatch(/^succeeded/)
    for (const volume of volumes) expect(await isThere('pv', volume)).toBe(false)

    const second = await volumesOf(preview)
    expect(verdict(await cleaned({ namespace: preview }))).toMatch(/^succeeded/)
    expect(await isThere('namespace', preview)).toBe(false)
    for (const volume of second) expect(await isThere('pv', volume)).toBe(false)
    expect(verdict(await cleaned({ namespace: preview }))).toMatch(/^unchanged/)
  } finally {
    await run('kubectl', ['delete', 'namespace', preview, '--wait=false', '--ignore-not-found'])
  }
})

test('a foreign object and its namespace stay, a sweep takes what is over and ours and nothing else', async () => {
  const [kept, over, coming, theirs] = [name('kept'), name('over'), name('coming'), name('theirs')]
  try {
    for (const namespace of [kept, over, coming])
      expect(verdict(await deployed(namespace, { verify: 'off' }))).toMatch(/^succeeded/)
    await kubectl('create', 'namespace', theirs)
    await kubectl('label', 'namespace', theirs, 'zk-ensemble-action/managed=true')
    await kubectl(
      'annotate',
      'namespace',
      theirs,
      'zk-ensemble-action/expires-at=2026-01-01T00:00:00Z',
    )
    await kubectlApply(kept, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n')
    const claims = await volumesOf(kept)

    expect(verdict(await cleaned({ namespace: theirs }))).toMatch(/^refused PROTECTED/)
    expect(verdict(await cleaned({ namespace: kept, 'delete-claims': 'false' }))).toMatch(
      /^succeeded/,
    )
    expect(await volumesOf(kept)).toEqual(claims)
    expect(verdict(await cleaned({ namespace: kept }))).toMatch(/^succeeded/)
    expect(await volumesOf(kept)).toEqual([])
    expect(
      await read(
        kept,
        'statefulsets,pods,services,leases,pdb,configmap',
        '{.items[*].metadata.name}',
      ),
    ).toBe('kube-root-ca.crt theirs')

    await kubectl(
      'annotate',
      '--overwrite',
      'namespace',
      over,
      'zk-ensemble-action/expires-at=2026-01-01T00:00:00Z',
    )
    expect(await read(over, `namespace ${over}`, `{.metadata.annotations.${MADE_FOR}}`)).not.toBe(
      '',
    )
    expect(verdict(await cleaned({ sweep: 'true' }))).toMatch(/^succeeded/)
    expect(
      await Promise.all(
        [over, coming, kept, theirs].map((namespace) => isThere('namespace', namespace)),
      ),
    ).toEqual([false, true, true, true])
    expect(await read(coming, 'pods', '{.items[*].metadata.name}')).toBe('zk-0')
  } finally {
    for (const namespace of [kept, over, coming, theirs])
      await run('kubectl', ['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found'])
  }
})
