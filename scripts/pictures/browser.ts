// A Chrome without a window, told over its own protocol what to load, to run and to photograph:
// so that no package drives it.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const ANSWER_MS = 60_000

export interface Browser {
  /** Shows a page of that width and runs scripts in it; what the last one resolves to. */
  show(html: string, width: number, scripts: readonly string[]): Promise<unknown>
  /** A PNG of what is shown, as high as it is. */
  photograph(width: number, height: number): Promise<Buffer>
  close(): Promise<void>
}

const answerSchema = z.object({
  id: z.number().optional(),
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ message: z.string() }).optional(),
})
const evaluatedSchema = z.object({
  result: z.object({ value: z.unknown() }),
  exceptionDetails: z.object({ text: z.string() }).loose().optional(),
})

type Answer = Record<string, unknown>

interface Line {
  send(method: string, params: object, session?: string): Promise<Answer>
  close(): void
}

async function lineTo(url: string): Promise<Line> {
  const socket = new WebSocket(url)
  const waiting = new Map<number, PromiseWithResolvers<Answer>>()
  let last = 0
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error('the browser does not answer')))
  })
  socket.addEventListener('message', ({ data }) => {
    const { id, result, error } = answerSchema.parse(JSON.parse(String(data)))
    const asked = id === undefined ? undefined : waiting.get(id)
    if (error === undefined) asked?.resolve(result ?? {})
    else asked?.reject(new Error(`the browser: ${error.message}`))
  })
  return {
    send(method, params, session) {
      const id = ++last
      const asked = Promise.withResolvers<Answer>()
      waiting.set(id, asked)
      const late = setTimeout(
        () => asked.reject(new Error(`the browser does not answer ${method}`)),
        ANSWER_MS,
      )
      socket.send(JSON.stringify({ id, method, params, sessionId: session }))
      return asked.promise.finally(() => {
        clearTimeout(late)
        waiting.delete(id)
      })
    },
    close: () => socket.close(),
  }
}

/** The address at which it listens, from what it says first. */
function addressOf(chrome: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    chrome.on('error', reject)
    chrome.on('exit', (code) => reject(new Error(`the browser ended with ${code ?? 'a signal'}`)))
    if (chrome.stderr === null) return reject(new Error('the browser has no output'))
    createInterface({ input: chrome.stderr }).on('line', (line) => {
      const address = /^DevTools listening on (ws:\S+)$/.exec(line)?.[1]
      if (address !== undefined) resolve(address)
    })
  })
}

export async function openBrowser(program: string): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'zk-ensemble-pictures-'))
  const chrome = spawn(
    program,
    // It loads no page but ours: as root, and in many a container, it has no sandbox of its own.
    ['--headless', '--no-sandbox', '--remote-debugging-port=0', `--user-data-dir=${profile}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const gone = new Promise<void>((resolve) => {
    chrome.on('close', () => resolve())
    chrome.on('error', () => resolve())
  })
  const end = async (): Promise<void> => {
    chrome.kill('SIGKILL')
    await gone
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const line = await lineTo(await addressOf(chrome))
    return await pageOf(line, async () => {
      line.close()
      await end()
    })
  } catch (error) {
    await end()
    throw error
  }
}

async function pageOf(line: Line, close: () => Promise<void>): Promise<Browser> {
  const made = await line.send('Target.createTarget', { url: 'about:blank' })
  const { targetId } = z.object({ targetId: z.string() }).parse(made)
  const attached = await line.send('Target.attachToTarget', { targetId, flatten: true })
  const { sessionId } = z.object({ sessionId: z.string() }).parse(attached)
  const send = (method: string, params: object = {}): Promise<Answer> =>
    line.send(method, params, sessionId)
  const frames = await send('Page.getFrameTree')
  const { frameTree } = z
    .object({ frameTree: z.object({ frame: z.object({ id: z.string() }) }) })
    .parse(frames)
  const sized = (width: number, height: number): Promise<Answer> =>
    send('Emulation.setDeviceMetricsOverride', {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    })
  const run = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = evaluatedSchema.parse(
      await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }),
    )
    if (exceptionDetails !== undefined)
      throw new Error(`the page: ${JSON.stringify(exceptionDetails)}`)
    return result.value
  }
  return {
    async show(html, width, scripts) {
      await sized(width, 700)
      await send('Page.setDocumentContent', { frameId: frameTree.frame.id, html })
      let value: unknown
      for (const script of scripts) value = await run(script)
      return value
    },
    async photograph(width, height) {
      await sized(width, height)
      const { data } = z
        .object({ data: z.base64() })
        .parse(await send('Page.captureScreenshot', { format: 'png' }))
      return Buffer.from(data, 'base64')
    },
    close,
  }
}
