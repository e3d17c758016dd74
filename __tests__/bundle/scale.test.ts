// A change of the number of members that was cut off: who has just been made is on its way, and is
// waited for like any newcomer.

import { expect, test } from '@jest/globals'
import { put, text } from '../support/cluster/json.ts'
import { plain, verdict, withBundle } from './given.ts'

// "2 of 2 members are there already" was said at once, and the check that followed failed on a
// member that had just been made.
test.concurrent('scale to the number that is there already waits for the member that does not serve yet', () =>
  withBundle({}, async ({ cluster, run }) => {
    const cordon = (unschedulable: boolean): void =>
      cluster.objects
        .list('Node')
        .forEach((node) => cluster.objects.put('Node', { ...node, spec: { unschedulable } }))
    expect(verdict(await run(plain(), { profile: 'none' }))).toMatchObject({ result: 'succeeded' })
    cordon(true)
    cluster.objects.edit('StatefulSet', 'default', 'web', (set) =>
      put(set, ['spec', 'replicas'], 2),
    )
    const again = await run(
      undefined,
      { operation: 'scale', name: 'web', replicas: '2', profile: 'none' },
      { onLine: (line) => void (line.includes('::group::wait for web-1') && cordon(false)) },
    )
    expect(verdict(again)).toEqual({ result: 'unchanged', code: '', exitCode: 0 })
    expect(again.lines.join('\n')).toContain('Plan the steps: wait for web-1')
    expect(again.outputs).toMatchObject({ replicas: '2', 'ready-replicas': '2', changed: 'false' })
  }))

// What was refused before anything was changed must not lock the next operation.
test.concurrent('a scale that the server would refuse leaves nothing under way', () =>
  withBundle({}, async ({ cluster, run }) => {
    expect(verdict(await run(plain({ replicas: 2 }), { profile: 'none' }))).toMatchObject({
      result: 'succeeded',
    })
    cluster.faults.always({
      verb: 'apply',
      kind: 'StatefulSet',
      status: 422,
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason: 'Invalid',
        code: 422,
        message:
          'StatefulSet.apps "web" is invalid: spec.replicas: Forbidden by the policy of this cluster',
      },
    })
    const refused = await run(undefined, {
      operation: 'scale',
      name: 'web',
      replicas: '3',
      profile: 'none',
    })
    expect({ result: refused.outputs['result'], message: refused.outputs['message'] }).toEqual({
      result: 'refused',
      message: expect.stringContaining('Forbidden by the policy of this cluster'),
    })
    cluster.faults.clear()
    expect(
      JSON.parse(
        text(cluster.objects.get('ConfigMap', 'default', 'zk-ensemble-web'), 'data', 'record.json'),
      ),
    ).toMatchObject({ underWay: null })
    expect(
      verdict(await run(undefined, { operation: 'restart', name: 'web', profile: 'none' })),
    ).not.toMatchObject({ code: 'CONFLICT' })
  }))
