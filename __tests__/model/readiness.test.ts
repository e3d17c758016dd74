// Random schedules of installs, rolls, scalings and losses: the verdict must agree with what is so,
// live through what passes and end on what stays.

import { describe, expect, test } from '@jest/globals'
import {
  diagnose,
  memoryOfWait,
  type Diagnosis,
  type DiagnosisMemory,
} from '../../src/decide/diagnosis/diagnose.ts'
import { chooseVerdict } from '../../src/decide/diagnosis/evidence-choice.ts'
import { judgeRollout, progressKey } from '../../src/decide/rollout/rollout.ts'
import type { Code } from '../../src/codes.ts'
import { SetModel, type Fault, type Shape } from './readiness/set-model.ts'
import { randomFrom } from '../support/random.ts'

const SCHEDULES = 60

/** One run of the wait beside the model, as a deploy does it: a look a second. */
class Watcher {
  readonly model: SetModel
  memory: DiagnosisMemory = memoryOfWait()
  findings: readonly Diagnosis[] = []
  key = ''
  progressAt = 0

  constructor(model: SetModel) {
    this.model = model
  }

  /** Throws what an invariant says when it is broken. */
  look(): { readonly done: boolean; readonly terminal: readonly Diagnosis[] } {
    const { model } = this
    const view = model.view()
    const verdict = judgeRollout(view, model.now, { generation: model.generation })
    const result = diagnose(view, model.now, this.memory)
    this.memory = result.memory
    this.findings = result.findings
    const key = progressKey(view, this.key)
    if (key !== this.key) {
      // States that were reached stay reached.
      const reached = new Set(key.split(' '))
      expect(this.key.split(' ').filter((state) => state !== '' && !reached.has(state))).toEqual([])
      this.progressAt = model.second
    }
    this.key = key
    if ((verdict.kind === 'done') !== model.trulyDone())
      throw new Error(
        `second ${model.second}: the verdict is ${verdict.kind}, but ${model.trulyDone() ? 'all is' : 'not all is'} as wanted`,
      )
    for (const finding of result.findings) this.#isSound(finding)
    if (verdict.kind === 'waiting' && !/^[\x20-\x7e]+$/.test(verdict.reason))
      throw new Error(`not a printable line: ${verdict.reason}`)
    return {
      done: verdict.kind === 'done',
      terminal: result.findings.filter((finding) => finding.class === 'terminal'),
    }
  }

  #isSound(finding: Diagnosis): void {
    const { model } = this
    const pod = `zk-${finding.ordinal ?? ''}`
    const revision =
      model.bodies.find((body) => body.ordinal === finding.ordinal)?.revision ?? model.update
    const unsound = [
      /[\n\r]/.test(finding.message) || !finding.message.includes(pod)
        ? 'is not one line that names its member'
        : '',
      finding.graceUntil !== undefined && finding.graceUntil <= model.now
        ? 'waits for a time that is over'
        : '',
      finding.againstRevision && revision !== model.update
        ? 'blames the new revision for an old pod'
        : '',
    ].filter((fault) => fault !== '')
    if (unsound.length > 0) throw new Error(`${finding.message}: ${unsound.join(', ')}`)
  }
}

function shapeFrom(random: () => number): Shape {
  const pick = <T>(list: readonly [T, ...T[]]): T =>
    list[Math.floor(random() * list.length)] ?? list[0]
  return {
    replicas: pick([1, 3, 5]),
    start: pick([0, 0, 2]),
    partition: pick([0, 0, 1]),
    podManagement: pick(['OrderedReady', 'Parallel']),
    minReadySeconds: pick([0, 0, 5]),
  }
}

const seeds = Array.from({ length: SCHEDULES }, (_, index) => index + 1)

describe('what passes', () => {
  test.each(seeds)('is lived through, and the end is done (schedule %i)', (seed) => {
    const random = randomFrom(seed)
    const shape = shapeFrom(random)
    const model = new SetModel(shape, random)
    const watcher = new Watcher(model)
    const member = (): number => shape.start + Math.floor(random() * model.replicas)
    const blip: readonly (readonly [Fault, number])[] = [
      ['image', 8],
      ['config', 12],
      ['crash', 3],
      ['unschedulable', 25],
      ['quota', 10],
    ]
    for (let second = 0; second < 260; second++) {
      if (second < 160 && second % 40 === 10) {
        // Deaths that come again and again in two minutes are a crash loop, so that blip comes
        // once.
        const crashed = model.troubles.some((trouble) => trouble.fault === 'crash')
        const [fault, lasts] = blip.filter(([fault]) => fault !== 'crash' || !crashed)[
          Math.floor(random() * (blip.length - 1))
        ] ?? ['none', 0]
        for (const revision of ['zk-a', 'zk-b'])
          model.troubles.push({ fault, revision, ordinal: member(), heals: second + lasts })
      }
      if (second < 160 && random() < 0.02)
        model.strike(member(), random() < 0.4 ? 'delete' : random() < 0.5 ? 'failed' : 'unready')
      if (second === 60) model.apply({ revision: 'zk-b' })
      if (second === 110 && random() < 0.5)
        model.apply({ replicas: Math.max(1, shape.replicas - 1) })
      model.step()
      const { terminal } = watcher.look()
      if (terminal.length > 0)
        throw new Error(`second ${second}: given up too early: ${terminal[0]?.message ?? ''}`)
    }
    expect(watcher.look().done).toBe(true)
  })
})

describe('what stays', () => {
  const CODES: Readonly<Record<Exclude<Fault, 'none'>, Code>> = {
    image: 'IMAGE_PULL',
    config: 'CONFIG_ERROR',
    crash: 'CRASH_LOOP',
    unschedulable: 'UNSCHEDULABLE',
    quota: 'CREATE_REJECTED',
  }
  const rows = (['image', 'config', 'crash', 'unschedulable', 'quota'] as const).flatMap((fault) =>
    Array.from({ length: 8 }, (_, index) => [fault, index + 1] as const),
  )

  test.each(rows)(
    '%s ends the wait with its own code and member, and speaks against the new revision (schedule %i)',
    (fault, seed) => {
      const random = randomFrom(seed * 7919)
      const shape = { ...shapeFrom(random), partition: 0 }
      const model = new SetModel(shape, random)
      const watcher = new Watcher(model)
      const victim = shape.start + Math.floor(random() * shape.replicas)
      model.troubles.push({ fault, revision: 'zk-b', ordinal: victim, heals: Infinity })
      const install = (): void => {
        for (let second = 0; second < 120 && !watcher.look().done; second++) model.step()
      }
      install()
      expect(watcher.look()).toEqual({ done: true, terminal: [] })
      model.apply({ revision: 'zk-b' })
      let ended: readonly Diagnosis[] = []
      for (let second = 0; second < 300 && ended.length === 0; second++) {
        model.step()
        const seen = watcher.look()
        if (seen.done) throw new Error('done with a member that can not come')
        ended = seen.terminal
      }
      const [decided] = chooseVerdict(ended, '', '')
      expect(decided).toMatchObject({ code: CODES[fault], severity: 'error', ordinal: victim })
      expect(ended[0]?.againstRevision).toBe(true)
    },
  )

  test.each(seeds.slice(0, 20))(
    'a crash loop makes no progress, however long it goes round (schedule %i)',
    (seed) => {
      const random = randomFrom(seed * 104_729)
      const model = new SetModel(
        {
          replicas: 3,
          start: 0,
          partition: 0,
          podManagement: seed % 2 === 0 ? 'Parallel' : 'OrderedReady',
          minReadySeconds: 0,
        },
        random,
      )
      for (const ordinal of [0, 1, 2])
        model.troubles.push({ fault: 'crash', revision: 'zk-a', ordinal, heals: Infinity })
      const watcher = new Watcher(model)
      for (let second = 0; second < 400; second++) {
        model.step()
        watcher.look()
      }
      expect(watcher.progressAt).toBeLessThan(40)
    },
  )
})

describe('rolling back a bad roll', () => {
  test.each(seeds.slice(0, 20))(
    'under OrderedReady names the pod that must be deleted, and is done once it is (schedule %i)',
    (seed) => {
      const random = randomFrom(seed * 31)
      const model = new SetModel(
        { replicas: 3, start: 0, partition: 0, podManagement: 'OrderedReady', minReadySeconds: 0 },
        random,
      )
      model.troubles.push({
        fault: (['image', 'config', 'crash'] as const)[seed % 3] ?? 'image',
        revision: 'zk-b',
        ordinal: 2,
        heals: Infinity,
      })
      const first = new Watcher(model)
      for (let second = 0; second < 120 && !first.look().done; second++) model.step()
      model.apply({ revision: 'zk-b' })
      for (let second = 0; second < 30; second++) model.step()
      model.apply({ revision: 'zk-a' })
      const watcher = new Watcher(model)
      let stuck: Diagnosis | undefined
      for (let second = 0; second < 200 && stuck === undefined; second++) {
        model.step()
        const { terminal, done } = watcher.look()
        if (done) throw new Error('done with a member that is stuck')
        stuck = terminal[0]
      }
      expect(stuck).toMatchObject({
        reason: 'StuckOnOldRevision',
        ordinal: 2,
        againstRevision: false,
      })
      model.strike(2, 'delete')
      for (let second = 0; second < 60 && !watcher.look().done; second++) model.step()
      expect(watcher.look()).toEqual({ done: true, terminal: [] })
    },
  )
})
