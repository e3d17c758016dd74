// What a cleanup takes and what it leaves: a wrong deletion is data that is gone for good, a missed one a preview that costs money for ever.

import { describe, expect, jest, test } from '@jest/globals'
import { text } from '../../support/cluster/json.ts'
import { PREVIEW, told, withSite, type Site } from './cleaned-preview.ts'

jest.setTimeout(120_000)

const ALL = { 'delete-claims': 'true' }
const done = { result: 'succeeded', code: '' }

function namespaces({ cluster }: Site): string[] {
  return cluster.objects.list('Namespace').map((one) => text(one, 'metadata', 'name'))
}

function writesOf({ cluster }: Site, by: string): string[] {
  return cluster.requests.filter((one) => one.by === by && !one.dryRun && ['create', 'update', 'patch', 'apply', 'delete', 'deletecollection', 'eviction'].includes(one.verb) && one.kind !== '').map(({ verb, kind, name }) => `${verb} ${kind} ${name}`)
}

describe('a preview', () => {
  test('comes, is deployed again, goes with its namespace, claims and volumes, and comes again; the second cleanup is unchanged', () =>
    withSite(async (site) => {
      expect(told(await site.deploy({ ttl: '72h' }))).toMatchObject(done)
      const before = text(site.cluster.objects.get('Namespace', '', PREVIEW), 'metadata', 'annotations', 'zk-ensemble-action/expires-at')
      expect(text(site.cluster.objects.get('Namespace', '', PREVIEW), 'metadata', 'annotations', 'zk-ensemble-action/repository')).toBe('example/shop')
      await site.clock.sleep(3_600_000)
      expect(told(await site.deploy({ ttl: '72h' }))).toMatchObject({ result: 'unchanged' })
      const after = text(site.cluster.objects.get('Namespace', '', PREVIEW), 'metadata', 'annotations', 'zk-ensemble-action/expires-at')
      expect(Date.parse(after) - Date.parse(before)).toBeGreaterThanOrEqual(3_600_000)
      expect(site.volumes()).toBe(2)

      const gone = await site.cleanup(ALL)
      expect(told(gone)).toMatchObject(done)
      expect(gone.report.changes.map(({ object, change }) => `${object} ${change}`)).toEqual(expect.arrayContaining(['statefulset/web deleted', 'service/web deleted', 'configmap/web-settings deleted', 'poddisruptionbudget/web deleted', 'persistentvolumeclaim/data-web-0 deleted', 'persistentvolumeclaim/data-web-1 deleted', `namespace/${PREVIEW} deleted`]))
      expect(namespaces(site)).not.toContain(PREVIEW)
      expect([site.inside(PREVIEW), site.volumes()]).toEqual([[], 0])
      expect(told(await site.cleanup(ALL))).toMatchObject({ result: 'unchanged' })

      expect(told(await site.deploy({ ttl: '72h' }))).toMatchObject(done)
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect(namespaces(site)).not.toContain(PREVIEW)
    }))

  test('without delete-claims its claims stay, with their sizes, and the namespace for them; with it they go later', () =>
    withSite(async (site) => {
      await site.deploy()
      const kept = await site.cleanup()
      expect(told(kept)).toMatchObject(done)
      expect(kept.report.notes.join('\n')).toContain('data-web-0 (1Gi)')
      expect(site.inside(PREVIEW)).toEqual(['configmap/zk-ensemble-web', 'persistentvolumeclaim/data-web-0', 'persistentvolumeclaim/data-web-1', 'lease/zk-ensemble-web'])
      expect(told(await site.cleanup({}, 'second'))).toMatchObject({ result: 'unchanged' })
      expect(writesOf(site, 'second')).toEqual([])
      expect(told(await site.cleanup(ALL))).toMatchObject(done)
      expect([namespaces(site).includes(PREVIEW), site.volumes()]).toEqual([false, 0])
    }))

  test('a dry run lists what would go, and writes nothing', () =>
    withSite(async (site) => {
      await site.deploy()
      const dry = await site.cleanup({ ...ALL, 'dry-run': 'true' }, 'dry')
      expect(told(dry)).toMatchObject({ result: 'planned' })
      expect(dry.report.changes.map(({ object }) => object)).toEqual(expect.arrayContaining(['statefulset/web', 'persistentvolumeclaim/data-web-0', 'configmap/zk-ensemble-web', `namespace/${PREVIEW}`]))
      expect(writesOf(site, 'dry')).toEqual([])
    }))
})
