// The script that finds out who a member is: run for real by sh over a made-up /proc, because each
// image has its server elsewhere.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  identityCommand,
  parseIdentity,
  type IdentityTexts,
} from '../../../../src/ensemble/zookeeper/read-identity.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'read-identity-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function file(path: string, text: string): string {
  const full = join(root, path)
  mkdirSync(join(full, '..'), { recursive: true })
  writeFileSync(full, text)
  return full
}

function running(pid: number, ...args: readonly string[]): void {
  file(`proc/${pid}/cmdline`, args.map((arg) => `${arg}\0`).join(''))
}

function readIdentity(): IdentityTexts | undefined {
  const [shell, flag = '', script = '', ...rest] = identityCommand('n0nce')
  const here = script
    .replaceAll('/proc/', `${root}/proc/`)
    .replaceAll('/etc/hosts', `${root}/hosts`)
  return parseIdentity(
    execFileSync(shell, [flag, here, ...rest], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
    'n0nce',
  )
}

const MAIN = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

describe('the script', () => {
  test('finds the running server’s configuration and the myid where that says, past the shell that wraps it', () => {
    const config = file(
      'opt/zookeeper/conf/zoo.cfg',
      `clientPort=2181\n  dataDir = ${root}/var/data  \r\nserver.1=zk-0.zk-hs:2888:3888\nssl.keyStore.password=s3cret\n`,
    )
    file('var/data/myid', '1\n')
    running(
      1,
      'sh',
      '-c',
      `start-zookeeper --conf_dir=/opt/zookeeper/conf ${MAIN} ${root}/decoy.cfg`,
    )
    running(
      7,
      '/usr/bin/java',
      '-Xmx512M',
      '-cp',
      '/opt/zookeeper/conf:/opt/zookeeper/lib/*',
      MAIN,
      config,
    )
    const found = readIdentity()
    expect(found).toMatchObject({ configPath: config, myid: '1', dynamic: undefined })
    expect(found?.config).toContain('server.1=zk-0.zk-hs:2888:3888')
    expect(found?.config).not.toContain('s3cret')
    expect(found?.host).not.toBe('')
  })

  test('tells who the server runs as and to whom its data belongs, which the tutorial looks at by hand', () => {
    const config = file('conf/zoo.cfg', `dataDir=${root}/data\n`)
    file('data/myid', '1\n')
    running(7, 'java', MAIN, config)
    file('proc/7/status', 'Name:\tjava\nUid:\t0\t1000\t1000\t1000\nGid:\t0\t0\t0\t0\n')
    chmodSync(join(root, 'data'), 0o755)
    const { uid, gid } = statSync(join(root, 'data'))
    expect(readIdentity()).toMatchObject({ uid: 1000, data: `drwxr-xr-x ${uid}:${gid}` })
  })

  test('says nothing of a user or an owner that it could not see', () => {
    running(7, 'java', MAIN, file('conf/zoo.cfg', `dataDir=${root}/nowhere\n`))
    expect(readIdentity()).toMatchObject({ uid: undefined, data: undefined })
  })

  test('follows to the dynamic file', () => {
    const dynamic = file('conf/zoo.cfg.dynamic.1', 'server.1=a:1:2;2181\n')
    running(
      12,
      'java',
      MAIN,
      file('conf/zoo.cfg', `dataDir=${root}/data\ndynamicConfigFile=${dynamic}\n`),
    )
    expect(readIdentity()).toMatchObject({ dynamic: 'server.1=a:1:2;2181\n', myid: undefined })
  })

  test('finds a configuration named by a path relative to where the server was started, whatever its ending', () => {
    file('proc/9/cwd/etc/server.properties', 'dataDir=/nowhere\n')
    running(9, 'java', MAIN, 'etc/server.properties')
    expect(readIdentity()).toMatchObject({
      configPath: 'etc/server.properties',
      config: 'dataDir=/nowhere\n',
    })
  })

  test('says so when no server runs, instead of taking another program’s file', () => {
    running(3, 'vim', '/etc/other.cfg')
    running(4, 'java', 'com.example.Main', '/etc/app.cfg')
    expect(readIdentity()).toMatchObject({
      configPath: undefined,
      config: undefined,
      myid: undefined,
    })
  })
})

describe('what it printed', () => {
  test('is believed only to its end', () => {
    expect(parseIdentity('\n--- n found\n/conf/zoo.cfg\n\n--- n myid\n2\n', 'n')).toBeUndefined()
    expect(parseIdentity('sh: not found', 'n')).toBeUndefined()
  })

  test('a user or an owner that is none is left out: it is printed for people', () => {
    const told = (user: string, data: string): string =>
      `\n--- n found\n/c\n\n--- n user\n${user}\n\n--- n data\n${data}\n\n--- n end\n`
    expect(parseIdentity(told('<b>root</b>', 'drwx 0:0 | x'), 'n')).toMatchObject({
      uid: undefined,
      data: undefined,
    })
    expect(parseIdentity(told('0', 'drwxr-sr-x. 0:1000'), 'n')).toMatchObject({
      uid: 0,
      data: 'drwxr-sr-x 0:1000',
    })
  })

  test('a file that looks like a section of another run changes nothing', () => {
    const found = parseIdentity(
      '\n--- n found\n/c\n\n--- n config\ndataDir=/d\n--- m myid\n9\n\n--- n myid\n2\n\n--- n end\n',
      'n',
    )
    expect(found).toMatchObject({ myid: '2', configPath: '/c' })
  })
})
