// A ConfigMap holds 1 MiB: a record above it is told as that, and what is written stays below,
// whatever stood there.

import { randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { emptyRecord, readRecord, recordName, writeRecord } from '../../../src/record/record.ts'
import { put } from '../../support/cluster/json.ts'
import { atCluster, never } from '../procedures/at-cluster.ts'

const MIB = 1024 * 1024
const SET = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'zk', namespace: 'default' },
}

function random(bytes: number): string {
  return randomBytes(bytes).toString('base64')
}

function keysOf(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : []
}

test('one above it is refused in those words, and put aside where an undo needs none', () =>
  atCluster(async ({ client, cluster }) => {
    const kube = await client()
    await writeRecord(
      kube,
      'default',
      { record: emptyRecord('zk'), object: undefined },
      { record: emptyRecord('zk'), objects: {} },
      never,
    )
    cluster.objects.edit('ConfigMap', 'default', recordName('zk'), (map) => {
      put(
        map,
        ['data', 'record.json'],
        JSON.stringify({ ...emptyRecord('zk'), more: 'x'.repeat(MIB) }),
      )
      put(
        map,
        ['binaryData'],
        Object.fromEntries(
          Array.from({ length: 6 }, (_, index) => [`objects-old-${index}`, random(150_000)]),
        ),
      )
    })
    await expect(readRecord(kube, 'default', 'zk', never)).rejects.toMatchObject({
      code: 'CONFLICT',
      message:
        "the record of zk in configmap/zk-ensemble-zk can't be read: it is larger than 1 MiB, more than a ConfigMap holds",
    })
    const aside = await readRecord(kube, 'default', 'zk', never, 'set-aside')
    expect(aside.setAside).toContain('larger than 1 MiB')
    const revision = {
      digest: 'sha256:new',
      controllerRevision: 'zk-1',
      image: 'i',
      verifiedAt: '2026-01-01T00:00:00Z',
      origin: 'undo' as const,
      version: '',
      runUrl: '',
    }
    const written = await writeRecord(
      kube,
      'default',
      aside,
      {
        record: { ...aside.record, revisions: [revision] },
        objects: {
          'sha256:new': [
            SET,
            {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: 'a' },
              data: { a: random(200_000) },
            },
          ],
        },
      },
      never,
    )
    const { data, binaryData } = { data: {}, binaryData: {}, ...written.object }
    expect(JSON.stringify([data, binaryData]).length).toBeLessThan(MIB)
    expect(Object.keys(binaryData)).toContain('objects-sha256-new')
    expect(Object.keys(data).toSorted()).toEqual(['record.json', 'record.unreadable'])
  }))

test('objects that are too large by themselves are not kept; those of before stay, to be gone back to', () =>
  atCluster(async ({ client }) => {
    const kube = await client()
    const revisions = ['one', 'two'].map((digest) => ({
      digest,
      controllerRevision: digest,
      image: 'i',
      verifiedAt: '2026-01-01T00:00:00Z',
      origin: 'deploy' as const,
      version: '',
      runUrl: '',
    }))
    const first = await writeRecord(
      kube,
      'default',
      { record: emptyRecord('zk'), object: undefined },
      {
        record: { ...emptyRecord('zk'), revisions: revisions.slice(0, 1) },
        objects: { one: [SET] },
      },
      never,
    )
    const large = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { a: random(900_000) },
    }
    const written = await writeRecord(
      kube,
      'default',
      first,
      { record: { ...first.record, revisions }, objects: { two: [SET, large] } },
      never,
    )
    expect(JSON.stringify(written.object).length).toBeLessThan(MIB)
    expect(keysOf(written.object?.['binaryData'])).toEqual(['objects-one'])
    expect(
      (await readRecord(kube, 'default', 'zk', never)).record.revisions.map(({ digest }) => digest),
    ).toEqual(['one', 'two'])
  }))
