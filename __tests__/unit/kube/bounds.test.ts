// What a server sends is bounded before it is made into values: a text of some megabytes can be
// gigabytes of them.

import { describe, expect, test } from '@jest/globals'
import { collected } from '../../../src/collected.ts'
import { boundedJson } from '../../../src/kube/objects.ts'
import { lines } from '../../../src/kube/watch.ts'

describe('values', () => {
  test.each([
    ['objects', '{},'],
    ['lists', '[],'],
    ['numbers', '1,'],
    ['texts', '"",'],
  ])('more %s than any answer of the API has are not read', (_name, one) => {
    expect(boundedJson(`[${one.repeat(3_000_001)}0]`)).toBeUndefined()
  })

  test('a text of any length is', () => {
    expect(boundedJson(JSON.stringify({ a: 'x'.repeat(5_000_000) }))).toEqual({
      a: 'x'.repeat(5_000_000),
    })
    expect(boundedJson('{')).toBeUndefined()
  })
})

describe('lines of a watch', () => {
  async function read(parts: readonly Buffer[]): Promise<readonly string[]> {
    const found: string[] = []
    for await (const line of lines(
      (async function* () {
        for (const part of parts) yield await Promise.resolve(part)
      })(),
    ))
      found.push(line)
    return found
  }
  const TEXT = 'one\n\ntwo ж three\nlast without an end'

  test.each([1, 2, 3, 7, 1000])('in pieces of %i bytes are the same', async (size) => {
    const bytes = Buffer.from(TEXT)
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    )
    expect(await read(parts)).toEqual(TEXT.split('\n'))
  })

  test('one without an end is given up', async () => {
    await expect(
      read(Array.from({ length: 300 }, () => Buffer.alloc(65_536, 0x78))),
    ).rejects.toThrow('too long')
  })
})

test('bytes are kept up to the limit, whatever their pieces', () => {
  for (const size of [1, 3, 5, 100]) {
    const kept = collected(10)
    const fits = Array.from({ length: Math.ceil(12 / size) }, () =>
      kept.add(Buffer.alloc(Math.min(size, 12), 0x61)),
    )
    expect([kept.size, kept.bytes().toString(), fits.at(-1)]).toEqual([10, 'a'.repeat(10), false])
  }
})
