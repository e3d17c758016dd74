// Servers for tests of secured connections: an authority that nothing trusts but these tests, and
// certificates of it for localhost, 127.0.0.1 and manifests.example.

import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { fileURLToPath } from 'node:url'

export type Pem =
  | 'authority'
  | 'another-authority'
  | 'good'
  | 'expired'
  | 'wrong-name'
  | 'server-key'
  | 'another-key'

export function pemPath(name: Pem): string {
  return fileURLToPath(new URL(`./tls/${name}.pem`, import.meta.url))
}

export function pem(name: Pem): string {
  return readFileSync(pemPath(name), 'utf8')
}

/** Listens on this machine; gives the port. */
export async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
