// The values of Secrets among the manifests, in every form in which they may come up: to be hidden
// before the first line that could show one.

import { z } from 'zod'
import type { Manifest } from './manifest.ts'

const secretSchema = z.looseObject({
  data: z.record(z.string(), z.unknown()).nullish(),
  stringData: z.record(z.string(), z.unknown()).nullish(),
})

/**
 * As written, encoded and decoded, each line of its own; the frame of PEM is no secret, nor are
 * words that would star out half the log.
 */
export function secretValues(manifests: readonly Pick<Manifest, 'object'>[]): readonly string[] {
  const values = manifests
    .filter(({ object }) => object.kind === 'Secret')
    .flatMap(({ object }) => {
      const { data, stringData } = secretSchema.safeParse(object).data ?? {}
      const written = Object.values(stringData ?? {}).flatMap((value) =>
        isScalar(value) ? [String(value)] : [],
      )
      const encoded = Object.values(data ?? {}).filter((value) => typeof value === 'string')
      return [
        ...written,
        ...written.map((value) => Buffer.from(value).toString('base64')),
        ...encoded,
        ...encoded.map((value) => Buffer.from(value, 'base64').toString('utf8')),
      ]
    })
  const lines = values.flatMap((value) => value.split(/\r?\n/)).map((line) => line.trim())
  return [
    ...new Set(
      lines.filter(
        (line) => line !== '' && !line.startsWith('-----') && !/^(?:true|false|null)$/i.test(line),
      ),
    ),
  ]
}

function isScalar(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number'
}
