// What is applied to a cluster must be what the workflow named, and lie where a step may read: not
// a link out of the workspace, not what an address serves today.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ManifestIo } from '../../../src/manifests/io.ts'
import { readSources } from '../../../src/manifests/sources.ts'
import { diskIo } from '../../support/disk-io.ts'

let base = ''
let workspace = ''
const signal = new AbortController().signal

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sources-'))
  workspace = join(base, 'work')
  mkdirSync(workspace)
})
afterEach(() => rmSync(base, { recursive: true }))

function put(path: string, text = `text of ${path}`): void {
  mkdirSync(dirname(join(base, path)), { recursive: true })
  writeFileSync(join(base, path), text)
}

async function read(sources: readonly string[], more: Partial<ManifestIo> = {}) {
  const { texts, findings } = await readSources(sources, diskIo(workspace, more), signal)
  return {
    files: texts.map((text) => text.file),
    texts,
    faults: findings.map((finding) => finding.message),
    findings,
  }
}

describe('files, directories and patterns', () => {
  test('a directory gives its manifests in order, and not those below it', async () => {
    for (const file of ['b.yaml', 'a.yml', 'c.json', 'README.md', 'deep/d.yaml'])
      put(`work/k8s/${file}`)
    expect((await read(['k8s'])).files).toEqual(['k8s/a.yml', 'k8s/b.yaml', 'k8s/c.json'])
  })

  test('a pattern goes as deep as it says', async () => {
    for (const file of ['a.yaml', 'deep/d.yaml', 'deep/notes.txt']) put(`work/k8s/${file}`)
    expect((await read(['k8s/**/*'])).files).toEqual(['k8s/a.yaml', 'k8s/deep/d.yaml'])
  })

  test('a file that two sources name is read once: it would be applied twice', async () => {
    put('work/k8s/a.yaml')
    symlinkSync(join(workspace, 'k8s/a.yaml'), join(workspace, 'k8s/link.yaml'))
    expect((await read(['k8s/a.yaml', 'k8s', './k8s/../k8s/a.yaml'])).files).toEqual(['k8s/a.yaml'])
  })

  test('a file with odd characters in its name is a file before it is a pattern', async () => {
    put('work/a[1].yaml')
    expect((await read(['a[1].yaml'])).files).toEqual(['a[1].yaml'])
  })

  test('files that an earlier step made may lie in RUNNER_TEMP', async () => {
    put('temp/built.yaml')
    expect(
      (await read([join(base, 'temp/built.yaml')], { temp: join(base, 'temp') })).files,
    ).toEqual([join(base, 'temp/built.yaml')])
  })

  test('all that is wrong is told at once', async () => {
    mkdirSync(join(workspace, 'empty'))
    put('work/k/kustomization.yaml')
    const { faults } = await read(['nope.yaml', 'empty', 'x/*.yaml', 'k/kustomization.yaml'])
    expect(faults).toEqual([
      'manifests: nope.yaml is not there',
      'manifests: empty holds no .yaml, .yml or .json file',
      'manifests: x/*.yaml matches no .yaml, .yml or .json file',
      'manifests: k/kustomization.yaml is a kustomization',
    ])
  })

  test('a file that is no UTF-8 is named', async () => {
    writeFileSync(join(workspace, 'a.yaml'), Buffer.from([0xff, 0xfe, 0x61, 0x00]))
    expect((await read(['a.yaml'])).findings).toMatchObject([
      { code: 'MANIFEST_INVALID', place: { file: 'a.yaml' } },
    ])
  })
})

describe('the fence', () => {
  test.each([
    ['a file that becomes a link out', 'a.yaml'],
    ['a directory that becomes a link out', 'k8s/a.yaml'],
    ['a file of a pattern', '*.yaml'],
    ['a file of a directory', 'k8s'],
  ])('%s between look and read: what was opened is judged', async (_name, source) => {
    for (const file of ['work/a.yaml', 'work/k8s/a.yaml']) put(file)
    for (const file of ['secret/a.yaml', 'secret/k8s/a.yaml']) put(file, 'CANARY')
    const io = diskIo(workspace)
    let swapped = false
    const swap = (): void => {
      if (swapped) return
      swapped = true
      rmSync(join(workspace, 'a.yaml'))
      rmSync(join(workspace, 'k8s'), { recursive: true })
      symlinkSync(join(base, 'secret/a.yaml'), join(workspace, 'a.yaml'))
      symlinkSync(join(base, 'secret/k8s'), join(workspace, 'k8s'))
    }
    // The last moment at which anything but the opening itself can lie.
    const { texts, faults } = await read([source], {
      open: (path, limit) => (swap(), io.open(path, limit)),
    })
    expect([swapped, texts]).toEqual([true, []])
    expect(faults).toEqual([`manifests: ${source} lies outside the workspace and RUNNER_TEMP`])
  })

  test('a pipe and a device are not waited for', async () => {
    expect(spawnSync('mkfifo', [join(workspace, 'pipe.yaml')]).status).toBe(0)
    expect((await read(['pipe.yaml'])).faults).toEqual([
      'manifests: pipe.yaml is neither a file nor a directory',
    ])
    expect((await read(['*.yaml'])).faults).toEqual(
      ['manifests: pipe.yaml is not a readable file'].map((text) =>
        text.replace('manifests: pipe.yaml', 'manifests: *.yaml pipe.yaml'),
      ),
    )
  })

  test.each([
    ['../secret.yaml'],
    ['k8s/../../secret.yaml'],
    ['/etc/passwd'],
    ['../*.yaml'],
    ['k8s/../../**/*.yaml'],
  ])('%s is refused', async (source) => {
    put('secret.yaml')
    mkdirSync(join(workspace, 'k8s'))
    const { files, faults } = await read([source])
    expect(files).toEqual([])
    expect(faults).toEqual([`manifests: ${source} lies outside the workspace and RUNNER_TEMP`])
  })

  test.each([['link.yaml'], ['dir'], ['*.yaml'], ['dir/*.yaml']])(
    '%s, which leads out by a link, is refused',
    async (source) => {
      put('secret/secret.yaml')
      symlinkSync(join(base, 'secret/secret.yaml'), join(workspace, 'link.yaml'))
      symlinkSync(join(base, 'secret'), join(workspace, 'dir'))
      const { texts, faults } = await read([source])
      expect(texts).toEqual([])
      expect(faults[0]).toContain('lies outside the workspace')
    },
  )

  test('a workspace that is itself a link is still the workspace', async () => {
    put('work/a.yaml')
    symlinkSync(workspace, join(base, 'alias'))
    const { texts } = await readSources(['a.yaml'], diskIo(join(base, 'alias')), signal)
    expect(texts.map((text) => text.file)).toEqual(['a.yaml'])
  })
})

describe('kustomizations', () => {
  beforeEach(() => put('work/overlay/kustomization.yaml', 'resources: []'))

  test('are built by kubectl', async () => {
    const calls: unknown[] = []
    const { texts } = await read(['overlay'], {
      run: ({ command, args }) => (
        calls.push([command, ...args]),
        Promise.resolve({ kind: 'exited', code: 0, stdout: 'built', stderr: '' })
      ),
    })
    expect(calls).toEqual([['kubectl', 'kustomize', join(workspace, 'overlay')]])
    expect(texts).toEqual([
      { file: 'overlay (built by kubectl kustomize)', text: 'built', lines: false },
    ])
  })

  test.each<[string, ManifestIo['run'], RegExp]>([
    [
      'without kubectl',
      () => Promise.reject(Object.assign(new Error('spawn kubectl ENOENT'), { code: 'ENOENT' })),
      /no kubectl on this runner/,
    ],
    [
      'that cannot be built',
      () =>
        Promise.resolve({
          kind: 'exited',
          code: 1,
          stdout: '',
          stderr: 'error: no matches for Id\nmore\n',
        }),
      /cannot be built: no matches for Id$/,
    ],
  ])('one %s is told in words', async (_what, run, words) => {
    expect((await read(['overlay'], { run })).faults[0]).toMatch(words)
  })
})

describe('addresses', () => {
  const digest = createHash('sha256').update('kind: A').digest('hex')
  const url = 'https://user:pw@example.org/zk.yaml?token=hush'

  function serving(
    ...answers: readonly Response[]
  ): Partial<ManifestIo> & { readonly asked: string[] } {
    const asked: string[] = []
    return {
      asked,
      fetch: (address) => (
        asked.push(address),
        Promise.resolve(answers[asked.length - 1] ?? new Response('', { status: 500 }))
      ),
    }
  }

  test('are read when they give what was pinned, and shown without what may be secret', async () => {
    const io = serving(new Response('kind: A'))
    const { texts } = await read([`${url}#sha256=${digest.toUpperCase()}`], io)
    expect(texts).toEqual([{ file: 'https://example.org/zk.yaml', text: 'kind: A', lines: true }])
    expect(io.asked).toEqual(['https://example.org/zk.yaml?token=hush'])
  })

  test('follow redirects to https only', async () => {
    const on = serving(
      new Response(null, { status: 302, headers: { location: '/next' } }),
      new Response('kind: A'),
    )
    expect((await read([`${url}#sha256=${digest}`], on)).texts).toHaveLength(1)
    const down = serving(
      new Response(null, { status: 302, headers: { location: 'http://example.org/next' } }),
      new Response('kind: A'),
    )
    expect((await read([`${url}#sha256=${digest}`], down)).faults[0]).toContain(
      'redirects to http://',
    )
    expect(down.asked).toHaveLength(1)
  })

  test.each<[string, string, Response | Error, RegExp]>([
    ['without a digest', url, new Response('kind: A'), /is not pinned/],
    ['with another digest', `${url}#md5=${digest}`, new Response('kind: A'), /is not pinned/],
    [
      'in plain http',
      `http://example.org/zk.yaml#sha256=${digest}`,
      new Response('kind: A'),
      /over http/,
    ],
    ['of a file', `file:///etc/passwd#sha256=${digest}`, new Response('kind: A'), /over file/],
    [
      'that changed',
      `${url}#sha256=${digest}`,
      new Response('kind: B'),
      /has changed: its sha256 is [0-9a-f]{64}$/,
    ],
    ['that is gone', `${url}#sha256=${digest}`, new Response('', { status: 404 }), /answered 404/],
    [
      'that never ends',
      `${url}#sha256=${digest}`,
      new Response('x'.repeat(1024 * 1024 + 1)),
      /larger than 1 MiB/,
    ],
    [
      'that redirects in circles',
      `${url}#sha256=${digest}`,
      new Response(null, { status: 301, headers: { location: '/zk.yaml' } }),
      /redirects more than/,
    ],
    [
      'that cannot be reached',
      `${url}#sha256=${digest}`,
      new TypeError('fetch failed', {
        cause: Object.assign(new Error(`getaddrinfo ENOTFOUND ${url}`), { code: 'ENOTFOUND' }),
      }),
      /ENOTFOUND/,
    ],
  ])('one %s is refused', async (_what, source, answer, words) => {
    const { texts, faults } = await read([source], {
      fetch: () =>
        answer instanceof Error
          ? Promise.reject(answer)
          : Promise.resolve(answer.status === 301 ? new Response(null, answer) : answer),
    })
    expect(texts).toEqual([])
    expect(faults[0]).toMatch(words)
    expect(faults.join()).not.toMatch(/hush|pw@/)
  })

  test('a cancelled run stops there and blames nobody', async () => {
    const cancelled = AbortSignal.abort(new Error('cancelled by the user'))
    await expect(
      readSources(
        [`${url}#sha256=${digest}`],
        diskIo(workspace, { fetch: () => Promise.reject(new Error('aborted')) }),
        cancelled,
      ),
    ).rejects.toThrow('cancelled by the user')
  })
})
