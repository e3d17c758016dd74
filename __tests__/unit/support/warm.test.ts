// Tests of the bundle share processes: were a run to see anything of the one before it, a test could
// pass, or fail, because of another.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { scratch } from '../../support/scratch.ts'
import { WarmProcesses, type Ended } from '../../support/warm/start.ts'

interface Told extends Ended {
  readonly pid: number | undefined
  readonly lines: readonly string[]
}

/** Something that ends itself as the bundle does. */
function bundle(code: string): (env?: Readonly<Record<string, string>>) => Promise<Told> {
  const directory = scratch('warm')
  const entry = join(directory, 'dist', 'index.js')
  mkdirSync(join(directory, 'dist'))
  writeFileSync(join(directory, 'dist', 'package.json'), '{"type":"module"}')
  writeFileSync(entry, code)
  // Its own: one that runs of other files have used may be at its last.
  const processes = new WarmProcesses()
  return async (env = {}) => {
    const lines: string[] = []
    const { child, ended } = processes.start({ entry, directory, env }, (line) => lines.push(line))
    return { pid: child.pid, ...(await ended), lines }
  }
}

test('a run has its own modules, globals, environment, timers and exit code', async () => {
  const run = bundle(`
    globalThis.seen = (globalThis.seen ?? 0) + 1
    let times = 0
    times += 1
    setInterval(() => console.log('left'), 1)
    console.error('said')
    console.log(JSON.stringify({ seen, times, a: process.env.A, b: process.env.B }))
    process.stdout.write('no end of a line')
    process.exit(Number(process.env.CODE))`)
  const first = await run({ A: '1', CODE: '3' })
  const second = await run({ B: '2', CODE: '0' })
  expect(second.pid).toBe(first.pid)
  expect(first).toMatchObject({ exitCode: 3, signal: null, stderr: 'said\n' })
  expect(first.lines).toEqual(['{"seen":1,"times":1,"a":"1"}', 'no end of a line'])
  expect(second).toMatchObject({ exitCode: 0, signal: null, stderr: 'said\n' })
  expect(second.lines[0]).toBe('{"seen":1,"times":1,"b":"2"}')
})

test.each([
  ['a server', "import { createServer } from 'node:http'; createServer().listen(0);"],
  [
    'a program',
    "import { spawn } from 'node:child_process'; process.once('exit', () => program.kill()); const program = spawn('sleep', ['400']);",
  ],
])('%s that a run leaves ends the process with its exit code', async (_, leaves) => {
  const run = bundle(`${leaves} process.exit(4)`)
  const [first, second] = [await run(), await run()]
  expect([first.exitCode, second.exitCode]).toEqual([4, 4])
  expect(second.pid).not.toBe(first.pid)
})

test('a run that fails before its end is told as it is', async () => {
  const ended = await bundle("throw new Error('broken')")()
  expect(ended.exitCode).toBe(1)
  expect(ended.stderr).toContain('Error: broken')
})
