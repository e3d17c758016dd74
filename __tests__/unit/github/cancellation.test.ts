// A cancelled run has seconds: without a clean first answer it leaves the cluster in a state that
// nobody named, without the second it hangs.

import { EventEmitter } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { EnsembleError } from '../../../src/errors.ts'
import { listenForCancel } from '../../../src/github/cancellation.ts'

function start(): {
  source: EventEmitter
  exits: number[]
  said: string[]
  cancel: ReturnType<typeof listenForCancel>
} {
  const source = new EventEmitter()
  const exits: number[] = []
  const said: string[] = []
  return {
    source,
    exits,
    said,
    cancel: listenForCancel(
      source,
      (code) => exits.push(code),
      (line) => said.push(line),
    ),
  }
}

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('%s', (name, code) => {
  test('the first aborts the run with a reason that is a cancel, and does not end the process', () => {
    const { source, exits, said, cancel } = start()
    source.emit(name)
    const reason: unknown = cancel.signal.reason
    expect(reason).toBeInstanceOf(EnsembleError)
    expect(reason).toMatchObject({ code: 'CANCELLED', outcome: 'cancelled' })
    expect(exits).toEqual([])
    expect(said.join()).toContain(name)
  })

  test('as the second it ends the process at once', () => {
    const { source, exits } = start()
    source.emit('SIGINT')
    source.emit(name)
    expect(exits).toEqual([code])
  })
})

test('after the run the signals are the process’s own again', () => {
  const { source, cancel } = start()
  cancel.dispose()
  expect(source.eventNames()).toEqual([])
  expect(cancel.signal.aborted).toBe(false)
})
