// What a person finds on the page of a run and in its log: what happened, whether clients are
// served, what to do next; and with step debugging every request, without a secret.

import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { QUICK, tutorial, verdict, withBundle } from './given.ts'

const IMAGE = 'registry.k8s.io/kubernetes-zookeeper:1.0-3.4.10'
const NOWHERE = 'registry.k8s.io/kubernetes-zookeeper:none'
const HELP = 'https://github.com/org/zk-ensemble-action/blob/v1/docs/troubleshooting.md'
const SERVED =
  /^clients can read and write: 3 of 3 members serve, leader zk-\d; 1 more may be down \(quorum 2\)$/

const good = tutorial(QUICK)
const bad = good.replace(IMAGE, NOWHERE)
const lineOfImage = bad.split('\n').findIndex((line) => line.includes(NOWHERE)) + 1

const now = (report: string | undefined): string =>
  z.looseObject({ now: z.string() }).parse(JSON.parse(readFileSync(report ?? '', 'utf8'))).now

test.concurrent(
  'a change that was rolled back: the page, the annotation on its line, the log, the message and the report say the same',
  () =>
    withBundle({}, async ({ run }) => {
      const quiet = await run(good)
      expect(verdict(quiet).result).toBe('succeeded')
      expect(quiet.lines.filter((line) => line.startsWith('::debug::'))).toEqual([])
      expect(quiet.summary).toMatch(/^## ✅ deploy of zk in default: succeeded\n/)

      const undone = await run(bad, { 'member-timeout': '30s' }, { env: { RUNNER_DEBUG: '1' } })
      expect(verdict(undone)).toEqual({ result: 'undone', code: 'IMAGE_PULL', exitCode: 1 })
      const [error] = undone.annotations.filter(({ kind }) => kind === 'error')
      expect(error).toMatchObject({ file: 'ensemble.yaml', line: lineOfImage })

      const said = now(undone.outputs['report'])
      expect(said).toMatch(SERVED)
      for (const told of [undone.outputs['message'], error?.message, undone.lines.join('\n')])
        expect(told).toContain(said)
      expect(undone.summary.toLowerCase()).toContain(said)
      for (const told of [error?.message, undone.lines.join('\n'), undone.summary])
        expect(told).toContain(`${HELP}#image_pull`)
      expect(undone.summary).toContain('```mermaid')
      expect(undone.summary).toMatch(/\| \*\*Next\*\* \| .*then run the deploy again\. \|/)
      expect(undone.summary).not.toContain('Requests to the API server')

      const debug = undone.lines.filter((line) => line.startsWith('::debug::'))
      expect(debug).toEqual(
        expect.arrayContaining([
          expect.stringMatching(
            /^::debug::PATCH \/apis\/apps\/v1\/\S+\/statefulsets\/zk 200 \d+ ms$/,
          ),
          expect.stringMatching(/^::debug::WATCH \S+watch=1 ended after \d+ ms/),
          expect.stringMatching(/^::debug::roll: take zk-2/),
          expect.stringMatching(/^::debug::requests to the API server: reads \d+/),
        ]),
      )
      expect(debug.join('\n')).not.toMatch(/simulated-token|[Bb]earer|command=/)
    }),
  120_000,
)

test.concurrent(
  'status and verify of what is broken name the undo that helps; summary: short is three rows, off does not touch the file',
  () =>
    withBundle({}, async ({ run }) => {
      await run(good)
      const kept = await run(bad, { 'on-failure': 'keep', summary: 'short' })
      expect(verdict(kept)).toEqual({ result: 'failed', code: 'IMAGE_PULL', exitCode: 1 })
      expect(kept.summary.trim().split('\n')).toHaveLength(7)
      expect(kept.summary).toContain('operation: undo restores revision zk-')

      const status = await run(undefined, { operation: 'status', name: 'zk' })
      expect(verdict(status)).toEqual({ result: 'failed', code: 'IMAGE_PULL', exitCode: 1 })
      expect(status.summary).toContain('operation: undo restores revision 1 (zk-')
      expect(now(status.outputs['report'])).toMatch(
        /^clients can read and write: 2 of 3 members serve, leader zk-[01]; no other may be down \(quorum 2\)$/,
      )
      expect(status.summary).toMatch(
        /\| zk-2 \|.*\| not ready \| kubernetes-zookeeper: ErrImagePull \|/,
      )

      const verified = await run(undefined, {
        operation: 'verify',
        name: 'zk',
        summary: 'off',
        'member-timeout': '5s',
      })
      expect(verdict(verified)).toEqual({ result: 'failed', code: 'IMAGE_PULL', exitCode: 1 })
      expect(verified.summary).toBe('')
      expect(existsSync(verified.outputs['summary'] ?? '')).toBe(true)
      expect(verified.lines.join('\n')).toContain('operation: undo restores revision 1 (zk-')
      expect(verified.lines.join('\n')).not.toContain('4lw.commands.whitelist')
    }),
  180_000,
)
