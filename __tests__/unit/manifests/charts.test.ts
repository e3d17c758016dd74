// Manifests after the charts, operators and images that people run: each must load, with the right
// kind and port, and without one untrue error. A wrong finding is a deploy that somebody can't make
// at night.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { load } from './given.ts'

const folder = join(import.meta.dirname, '..', '..', 'cases', 'charts')
const given = (name: string): string => readFileSync(join(folder, `${name}.yaml`), 'utf8')
const CUSTOM = { profile: 'custom', 'write-command': 'w', 'read-command': 'r' }
const NONE = { profile: 'none' }

/** Inputs, then what is found out: kind, container of the server, its client port. */
const CHARTS: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string]>> = {
  'bitnami-zookeeper': [{}, 'zookeeper zookeeper 2181'],
  'confluent-cp-zookeeper': [{}, 'zookeeper cp-zookeeper-server 2181'],
  'pravega-operator': [{}, 'zookeeper zookeeper 2181'],
  'strimzi-like': [{}, 'zookeeper zookeeper 2181'],
  'incubator-zookeeper': [{}, 'zookeeper zookeeper 2181'],
  'kafka-with-zookeeper': [{ name: 'my-kafka-zookeeper' }, 'zookeeper zookeeper 2181'],
  solr: [NONE, 'none solr 8983'],
  'clickhouse-keeper': [CUSTOM, 'custom chk 9181'],
  'etcd-bitnami': [CUSTOM, 'custom etcd 2379'],
  nats: [NONE, 'none nats 4222'],
  'redis-cluster': [NONE, 'none redis-cluster 6379'],
  consul: [CUSTOM, 'custom consul-server 8500'],
  'vault-raft': [CUSTOM, 'custom vault 8200'],
  elasticsearch: [CUSTOM, 'custom es-master 9200'],
  'zookeeper-34-wildcard': [{}, 'zookeeper zoo 2181'],
  'tutorial-mirrored': [{}, 'zookeeper kubernetes-zookeeper 2181'],
  stackable: [{}, 'zookeeper zk-server-default 2181'],
  'wurstmeister-single': [{}, 'zookeeper zookeeper 2181'],
  'cassandra-bitnami': [{}, 'cassandra cassandra 9042'],
  'cassandra-k8s-tutorial': [{ namespace: 'default' }, 'cassandra cassandra 9042'],
  'argo-waves': [{}, 'zookeeper zoo 2181'],
  'two-claims-digest': [{}, 'zookeeper zk 2181'],
  minio: [NONE, 'none minio 9000'],
  'digest-34-list': [{}, 'zookeeper zookeeper 2181'],
  'corp-tag-34-list': [{}, 'zookeeper zookeeper 2181'],
  'folded-list': [{}, 'zookeeper zookeeper 2181'],
  'envfrom-cm': [{}, 'zookeeper zookeeper 2181'],
  'ordinals-start-1': [{}, 'zookeeper zookeeper 2181'],
  'sidecar-first': [{}, 'zookeeper zookeeper 2181'],
  'init-myid-zoocfg': [{}, 'zookeeper zookeeper 2181'],
  'budget-by-expression': [{}, 'zookeeper zookeeper 2181'],
}

describe('charts as people run them', () => {
  test.each(Object.entries(CHARTS))('%s', async (name, [inputs, words]) => {
    const { loaded, error } = await load(given(name), { namespace: 'shop', ...inputs })
    expect(
      error?.findings
        .filter(({ severity }) => severity === 'error')
        .map(({ message }) => message) ?? [],
    ).toEqual([])
    expect(
      `${loaded?.profile ?? ''} ${loaded?.linted.member.name ?? ''} ${loaded?.linted.member.clientPort ?? ''}`,
    ).toBe(words)
  })

  test('every one of the folder is tried, or refused for a reason that is true', () => {
    expect(
      readdirSync(folder)
        .map((file) => file.replace('.yaml', ''))
        .toSorted(),
    ).toEqual([...Object.keys(CHARTS), 'official-dynamic'].toSorted())
  })

  test.each([
    [
      'kafka-with-zookeeper',
      {},
      /INPUT_INVALID .*more than one StatefulSet: my-kafka-zookeeper .*, my-kafka /,
    ],
    ['solr', {}, /INPUT_INVALID .*neither the image \(solr:9\.6\) nor the ports/],
    [
      'cassandra-k8s-tutorial',
      {},
      /LINT_FAILED CASSANDRA_SEEDS names cassandra-0\.cassandra\.default\.svc\.cluster\.local \(namespace default\)/,
    ],
    // The image declares /datalog a volume of its own: it goes with each container.
    ['official-dynamic', {}, /LINT_FAILED the transaction log \/datalog is not on a claim/],
  ])('%s as it is: %j', async (name, inputs, words) => {
    const { error } = await load(given(name), { namespace: 'shop', ...inputs })
    expect(`${error?.code ?? ''} ${error?.message ?? ''}`).toMatch(words)
  })
})
