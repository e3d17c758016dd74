// A StatefulSet that was deleted with --cascade=orphan and is deployed again: its members run on,
// and are replaced one by one by the quorum, as in any roll; never by the controller on its own.

import { expect, test } from '@jest/globals'
import { at, fields, number, put, text } from '../../support/cluster/json.ts'
import { runHere, startRun, untilHere, type Ended } from '../../support/in-process.ts'
import { MEMBERS, TUTORIAL, wanted, withEnsemble, type Given } from './drained-ensemble.ts'

const CHANGED = TUTORIAL.replace('--snap_retain_count=3', '--snap_retain_count=4')
const LARGER = 'storage: 20Gi'

function deploy(
  { cluster, clock }: Given,
  manifest: string,
  inputs: Readonly<Record<string, string>> = {},
  onLine?: (line: string) => void,
): Promise<Ended> {
  return runHere({
    cluster,
    clock,
    name: 'run',
    inputs: { manifests: 'zk.yaml', verify: 'quick', ...inputs },
    files: { 'zk.yaml': manifest },
    ...(onLine === undefined ? {} : { onLine }),
  })
}

/** As it was verified, and as it is left: the pods, without their set. */
async function orphaned(given: Given, manifest = TUTORIAL): Promise<readonly string[]> {
  wanted(await deploy(given, manifest, { verify: 'full' }), 'unchanged', '')
  given.cluster.somebody.orphan('StatefulSet', 'default', 'zk')
  return uids(given)
}

function withOrphans(
  work: (given: Given, before: readonly string[]) => Promise<void>,
  manifest = TUTORIAL,
): Promise<void> {
  return withEnsemble(
    { nodes: 4 },
    async (given) => work(given, await orphaned(given, manifest)),
    manifest,
  )
}

const podOf = ({ cluster }: Given, name: string): unknown =>
  cluster.objects.get('Pod', 'default', name)

function uids(given: Given): string[] {
  return MEMBERS.map((name) =>
    text(given.cluster.objects.get('Pod', 'default', name), 'metadata', 'uid'),
  )
}

function revisions({ cluster }: Given): string[] {
  return MEMBERS.map((name) =>
    text(
      cluster.objects.get('Pod', 'default', name),
      'metadata',
      'labels',
      'controller-revision-hash',
    ),
  )
}

const setOf = ({ cluster }: Given): Readonly<Record<string, unknown>> =>
  fields(cluster.objects.get('StatefulSet', 'default', 'zk'))

/** Ordinals in the order in which they were told to end, and how many served then. */
function taken({ cluster }: Given, from: number): readonly (readonly [number, number])[] {
  return cluster.history
    .slice(from)
    .filter(({ what }) => what === 'deleted')
    .map(({ ordinal, serving }) => [ordinal, serving.length] as const)
}

test('with another template each member waits for the quorum; an undo and the same template again follow', () =>
  withOrphans(async (given, before) => {
    const old = revisions(given)[0]
    let from = given.cluster.history.length
    const rolled = await deploy(given, CHANGED, { verify: 'full' })
    wanted(rolled, 'succeeded', '')
    expect(taken(given, from)).toEqual([2, 1, 0].map((ordinal) => [ordinal, 3]))
    expect(uids(given).filter((uid) => before.includes(uid))).toEqual([])
    expect(rolled.lines.join('\n')).toMatch(
      /zk-0, zk-1, zk-2 at revision zk-\w+, none was replaced[^]*zk-2: its turn, every other member serves/,
    )
    expect(rolled.report.changes.find(({ change }) => change === 'created')).toEqual({
      object: 'statefulset/zk',
      change: 'created',
      note: 'adopts zk-0, zk-1, zk-2',
    })
    expect(rolled.report.previousRevision).toBe(old)
    expect(given.record()).toMatchObject({ underWay: null })
    expect(
      number(given.cluster.objects.get('StatefulSet', 'default', 'zk'), [
        'spec',
        'updateStrategy',
        'rollingUpdate',
        'partition',
      ]),
    ).toBe(0)

    const back = await runHere({ ...given, name: 'run', inputs: { operation: 'undo', name: 'zk' } })
    wanted(back, 'succeeded', '')
    expect(new Set(revisions(given))).toEqual(new Set([old]))

    const again = await orphaned(given)
    from = given.cluster.history.length
    wanted(await deploy(given, TUTORIAL, { verify: 'full' }), 'succeeded', '')
    expect([uids(given), taken(given, from)]).toEqual([again, []])
    expect(given.record()).toMatchObject({ underWay: null })
    const unchanged = await deploy(given, TUTORIAL)
    wanted(unchanged, 'unchanged', '')
  }))

test('without the history of before the partition holds all members until it is their turn', () =>
  withOrphans(async (given, before) => {
    for (const revision of given.cluster.objects.list('ControllerRevision', 'default'))
      given.cluster.somebody.delete(
        'ControllerRevision',
        'default',
        text(revision, 'metadata', 'name'),
      )
    const from = given.cluster.history.length
    const rolled = await deploy(given, CHANGED)
    wanted(rolled, 'succeeded', '')
    expect(taken(given, from)).toEqual([2, 1, 0].map((ordinal) => [ordinal, 3]))
    expect(uids(given).filter((uid) => before.includes(uid))).toEqual([])
  }))

test.each([0, 1, 2, 3])(
  'killed %i requests after the set was created: nobody was replaced, and the next run does the rest',
  (more) =>
    withOrphans(async (given, before) => {
      const { cluster, clock } = given
      const from = cluster.history.length
      const killed = startRun({
        cluster,
        clock,
        name: 'run',
        inputs: { manifests: 'zk.yaml', verify: 'quick' },
        files: { 'zk.yaml': CHANGED },
        onLine: (line) => (line.includes('statefulset/zk created') ? killed.kill(more) : undefined),
      })
      await killed.ended
      await clock.sleep(120_000)
      expect(uids(given)).toEqual(before)
      const next = await runHere({
        cluster,
        clock,
        name: 'second',
        inputs: { manifests: 'zk.yaml', verify: 'full' },
        files: { 'zk.yaml': CHANGED },
      })
      wanted(next, 'succeeded', '')
      expect(taken(given, from)).toEqual([2, 1, 0].map((ordinal) => [ordinal, 3]))
      const back = await runHere({
        ...given,
        name: 'second',
        inputs: { operation: 'undo', name: 'zk' },
      })
      wanted(back, 'succeeded', '')
    }),
)

test('what was never verified before is the baseline, without the partition of a run that was killed', () =>
  withEnsemble({ nodes: 4 }, async (given) => {
    const { cluster, clock } = given
    const old = revisions(given)
    cluster.somebody.orphan('StatefulSet', 'default', 'zk')
    const killed = startRun({
      cluster,
      clock,
      name: 'run',
      inputs: { manifests: 'zk.yaml', verify: 'quick' },
      files: { 'zk.yaml': CHANGED },
      onLine: (line) => (line.includes('statefulset/zk created') ? killed.kill() : undefined),
    })
    await killed.ended
    for (const inputs of [{ manifests: 'zk.yaml' }, { operation: 'undo', name: 'zk' }])
      wanted(
        await runHere({ cluster, clock, name: 'second', inputs, files: { 'zk.yaml': CHANGED } }),
        'succeeded',
        '',
      )
    expect(revisions(given)).toEqual(old)
  }))

test('with OnDelete members are evicted one by one, the leader last', () => {
  const onDelete = (manifest: string): string =>
    manifest.replace('type: RollingUpdate', 'type: OnDelete')
  return withOrphans(async (given, before) => {
    const from = given.cluster.history.length
    wanted(await deploy(given, onDelete(CHANGED)), 'succeeded', '')
    expect(taken(given, from).map(([, serving]) => serving)).toEqual([3, 3, 3])
    expect(uids(given).filter((uid) => before.includes(uid))).toEqual([])
  }, onDelete(TUTORIAL))
})

test('one that was lost meanwhile comes back', () =>
  withOrphans(async (given, before) => {
    given.cluster.somebody.delete('Pod', 'default', 'zk-2')
    await untilHere(given.clock, 'zk-2 gone', () => podOf(given, 'zk-2') === undefined)
    wanted(await deploy(given, TUTORIAL), 'succeeded', '')
    expect(uids(given).slice(0, 2)).toEqual(before.slice(0, 2))
    expect(given.cluster.zookeeper('default', 'zk').serving()).toEqual([0, 1, 2])
  }))

test('a larger claim template comes with it, and a change that fails is rolled back under it', () =>
  withOrphans(async (given) => {
    const bad = CHANGED.replace('storage: 10Gi', LARGER).replace(
      'kubernetes-zookeeper:1.0-3.4.10',
      'kubernetes-zookeeper:nowhere',
    )
    const old = revisions(given)
    const failed = await deploy(given, bad, { 'member-timeout': '30s' })
    wanted(failed, 'undone', 'IMAGE_PULL')
    expect(revisions(given)).toEqual(old)
    expect(given.cluster.zookeeper('default', 'zk').serving()).toEqual([0, 1, 2])
    expect(
      JSON.stringify(
        at(
          given.cluster.objects.get('StatefulSet', 'default', 'zk'),
          'spec',
          'volumeClaimTemplates',
        ),
      ),
    ).toContain('20Gi')
  }))

test('members are added one at a time, after those that run were adopted', () =>
  withOrphans(async (given) => {
    const more = TUTORIAL.replace('replicas: 3', 'replicas: 4').replace(
      '--servers=3',
      '--servers=4',
    )
    const grown = await deploy(given, more)
    wanted(grown, 'succeeded', '')
    expect(given.cluster.zookeeper('default', 'zk').serving()).toEqual([0, 1, 2, 3])
  }))

interface Refused {
  readonly what: string
  readonly manifest: string
  readonly code: string
  readonly message: RegExp
  readonly change?: (given: Given) => void
}

const REFUSED: readonly Refused[] = [
  {
    what: 'a selector that does not take them',
    manifest: TUTORIAL.replaceAll('app: zk', 'app: keeper'),
    code: 'IMMUTABLE_FIELD',
    message: /zk-0, zk-1, zk-2 run without a StatefulSet, and the selector .* could neither adopt/,
  },
  {
    what: 'a pod of its name that belongs to another',
    manifest: TUTORIAL,
    code: 'CONFLICT',
    message: /pod\/zk-1 is there already and belongs to service\/zk-cs/,
    change: ({ cluster }) =>
      cluster.objects.edit('Pod', 'default', 'zk-1', (draft) =>
        put(
          draft,
          ['metadata', 'ownerReferences'],
          [
            {
              apiVersion: 'v1',
              kind: 'Service',
              name: 'zk-cs',
              uid: text(cluster.objects.get('Service', 'default', 'zk-cs'), 'metadata', 'uid'),
              controller: true,
            },
          ],
        ),
      ),
  },
  {
    what: 'another headless Service',
    manifest: TUTORIAL.replaceAll('zk-hs', 'zk-members'),
    code: 'IMMUTABLE_FIELD',
    message: /have their names by the headless Service zk-hs, the manifest says zk-members/,
  },
  {
    what: 'one more claim template',
    manifest: TUTORIAL.replace(
      '  volumeClaimTemplates:\n',
      '  volumeClaimTemplates:\n  - metadata:\n      name: logs\n    spec:\n      accessModes: [ "ReadWriteOnce" ]\n      resources:\n        requests:\n          storage: 1Gi\n',
    ),
    code: 'IMMUTABLE_FIELD',
    message: /without a claim of the claim template logs: the StatefulSet controller can't add one/,
  },
  {
    what: 'fewer members',
    manifest: TUTORIAL.replace('replicas: 3', 'replicas: 2').replace('--servers=3', '--servers=2'),
    code: 'MEMBERSHIP_CHANGE',
    message: /the ensemble has 3 members, the manifest says 2: a deploy removes no member/,
  },
  {
    what: 'a first ordinal above them',
    manifest: TUTORIAL.replace('  replicas: 3', '  replicas: 3\n  ordinals:\n    start: 1'),
    code: 'MEMBERSHIP_CHANGE',
    message: /zk-0 runs without a StatefulSet, and the first ordinal of the manifest is 1/,
  },
]

test.each(REFUSED)(
  '$what is refused before the set is there',
  ({ manifest, code, message, change }) =>
    withOrphans(async (given, before) => {
      change?.(given)
      const refused = await deploy(given, manifest, { lint: 'warn' })
      wanted(refused, 'refused', code)
      expect(refused.report.findings.map((finding) => finding.message).join('\n')).toMatch(message)
      expect([uids(given), setOf(given)]).toEqual([before, {}])
    }),
)

test('a plan says that they are adopted, and who is replaced then', () =>
  withOrphans(async (given, before) => {
    const plan = await deploy(given, CHANGED, { operation: 'plan' })
    expect(plan.report.result).toBe('planned')
    expect(plan.report.impact).toBe('roll')
    expect(plan.report.notes.join('\n')).toMatch(
      /zk-0, zk-1, zk-2 run without a StatefulSet: statefulset\/zk would be created first and adopt them/,
    )
    expect(plan.report.meaning[0]).toMatch(/3 members would be replaced, one at a time/)
    const same = await deploy(given, TUTORIAL, { operation: 'plan' })
    expect(same.report.impact).toBe('objects')
    expect([uids(given), setOf(given)]).toEqual([before, {}])
  }))
