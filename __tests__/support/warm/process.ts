// A process that runs the bundle again and again, each time as if it had just been started: what
// starting Node and compiling the bundle cost is paid once. A run that leaves anything open, a
// connection or a program, ends this process as it would have ended its own.

import { registerHooks } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { readStart } from './message.ts'

/** Turns of the event loop within which a connection that was closed is gone. */
const CLOSING_TURNS = 50

const exit = process.exit.bind(process)
// Node makes them when they are first asked for, and they count as open.
const output = [process.stdout, process.stderr]
const known = new Set(Reflect.ownKeys(globalThis))
let timers: NodeJS.Timeout[] = []
let runs = 0

// The modules of the bundle are made by its entry, newly for each run; a chunk only holds them.
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    return /\/(?:index|post)\.js$/.test(found.url)
      ? { ...found, url: `${found.url}?${runs}` }
      : found
  },
})

type StartTimer = (
  work: (...args: unknown[]) => void,
  ms?: number,
  ...args: unknown[]
) => NodeJS.Timeout

/** Timers that a run starts end with it. */
function remembered(start: StartTimer): StartTimer {
  return Object.assign((...given: Parameters<StartTimer>) => {
    const timer = start(...given)
    timers.push(timer)
    return timer
  }, start)
}
Reflect.set(globalThis, 'setTimeout', remembered(setTimeout))
Reflect.set(globalThis, 'setInterval', remembered(setInterval))

process.on('message', (message) => void once(message))

async function once(message: unknown): Promise<void> {
  const { entry, directory, env, mark } = readStart(message)
  const before = { open: open(), heard: heard() }
  runs += 1
  process.chdir(directory)
  setEnv(env)
  const code = await codeOf(entry)
  for (const timer of timers) clearTimeout(timer)
  timers = []
  for (let n = 0; n < CLOSING_TURNS && open() > before.open; n += 1) await turn()
  if (open() > before.open || heard() !== before.heard) exit(code)
  forgetGlobals()
  process.chdir('/')
  for (const stream of output) stream.write(`${mark}\n`)
  process.send?.({ code })
}

/** It ends itself, always: what it would end itself with. */
async function codeOf(entry: string): Promise<number> {
  const given: number[] = []
  // It does nothing after it.
  Reflect.set(process, 'exit', (code: number) => void given.push(code))
  await import(pathToFileURL(entry).href)
  Reflect.set(process, 'exit', exit)
  const [code] = given
  if (code === undefined) throw new Error('the bundle did not end its process')
  return code
}

function setEnv(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, env)
}

/** What would keep a process running. */
function open(): number {
  return process.getActiveResourcesInfo().length
}

/** What would hear of the end of a process, or of a signal. */
function heard(): number {
  return process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
}

function forgetGlobals(): void {
  for (const key of Reflect.ownKeys(globalThis))
    if (!known.has(key) && !Reflect.deleteProperty(globalThis, key))
      Reflect.set(globalThis, key, undefined)
}
