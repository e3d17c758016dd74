// Whatever a pull request, a server, a record or a proxy gives it: the process keeps its memory,
// hears a cancel, and ends in its own words.

import { createServer, type ServerResponse } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { fields, put } from '../support/cluster/json.ts'
import { endJob, newJob, runAction, type ActionRun, type Finished } from '../support/runner.ts'
import { listening } from '../support/tls.ts'
import { QUICK, tutorial, withBundle } from './given.ts'

const MOST_KIB = 512 * 1024
/**
 * The runner's first warning to the end is 7.5 s; the promise is one, on a machine that does
 * nothing else.
 */
const PROMISED_MS = 5_000
const PEAK = fileURLToPath(new URL('../support/peak.ts', import.meta.url))

async function measured(
  run: ActionRun,
): Promise<{ readonly finished: Finished; readonly peakKiB: number }> {
  const job = newJob()
  const file = join(job.directory, 'peak')
  try {
    const finished = await runAction({
      job,
      ...run,
      env: { NODE_OPTIONS: `--import ${PEAK}`, PEAK_FILE: file, ...run.env },
    })
    const peakKiB = Number(readFileSync(file, 'utf8'))
    if (process.env['SHOW'] !== undefined)
      process.stderr.write(
        `${expect.getState().currentTestName ?? ''}: ${Math.round(peakKiB / 1024)} MiB, ${finished.endedAfterSignalMs === undefined ? '' : `${Math.round(finished.endedAfterSignalMs)} ms after the signal, `}${finished.outputs['code'] ?? ''} ${finished.outputs['message']?.slice(0, 140) ?? ''}\n`,
      )
    return { finished, peakKiB }
  } finally {
    endJob(job)
  }
}

const HEAD = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n'
const MIB = 1024 * 1024

/** As much of it as fits into a document. */
function filled(head: string, part: (index: number) => string, end = '', size = MIB - 100): string {
  const parts = [head]
  for (let index = 0, length = head.length + end.length; ; index++) {
    const next = part(index)
    length += next.length
    if (length > size) return parts.join('') + end
    parts.push(next)
  }
}

const MANIFESTS: readonly (readonly [string, () => string])[] = [
  ['120,000 keys', () => filled(HEAD, (index) => `  key-${index}: v\n`, '', 1_450_000)],
  ['as many keys as a document takes', () => filled(HEAD, (index) => `  k${index}: v\n`)],
  [
    'as many keys in JSON',
    () =>
      filled(
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"b"',
        (index) => `,"k${index}":"v"`,
        '}}',
      ),
  ],
  ['values of a byte', () => filled(`${HEAD}  a: [`, () => '1,', '1]')],
  ['commas alone', () => filled(`${HEAD}  a: [`, () => ',', ']')],
  ['brackets that nobody closes', () => filled(HEAD, () => '[')],
  ['brackets that nobody opened', () => filled('', () => ']')],
  ['nested a hundred thousand deep', () => `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  [
    'aliases of aliases',
    () =>
      `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, index) => `${'bcdefghij'[index] ?? ''}: &${'bcdefghij'[index] ?? ''} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[index] ?? ''}`).join(',')}]\n`).join('')}`,
  ],
  [
    'an alias to each anchor',
    () =>
      `${filled(HEAD, (index) => `  a${index}: &a${index} v\n`, '', 500_000)}${filled('', (index) => `  b${index}: *a${index}\n`, '', 450_000)}`,
  ],
  [
    'merges',
    () => `${HEAD}  a: &a {x: y}\n  b:\n${filled('', () => '  - <<: *a\n', '', MIB - 300)}`,
  ],
  [
    'a list of what is no object',
    () => filled('apiVersion: v1\nkind: List\nitems:\n', () => '- {}\n'),
  ],
  [
    'a list of small objects',
    () =>
      filled(
        'apiVersion: v1\nkind: List\nitems:\n',
        (index) => `- {apiVersion: v1, kind: ConfigMap, metadata: {name: a${index}}}\n`,
      ),
  ],
  ['a million empty documents', () => '---\n'.repeat(MIB - 10)],
  ['documents of nothing', () => '---\n{}\n'.repeat(590_000)],
  ['errors on every line', () => filled(HEAD, () => ' }\n')],
  ['one long line', () => `${HEAD}  a: ${'x'.repeat(MIB - 200)}\n`],
  [
    'four documents that are just small enough',
    () =>
      Array.from({ length: 4 }, (_, which) =>
        filled(
          HEAD.replace('name: x', `name: x${which}`),
          (index) => `  "k${index}": "v"\n`,
          '---\n',
          790_000,
        ),
      ).join(''),
  ],
]

/**
 * Each is a process that works for a second: those that came nearest to a bound are tried always,
 * all of them with HOSTILE=all.
 */
const WORST = new Set([
  'as many keys in JSON',
  'brackets that nobody closes',
  'nested a hundred thousand deep',
  'merges',
  'a million empty documents',
  'four documents that are just small enough',
  'an endless body',
  '64 MiB of empty objects',
])

function worst<T extends readonly [string, ...unknown[]]>(all: readonly T[]): readonly T[] {
  return process.env['HOSTILE'] === 'all' ? all : all.filter(([name]) => WORST.has(name))
}

describe('a manifest', () => {
  test.each(worst(MANIFESTS))('%s: refused or read, within its memory', async (_name, text) => {
    const { finished, peakKiB } = await measured({
      inputs: { manifests: 'x.yaml', namespace: 'default' },
      files: { 'x.yaml': text() },
    })
    expect(finished.outputs['result']).toBe('refused')
    expect(['MANIFEST_INVALID', 'INPUT_INVALID']).toContain(finished.outputs['code'])
    expect(finished.stderr).toBe('')
    expect(finished.lines.length).toBeLessThan(1000)
    expect(peakKiB).toBeLessThan(MOST_KIB)
  })

  test.each(worst(MANIFESTS))('%s: a cancel is heard while it is read', async (_name, text) => {
    const { finished } = await measured({
      inputs: { manifests: 'x.yaml', namespace: 'default' },
      files: { 'x.yaml': text() },
      cancelAt: /^::group::Load and lint/,
    })
    // Ended by its own end, whether it came to the cancel or to the fault first: never by the
    // second signal.
    // One that has told its verdict is ended by the signal itself.
    expect([null, 'SIGINT']).toContain(finished.signal)
    expect(['cancelled', 'refused']).toContain(finished.outputs['result'])
    expect(finished.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
  })

  test('a kustomization and a kubeconfig with as many keys', async () => {
    const keys = filled('commonLabels:\n', (index) => `  k${index}: v\n`, '', 500_000)
    const { finished, peakKiB } = await measured({
      inputs: { manifests: 'k', namespace: 'default' },
      files: { 'k/kustomization.yaml': keys },
      cancelAt: /^::group::Load and lint/,
    })
    expect(['cancelled', 'refused']).toContain(finished.outputs['result'])
    expect(finished.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
    expect(peakKiB).toBeLessThan(MOST_KIB)
    const other = await measured({
      inputs: { operation: 'status', namespace: 'default', name: 'web' },
      kubeconfig: filled('clusters:\n', (index) => `- {k${index}: v}\n`),
    })
    expect(other.finished.outputs).toMatchObject({
      result: 'refused',
      code: 'INPUT_INVALID',
      message: expect.stringContaining('more than any kubeconfig'),
    })
    expect(other.peakKiB).toBeLessThan(MOST_KIB)
  })
})

/** Sends until the other side has had enough. */
function endless(response: ServerResponse, part: Buffer, pauseMs = 0): void {
  const more = (): void => {
    if (response.destroyed) return
    if (pauseMs > 0) response.write(part, () => void setTimeout(more, pauseMs))
    else if (response.write(part)) setImmediate(more)
    else response.once('drain', more)
  }
  more()
}

function whole(
  response: ServerResponse,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { 'Content-Type': 'application/json', ...headers }).end(body)
}

/** A gzip may be many behind one another: one is packed, and repeated. */
function packedZeros(mib: number): Buffer {
  return Buffer.concat(Array<Buffer>(mib).fill(gzipSync(Buffer.alloc(MIB))))
}

function list(items: string, size: number): string {
  const head =
    '{"apiVersion":"apps/v1","kind":"StatefulSetList","metadata":{"resourceVersion":"1"},"items":['
  return `${head}${items.repeat(Math.floor((size - head.length - 100) / items.length)).replace(/,$/, '')}]}`
}

const ANSWERS: readonly (readonly [string, (response: ServerResponse) => void, string])[] = [
  [
    'an endless body',
    (response) => endless(response.writeHead(200), Buffer.alloc(65_536, 0x20)),
    'CLUSTER_UNREACHABLE',
  ],
  [
    'a gzip that unpacks to two gigabytes',
    (response) => whole(response, packedZeros(2048), { 'Content-Encoding': 'gzip' }),
    'CLUSTER_UNREACHABLE',
  ],
  [
    '64 MiB of empty objects',
    (response) => whole(response, list('{},', 64 * MIB)),
    'CLUSTER_UNREACHABLE',
  ],
  [
    '64 MiB of empty objects, packed',
    (response) => whole(response, gzipSync(list('{},', 64 * MIB)), { 'Content-Encoding': 'gzip' }),
    'CLUSTER_UNREACHABLE',
  ],
  ['64 MiB of numbers', (response) => whole(response, list('1,', 64 * MIB)), 'CLUSTER_UNREACHABLE'],
  [
    '64 MiB of brackets',
    (response) => whole(response, '['.repeat(64 * MIB)),
    'CLUSTER_UNREACHABLE',
  ],
  ['pieces of a byte', (response) => endless(response.writeHead(200), Buffer.from(' ')), ''],
]

describe('an API server', () => {
  test.each(worst(ANSWERS))('that answers with %s', async (_name, answer, code) => {
    const server = createServer((request, response) => {
      request.resume()
      response.on('error', () => undefined)
      answer(response)
    })
    const port = await listening(server)
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [],
      contexts: [{ name: 'c', context: { cluster: 'c' } }],
    })
    try {
      const { finished, peakKiB } = await measured({
        inputs: { operation: 'status', namespace: 'default', name: 'web', timeout: '8s' },
        kubeconfig,
      })
      expect(finished.exitCode).toBe(1)
      if (code !== '') expect(finished.outputs['code']).toBe(code)
      expect(finished.outputs['code']).not.toBe('INTERNAL')
      expect(peakKiB).toBeLessThan(MOST_KIB)
      let cancel = (): void => undefined
      const cancelled = runCancelled(
        { inputs: { operation: 'status', namespace: 'default', name: 'web' }, kubeconfig },
        (then) => (cancel = then),
      )
      server.once('request', () => cancel())
      const ended = await cancelled
      expect(ended.signal).toBeNull()
      expect(ended.endedAfterSignalMs).toBeLessThan(PROMISED_MS)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

/** Cancelled when the server has got its first request. */
async function runCancelled(run: ActionRun, arm: (cancel: () => void) => void): Promise<Finished> {
  const job = newJob()
  try {
    return await runAction({ job, ...run, cancelWhen: arm })
  } finally {
    endJob(job)
  }
}

const TEXTS = `{"metadata":{"name":"zk-9","annotations":{"a":"${'x'.repeat(MIB)}"}}},`

/** Objects that are as large as a store takes, as often as a page takes them. */
const LISTS: readonly (readonly [string, () => string])[] = [
  ['60 MiB of texts', () => list(TEXTS, 60 * MIB)],
  ['22 MiB of texts', () => list(TEXTS, 22 * MIB)],
  [
    '22 MiB of texts in two bytes a character',
    () => list(TEXTS.replace('xxx', '\u03b1'), 22 * MIB),
  ],
  [
    'empty lists',
    () => list(`{"metadata":{"name":"zk-9"},"x":[${'[],'.repeat(20_000)}1]},`, 8 * MIB),
  ],
]

describe('every list of an API server', () => {
  test.each(LISTS)('with %s, several at once: within its memory', (_name, body) =>
    withBundle({}, async ({ cluster, job, run }) => {
      await run(tutorial(QUICK))
      const peak = join(job.directory, 'peak')
      cluster.faults.always({ verb: 'list', status: 200, body: body() })
      const looked = await run(
        undefined,
        { operation: 'status', name: 'zk', timeout: '20s' },
        { env: { RUNNER_DEBUG: '1', NODE_OPTIONS: `--import ${PEAK}`, PEAK_FILE: peak } },
      )
      if (process.env['SHOW'] !== undefined)
        process.stderr.write(
          `${Number(readFileSync(peak, 'utf8')) / 1024} MiB ${looked.outputs['message'] ?? ''}\n`,
        )
      expect(looked.exitCode).toBe(1)
      expect(looked.outputs['code']).not.toBe('INTERNAL')
      expect(Number(readFileSync(peak, 'utf8'))).toBeLessThan(MOST_KIB)
    }),
  )
})

describe('a record', () => {
  test('that unpacks to a gigabyte, or holds more than a ConfigMap can: an undo says so, within its memory', () =>
    withBundle({}, async ({ cluster, job, run }) => {
      await run(tutorial(QUICK))
      const peak = join(job.directory, 'peak')
      const env = { NODE_OPTIONS: `--import ${PEAK}`, PEAK_FILE: peak }
      cluster.objects.edit('ConfigMap', 'default', 'zk-ensemble-zk', (record) => {
        const [key = ''] = Object.keys(fields(record, 'binaryData'))
        put(record, ['binaryData', key], packedZeros(600).toString('base64'))
      })
      const undone = await run(undefined, { operation: 'undo', name: 'zk' }, { env })
      expect(undone.outputs['result']).toBe('refused')
      expect(undone.outputs['code']).not.toBe('INTERNAL')
      expect(Number(readFileSync(peak, 'utf8'))).toBeLessThan(MOST_KIB)
      cluster.objects.edit('ConfigMap', 'default', 'zk-ensemble-zk', (record) => {
        put(record, ['data', 'record.json'], `{"version":1,"x":[${'{},'.repeat(MIB / 2)}{}]}`)
      })
      const large = await run(undefined, { operation: 'restart', name: 'zk' }, { env })
      expect(large.outputs).toMatchObject({
        result: 'refused',
        code: 'CONFLICT',
        message: expect.stringContaining('larger than 1 MiB'),
      })
      expect(Number(readFileSync(peak, 'utf8'))).toBeLessThan(MOST_KIB)
    }))
})
