// A simulated ensemble: members that come and go with their pods, elect a leader, keep their data on their claims and speak ZooKeeper's protocol over byte streams.

import { type Duplex, duplexPair } from 'node:stream'
import { parseConfig } from '../../../src/ensemble/zookeeper/config.ts'
import { type Faults, type Host, serve } from './zookeeper-connection.ts'
import { answerExec, type Answer } from './zookeeper-inside.ts'
import { applyAll, applyChange, type Change, copyTree, emptyTree, ephemeralsOf, ERROR, parentOf, type Tree } from './zookeeper-tree.ts'
import type { Speaking } from './zookeeper-words.ts'

export type { Faults } from './zookeeper-connection.ts'

export interface MemberSpec {
  readonly ordinal: number
  readonly fqdn: string
  readonly version: string
  /** Name of the claim: what is written stays on it. */
  readonly claim: string
  /** Written into the claim's myid file where there is none. */
  readonly myid: number | undefined
  /** Text of zoo.cfg. */
  readonly config: string
  readonly configPath: string
  readonly dynamic?: string
  readonly clientPort: number
}

export interface EnsembleOptions {
  /** Runs `act` after simulated milliseconds; by default at once for 0, else by a timer. */
  readonly after?: (ms: number, act: () => void) => void
  readonly electionMs?: number
  /** From its start until a member follows a leader that there is. */
  readonly joinMs?: number
  /** The members' clock, milliseconds since the epoch. */
  readonly now?: () => number
}

export type Mode = NonNullable<Speaking['mode']>

export interface SimulatedEnsemble {
  start(spec: MemberSpec): void
  stop(ordinal: number): void
  /** Replaces the member's faults; undefined heals it. */
  fault(ordinal: number, faults: Faults | undefined): void
  /** Undefined while it doesn't serve. */
  mode(ordinal: number): Mode | undefined
  /** Undefined when no such member runs. */
  connect(ordinal: number): Duplex | undefined
  exec(ordinal: number, command: readonly string[], stdin?: string): Answer
  /** Children of this node need the secret to be made and deleted, as by an ACL. */
  lock(path: string, secret: string): void
  /** Empties a claim; its member must not run. */
  wipe(claim: string): void
  /** Paths that a member shows, `/` left out. */
  paths(ordinal: number): readonly string[]
  /** Makes a node as some client would. */
  put(path: string, data: string, at?: number): void
  /** Connections opened so far. */
  readonly connections: number
}

interface Claim {
  myid: string | undefined
  tree: Tree
}

interface Running {
  readonly spec: MemberSpec
  readonly claim: Claim
  readonly sockets: Set<Duplex>
  faults: Faults
  joined: boolean
  frozen: Tree | undefined
}

export function simulateEnsemble(options: EnsembleOptions = {}): SimulatedEnsemble {
  const after = options.after ?? ((ms, act) => (ms === 0 ? act() : void setTimeout(act, ms).unref()))
  const { electionMs = 0, joinMs = 0, now = () => Date.now() } = options
  const claims = new Map<string, Claim>()
  const members = new Map<number, Running>()
  const locks = new Map<string, string>()
  let leader: number | undefined
  let lastWrite = 0n
  let sessions = 1n
  let connections = 0
  let round = 0

  const later = (ms: number, act: () => void): void => (ms === 0 ? act() : after(ms, act))
  const configOf = (one: Running): ReturnType<typeof parseConfig> => parseConfig(one.faults.config ?? one.spec.config, one.faults.config === undefined ? one.spec.dynamic : undefined)
  const idOf = (one: Running): number => Number(one.faults.myid ?? one.claim.myid ?? 0)
  const isAlone = (one: Running): boolean => {
    const config = configOf(one)
    return config.servers.length === 0 || (config.servers.length === 1 && config.standaloneEnabled)
  }
  const isObserver = (one: Running): boolean => configOf(one).servers.find((line) => line.id === idOf(one))?.role === 'observer'
  const voting = (): readonly Running[] => [...members.values()].filter((one) => !isAlone(one) && !isObserver(one) && one.faults.notServing !== true)
  const quorum = (): number => Math.floor(Math.max(0, ...voting().map((one) => configOf(one).servers.filter((line) => line.role === 'participant').length)) / 2) + 1

  function modeOf(one: Running): Mode | undefined {
    if (one.faults.notServing === true) return undefined
    if (one.faults.readOnly === true) return 'read-only'
    if (isAlone(one)) return 'standalone'
    if (!one.joined || leader === undefined) return undefined
    return leader === one.spec.ordinal ? 'leader' : isObserver(one) ? 'observer' : 'follower'
  }

  /** Looks who can serve; an election and a joining take their time. */
  function settle(): void {
    const leading = leader === undefined ? undefined : members.get(leader)
    const able = voting()
    if (able.length < quorum() || leading === undefined || !able.includes(leading)) {
      leader = undefined
      for (const one of members.values()) leave(one)
      if (able.length < quorum()) return
      const mine = (round += 1)
      return later(electionMs, () => {
        if (mine === round && leader === undefined) elect()
      })
    }
    for (const one of members.values()) if (!one.joined && !isAlone(one) && one.faults.notServing !== true) later(joinMs, () => join(one))
  }

  function leave(one: Running): void {
    if (!one.joined) return
    one.joined = false
    for (const socket of one.sockets) socket.destroy()
  }

  /** The latest history wins, then the highest id. */
  function elect(): void {
    const able = voting()
    const [winner] = able.toSorted((a, b) => (a.claim.tree.zxid === b.claim.tree.zxid ? idOf(b) - idOf(a) : a.claim.tree.zxid > b.claim.tree.zxid ? -1 : 1))
    if (winner === undefined || able.length < quorum()) return
    leader = winner.spec.ordinal
    lastWrite = winner.claim.tree.zxid
    winner.joined = true
    winner.claim.tree.zxid = ((lastWrite >> 32n) + 1n) << 32n
    for (const one of members.values()) if (!isAlone(one) && one.faults.notServing !== true) join(one)
  }

  function join(one: Running): void {
    const leading = leader === undefined ? undefined : members.get(leader)
    if (leading === undefined || one.joined || members.get(one.spec.ordinal) !== one) return
    // It takes the leader's tree; its own zxid stays in the old epoch until the next write.
    one.claim.tree = { ...copyTree(leading.claim.tree), zxid: lastWrite }
    one.joined = true
  }

  function permitted(change: Change, secrets: ReadonlySet<string>): boolean {
    const secret = locks.get(change.kind === 'set' ? change.path : parentOf(change.path))
    return change.kind === 'check' || secret === undefined || secrets.has(secret)
  }

  function commit(via: Running, changes: readonly Change[], secrets: ReadonlySet<string>): { readonly codes: readonly number[]; readonly zxid: bigint } {
    const leading = isAlone(via) ? via : leader === undefined ? undefined : members.get(leader)
    if (leading === undefined) return { codes: changes.map(() => -4), zxid: via.claim.tree.zxid }
    const zxid = leading.claim.tree.zxid + 1n
    const denied = changes.findIndex((change) => !permitted(change, secrets))
    const codes = denied >= 0 ? changes.map((_, index) => (index === denied ? ERROR.noAuth : 0)) : applyAll(leading.claim.tree, changes, zxid, now())
    leading.claim.tree.zxid = zxid
    const followers = leading === via && isAlone(via) ? [] : [...members.values()].filter((one) => one.joined && one !== leading)
    for (const one of followers) {
      if (codes.every((code) => code === 0)) for (const change of changes) applyChange(one.claim.tree, change, zxid, now())
      one.claim.tree.zxid = zxid
    }
    if (!isAlone(via)) lastWrite = zxid
    return { codes, zxid }
  }

  function endSession(via: Running, id: bigint): void {
    for (const path of ephemeralsOf(via.claim.tree, id)) commit(via, [{ kind: 'delete', path, version: -1 }], new Set(locks.values()))
  }

  function speaking(one: Running): Speaking {
    const mode = modeOf(one)
    return { version: one.spec.version, id: idOf(one), mode, zxid: one.claim.tree.zxid, nodes: one.claim.tree.nodes.size, config: one.faults.config ?? one.spec.config, clientPort: one.spec.clientPort }
  }

  function hostOf(one: Running): Host {
    return {
      faults: () => one.faults,
      serving: () => modeOf(one) !== undefined,
      speaking: () => speaking(one),
      lastZxid: () => one.claim.tree.zxid,
      tree: () => one.frozen ?? one.claim.tree,
      live: () => one.claim.tree,
      commit: (changes, secrets) => commit(one, changes, secrets),
      // As SessionTrackerImpl makes them: the member's id is the highest byte.
      openSession: () => ((BigInt(idOf(one)) & 0xffn) << 56n) | (sessions += 1n),
      endSession: (id) => endSession(one, id),
      loseSession: (id, ms) => after(ms, () => endSession(one, id)),
      after,
    }
  }

  return {
    start(spec) {
      const claim = claims.get(spec.claim) ?? { myid: undefined, tree: emptyTree() }
      claims.set(spec.claim, claim)
      claim.myid ??= spec.myid === undefined ? undefined : String(spec.myid)
      members.set(spec.ordinal, { spec, claim, sockets: new Set(), faults: {}, joined: false, frozen: undefined })
      settle()
    },
    stop(ordinal) {
      const one = members.get(ordinal)
      if (one === undefined) return
      members.delete(ordinal)
      for (const socket of one.sockets) socket.destroy()
      settle()
    },
    fault(ordinal, faults) {
      const one = members.get(ordinal)
      if (one === undefined) return
      one.faults = faults ?? {}
      one.frozen = faults?.stale === true ? copyTree(one.claim.tree) : undefined
      if (faults?.notServing === true || isAlone(one)) leave(one)
      settle()
    },
    mode(ordinal) {
      const one = members.get(ordinal)
      return one === undefined ? undefined : modeOf(one)
    },
    connect(ordinal) {
      const one = members.get(ordinal)
      if (one === undefined) return undefined
      connections += 1
      const [near, far] = duplexPair()
      one.sockets.add(far)
      far.on('close', () => one.sockets.delete(far))
      serve(far, hostOf(one))
      return near
    },
    exec(ordinal, command, stdin = '') {
      const one = members.get(ordinal)
      if (one === undefined) return { exitCode: 137, stdout: '', stderr: 'the container does not run' }
      const { fqdn, configPath, config, dynamic } = one.spec
      return answerExec(
        {
          fqdn, configPath, config: one.faults.config ?? config, dynamic, myid: one.faults.myid ?? one.claim.myid, speaking: speaking(one), serving: modeOf(one) !== undefined, tlsOnly: one.faults.tlsOnly === true,
          tree: () => one.frozen ?? one.claim.tree,
          commit: (change, secrets) => commit(one, [change], secrets).codes[0] ?? 0,
        },
        command,
        stdin,
      )
    },
    lock: (path, secret) => void locks.set(path, secret),
    wipe: (claim) => void claims.delete(claim),
    paths(ordinal) {
      return [...(members.get(ordinal)?.claim.tree.nodes.keys() ?? [])].filter((path) => path !== '/').toSorted()
    },
    put(path, data, at) {
      const via = members.get(at ?? leader ?? 0)
      if (via !== undefined) commit(via, [{ kind: 'create', path, data }], new Set(locks.values()))
    },
    get connections() {
      return connections
    },
  }
}
