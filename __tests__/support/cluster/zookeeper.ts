// A simulated ensemble: members that come and go with their pods, elect a leader, keep their data
// on their claims and speak ZooKeeper's protocol over byte streams.

import { type Duplex, duplexPair } from 'node:stream'
import { parseConfig, type ServerLine } from '../../../src/manifests/zoo-config.ts'
import { type Faults, type Host, serve } from './zookeeper-connection.ts'
import { answerExec, type Answer } from './zookeeper-inside.ts'
import {
  applyAll,
  applyChange,
  type Change,
  copyTree,
  emptyTree,
  ephemeralsOf,
  ERROR,
  parentOf,
  type Tree,
} from './zookeeper-tree.ts'
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
  /** The client port is at the pod's own address alone. */
  readonly bound?: boolean
  /** Its peers dial it there: the pod's UID stands for the address, or that of its Service. */
  readonly address?: string
}

export interface EnsembleOptions {
  /**
   * Name below the headless service of the pod that a Service of this name selects; undefined where
   * there is no such Service. Without it every name is taken for a pod's.
   */
  readonly resolve?: (host: string) => string | undefined
  /** Runs `act` after simulated milliseconds; by default at once for 0, else by a timer. */
  readonly after?: (ms: number, act: () => void) => void
  readonly electionMs?: number
  /** From the start of its process until it can vote. */
  readonly startMs?: number
  /** From then until a member follows a leader that there is. */
  readonly joinMs?: number
  /** Added to `startMs` for a member whose address changed: its peers must learn it first. */
  readonly rejoinMs?: number
  /** An election while some member's address changed less than `freshAddressMs` ago. */
  readonly staleElectionMs?: number
  readonly freshAddressMs?: number
  /**
   * A member begins or ceases to serve; `before`: the ordinals that served until now, `own`: its
   * own process has just ended, it isn't an election that it waits for.
   */
  readonly onServing?: (
    ordinal: number,
    serves: boolean,
    before: readonly number[],
    own: boolean,
  ) => void
  /** The members' clock, milliseconds since the epoch. */
  readonly now?: () => number
}

export type Mode = NonNullable<Speaking['mode']>

/** Milliseconds; may be changed at any time. */
export type Timing = {
  -readonly [
    name in 'electionMs' | 'startMs' | 'joinMs' | 'rejoinMs' | 'staleElectionMs' | 'freshAddressMs'
  ]: number
}

export interface SimulatedEnsemble {
  readonly timing: Timing
  /** Ordinals of the members that serve. */
  serving(): readonly number[]
  /** False when its id isn't in its own member list: the server exits with code 1. */
  start(spec: MemberSpec): boolean
  stop(ordinal: number): void
  /** Replaces the member's faults; undefined heals it. */
  fault(ordinal: number, faults: Faults | undefined): void
  /** Undefined while it doesn't serve. */
  mode(ordinal: number): Mode | undefined
  /** Undefined when no such member runs. */
  connect(ordinal: number): Duplex | undefined
  exec(ordinal: number, command: readonly string[]): Answer
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
  /** What it read when it started; files that change later change nothing. */
  readonly id: number
  readonly servers: ReturnType<typeof parseConfig>['servers']
  readonly sockets: Set<Duplex>
  faults: Faults
  /** Its process is up, and its peers know where. */
  known: boolean
  joined: boolean
  frozen: Tree | undefined
}

export function simulateEnsemble(options: EnsembleOptions = {}): SimulatedEnsemble {
  const after =
    options.after ?? ((ms, act) => (ms === 0 ? act() : void setTimeout(act, ms).unref()))
  const { now = () => Date.now() } = options
  const timing: Timing = {
    electionMs: options.electionMs ?? 0,
    startMs: options.startMs ?? 0,
    joinMs: options.joinMs ?? 0,
    rejoinMs: options.rejoinMs ?? 0,
    staleElectionMs: options.staleElectionMs ?? options.electionMs ?? 0,
    freshAddressMs: options.freshAddressMs ?? 0,
  }
  const claims = new Map<string, Claim>()
  const members = new Map<number, Running>()
  const locks = new Map<string, string>()
  const addresses = new Map<number, string>()
  let serving: readonly number[] = []
  let freshAddresses = 0
  let leader: number | undefined
  let lastWrite = 0n
  let sessions = 1n
  let connections = 0
  let electing = false

  const later = (ms: number, act: () => void): void => (ms === 0 ? act() : after(ms, act))
  /** Read once: every write asks for it. */
  const configs = new Map<string, ReturnType<typeof parseConfig>>()
  const configOf = (one: Running): ReturnType<typeof parseConfig> => {
    const text = one.faults.config ?? one.spec.config
    const dynamic = one.faults.config === undefined ? one.spec.dynamic : undefined
    const key = JSON.stringify([text, dynamic])
    const found = configs.get(key) ?? parseConfig(text, dynamic)
    configs.set(key, found)
    return found
  }
  const idOf = (one: Running): number => Number(one.faults.myid ?? one.claim.myid ?? 0)
  const isAlone = (one: Running): boolean => {
    const config = configOf(one)
    return config.servers.length === 0 || (config.servers.length === 1 && config.standaloneEnabled)
  }
  const isObserver = (one: Running): boolean =>
    one.servers.find((line) => line.id === one.id)?.role === 'observer'
  const isAble = (one: Running): boolean =>
    one.known && !isAlone(one) && one.faults.notServing !== true
  const voting = (): readonly Running[] =>
    [...members.values()].filter((one) => isAble(one) && !isObserver(one))
  /** How many it takes, by its own member list. */
  const quorum = (one: Running): number =>
    Math.floor(one.servers.filter((line) => line.role === 'participant').length / 2) + 1
  const addressesOf = (one: Running, id: number): ServerLine['addresses'] =>
    one.servers.find((line) => line.id === id)?.addresses ?? []
  /**
   * Whether its list names the other by id, by a name that leads there, and by the port at which
   * the other listens for elections.
   */
  const lists = (one: Running, other: Running): boolean =>
    one === other ||
    addressesOf(one, other.id).some(
      ({ host, electionPort }) =>
        leadsTo(host, other.spec.fqdn) &&
        addressesOf(other, other.id).every((own) => own.electionPort === electionPort),
    )

  /** A bare name is a Service's, or nobody's. */
  function leadsTo(host: string, fqdn: string): boolean {
    const found = options.resolve?.(host)
    return found === undefined
      ? (options.resolve === undefined || host.includes('.')) && `${fqdn}.`.startsWith(`${host}.`)
      : found === fqdn
  }

  function modeOf(one: Running): Mode | undefined {
    if (one.faults.notServing === true) return undefined
    if (one.faults.readOnly === true) return 'read-only'
    if (isAlone(one)) return 'standalone'
    if (!one.joined || leader === undefined) return undefined
    return leader === one.spec.ordinal ? 'leader' : isObserver(one) ? 'observer' : 'follower'
  }

  /** Tells who has begun or ceased to serve since the last time. */
  function notice(): void {
    const before = serving
    serving = [...members.values()]
      .filter((one) => modeOf(one) !== undefined)
      .map((one) => one.spec.ordinal)
      .toSorted((a, b) => a - b)
    for (const ordinal of before)
      if (!serving.includes(ordinal))
        options.onServing?.(ordinal, false, before, !members.has(ordinal))
    for (const ordinal of serving)
      if (!before.includes(ordinal)) options.onServing?.(ordinal, true, before, false)
  }

  /** Looks who can serve; an election and a joining take their time. */
  function settle(): void {
    const leading = leader === undefined ? undefined : members.get(leader)
    const able = voting()
    if (
      leading === undefined ||
      !able.includes(leading) ||
      able.filter((one) => one.joined && lists(leading, one)).length < quorum(leading)
    ) {
      leader = undefined
      for (const one of members.values()) leave(one)
      if (!electing && winnerOf(able) !== undefined) {
        electing = true
        later(freshAddresses > 0 ? timing.staleElectionMs : timing.electionMs, elect)
      }
    } else {
      for (const one of members.values())
        if (!one.joined && isAble(one)) later(timing.joinMs, () => join(one))
    }
    notice()
  }

  function leave(one: Running): void {
    if (!one.joined) return
    one.joined = false
    for (const socket of one.sockets) socket.destroy()
  }

  /**
   * The latest history wins, then the highest id, of those that a quorum of their own list can hear
   * and hears.
   */
  function winnerOf(able: readonly Running[]): Running | undefined {
    const best = able.toSorted((a, b) =>
      a.claim.tree.zxid === b.claim.tree.zxid
        ? b.id - a.id
        : a.claim.tree.zxid > b.claim.tree.zxid
          ? -1
          : 1,
    )
    return best.find((one) => votersFor(one, able).length >= quorum(one))
  }

  function votersFor(one: Running, able: readonly Running[]): readonly Running[] {
    return able.filter((other) => lists(one, other) && lists(other, one))
  }

  function elect(): void {
    electing = false
    const able = voting()
    const winner = leader === undefined ? winnerOf(able) : undefined
    if (winner === undefined) return
    leader = winner.spec.ordinal
    lastWrite = winner.claim.tree.zxid
    winner.joined = true
    winner.claim.tree.zxid = ((lastWrite >> 32n) + 1n) << 32n
    for (const one of votersFor(winner, able)) follow(one, winner)
    settle()
  }

  /**
   * A member whose list doesn't name the leader, or names too few that follow it, stays outside.
   */
  function join(one: Running): void {
    const leading = leader === undefined ? undefined : members.get(leader)
    if (
      leading === undefined ||
      one.joined ||
      members.get(one.spec.ordinal) !== one ||
      !isAble(one) ||
      !lists(one, leading)
    )
      return
    const heard = voting().filter((other) => other.joined && lists(one, other))
    if (heard.length < quorum(one)) return
    follow(one, leading)
    // Who was one short of the majority of its own list asks again.
    settle()
  }

  /** It takes the leader's tree; its own zxid stays in the old epoch until the next write. */
  function follow(one: Running, leading: Running): void {
    if (one === leading) return
    one.claim.tree = { ...copyTree(leading.claim.tree), zxid: lastWrite }
    one.joined = true
  }

  function permitted(change: Change, secrets: ReadonlySet<string>): boolean {
    const secret = locks.get(change.kind === 'set' ? change.path : parentOf(change.path))
    return change.kind === 'check' || secret === undefined || secrets.has(secret)
  }

  function commit(
    via: Running,
    changes: readonly Change[],
    secrets: ReadonlySet<string>,
  ): { readonly codes: readonly number[]; readonly zxid: bigint } {
    const leading = isAlone(via) ? via : leader === undefined ? undefined : members.get(leader)
    if (leading === undefined) return { codes: changes.map(() => -4), zxid: via.claim.tree.zxid }
    const zxid = leading.claim.tree.zxid + 1n
    const denied = changes.findIndex((change) => !permitted(change, secrets))
    const codes =
      denied >= 0
        ? changes.map((_, index) => (index === denied ? ERROR.noAuth : 0))
        : applyAll(leading.claim.tree, changes, zxid, now())
    leading.claim.tree.zxid = zxid
    const followers =
      leading === via && isAlone(via)
        ? []
        : [...members.values()].filter((one) => one.joined && one !== leading)
    for (const one of followers) {
      if (codes.every((code) => code === 0))
        for (const change of changes) applyChange(one.claim.tree, change, zxid, now())
      one.claim.tree.zxid = zxid
    }
    if (!isAlone(via)) lastWrite = zxid
    return { codes, zxid }
  }

  function endSession(via: Running, id: bigint): void {
    for (const path of ephemeralsOf(via.claim.tree, id))
      commit(via, [{ kind: 'delete', path, version: -1 }], new Set(locks.values()))
  }

  function speaking(one: Running): Speaking {
    const mode = modeOf(one)
    return {
      version: one.spec.version,
      id: idOf(one),
      mode,
      zxid: one.claim.tree.zxid,
      nodes: one.claim.tree.nodes.size,
      config: one.faults.config ?? one.spec.config,
      clientPort: one.spec.clientPort,
    }
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
    timing,
    serving: () => serving,
    start(spec) {
      const claim = claims.get(spec.claim) ?? { myid: undefined, tree: emptyTree() }
      claims.set(spec.claim, claim)
      claim.myid ??= spec.myid === undefined ? undefined : String(spec.myid)
      const id = Number(claim.myid ?? 0)
      const { servers } = parseConfig(spec.config, spec.dynamic)
      if (servers.length > 1 && !servers.some((line) => line.id === id)) return false
      const before = addresses.get(spec.ordinal)
      const moved = before !== undefined && spec.address !== undefined && before !== spec.address
      if (spec.address !== undefined) addresses.set(spec.ordinal, spec.address)
      const one: Running = {
        spec,
        claim,
        id,
        servers,
        sockets: new Set(),
        faults: {},
        known: false,
        joined: false,
        frozen: undefined,
      }
      members.set(spec.ordinal, one)
      if (moved) {
        freshAddresses += 1
        later(timing.freshAddressMs, () => (freshAddresses -= 1))
      }
      later(timing.startMs + (moved ? timing.rejoinMs : 0), () => {
        one.known = true
        settle()
      })
      notice()
      return true
    },
    stop(ordinal) {
      const one = members.get(ordinal)
      if (one === undefined) return
      members.delete(ordinal)
      for (const socket of one.sockets) socket.destroy()
      notice()
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
    exec(ordinal, command) {
      const one = members.get(ordinal)
      if (one === undefined)
        return { exitCode: 137, stdout: '', stderr: 'the container does not run' }
      const { fqdn, configPath, config, dynamic } = one.spec
      return answerExec(
        {
          fqdn,
          configPath,
          config: one.faults.config ?? config,
          dynamic,
          myid: one.faults.myid ?? one.claim.myid,
          speaking: speaking(one),
          serving: modeOf(one) !== undefined,
        },
        command,
      )
    },
    lock: (path, secret) => void locks.set(path, secret),
    wipe: (claim) => void claims.delete(claim),
    paths(ordinal) {
      return [...(members.get(ordinal)?.claim.tree.nodes.keys() ?? [])]
        .filter((path) => path !== '/')
        .toSorted()
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
