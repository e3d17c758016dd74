// The kubelets: a pod that is bound to a node is started, probed, restarted and ended, and its
// status says so step by step.

import type { Fields, Json } from '../json.ts'
import { at, fields, isFields, items, number, put, strings, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import type { Stored } from '../store.ts'
import { isDeleting, nameOf, namespaceOf, setCondition, timestamp, uidOf } from '../store.ts'
import type { EventSource, World } from '../world.ts'
import { nodeOf } from '../world.ts'
import type { Program } from './containers.ts'
import {
  behaviourOf,
  invalidImage,
  missingConfig,
  missingVolume,
  plainProgram,
  pullFailure,
} from './containers.ts'

const POD = kindOf('Pod')

/** Starts what an image with a ZooKeeper server runs. */
export type StartMember = (pod: Stored, container: Json, version: string) => Program

export interface Kubelet {
  sync(): void
  /** The running program of a container; undefined when it doesn't run. */
  program(pod: Stored, container: string): Program | undefined
  logs(pod: Stored, container: string, previous: boolean): readonly string[] | undefined
  /** Every process on the node ends at once, and nothing is told about its pods until `power`. */
  cut(node: string): void
  /** The node's containers start again, each in its pod. */
  power(node: string): void
}

interface Container {
  state: Fields
  lastState: Fields
  ready: boolean
  restarts: number
  program: Program | undefined
  /** Ends the wait for the program's own end. */
  cut: ((exit: { readonly code: number; readonly reason: string }) => void) | undefined
  log: readonly string[]
  previousLog: readonly string[] | undefined
}

interface Runtime {
  readonly containers: Map<string, Container>
  readonly node: string
  readonly address: string
  ending: boolean
}

const STOP_MS = 1000
/** Of containers whose node went dark, as the container runtime has it. */
const POWER = 'Unknown'

export function createKubelet(world: World, startMember: StartMember): Kubelet {
  const running = new Map<string, Runtime>()
  const dark = new Map<string, { readonly light: Promise<void>; readonly lit: () => void }>()
  let addresses = 1
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => world.after(ms, resolve))

  function current(pod: Stored): Stored | undefined {
    const found = world.store.get(POD, namespaceOf(pod), nameOf(pod))
    return found !== undefined && uidOf(found) === uidOf(pod) ? found : undefined
  }
  function gone(pod: Stored): boolean {
    const found = current(pod)
    return found === undefined || isDeleting(found)
  }
  async function powered(pod: Stored): Promise<void> {
    for (let off = dark.get(nodeOf(pod)); off !== undefined; off = dark.get(nodeOf(pod)))
      await off.light
  }
  function source(pod: Stored, name: string, list = 'containers'): EventSource {
    return { component: 'kubelet', host: nodeOf(pod), fieldPath: `spec.${list}{${name}}` }
  }

  function publish(pod: Stored, runtime: Runtime): void {
    if (dark.has(nodeOf(pod))) return
    world.store.edit(POD, pod, (draft) => {
      const entries = items(pod, 'spec', 'containers').filter(isFields)
      const statuses = entries.map((entry): Fields => {
        const container = runtime.containers.get(text(entry, 'name'))
        const state = container?.state ?? {}
        const ran = state['running'] !== undefined || (container?.restarts ?? 0) > 0
        const base: Fields = {
          name: text(entry, 'name'),
          state,
          lastState: container?.lastState ?? {},
          ready: container?.ready ?? false,
          restartCount: container?.restarts ?? 0,
          image: text(entry, 'image'),
          imageID: ran ? `${text(entry, 'image')}@sha256:simulated` : '',
        }
        return { ...base, started: state['running'] !== undefined }
      })
      const unready = statuses
        .filter((status) => status['ready'] !== true)
        .map((status) => text(status, 'name'))
      const started = statuses.every(
        (status) =>
          at(status, 'state', 'running') !== undefined ||
          number(status, ['restartCount']) > 0 ||
          at(status, 'state', 'terminated') !== undefined,
      )
      put(draft, ['status', 'phase'], runtime.ending ? 'Failed' : started ? 'Running' : 'Pending')
      put(
        draft,
        ['status', 'hostIP'],
        text(world.store.get(kindOf('Node'), '', nodeOf(pod)), 'status', 'addresses', 0, 'address'),
      )
      if (started) put(draft, ['status', 'podIP'], runtime.address)
      if (started) put(draft, ['status', 'podIPs'], [{ ip: runtime.address }])
      if (at(draft, 'status', 'startTime') === undefined)
        put(draft, ['status', 'startTime'], timestamp(world.store.now()))
      put(draft, ['status', 'containerStatuses'], statuses)
      const why: Fields =
        unready.length === 0
          ? {}
          : {
              reason: 'ContainersNotReady',
              message: `containers with unready status: [${unready.join(' ')}]`,
            }
      setCondition(draft, world.store.now(), 'Initialized', 'True')
      setCondition(draft, world.store.now(), 'Ready', unready.length === 0 ? 'True' : 'False', why)
      setCondition(
        draft,
        world.store.now(),
        'ContainersReady',
        unready.length === 0 ? 'True' : 'False',
        why,
      )
    })
  }

  async function start(pod: Stored): Promise<void> {
    const runtime: Runtime = {
      containers: new Map(),
      node: nodeOf(pod),
      address: `10.244.${Math.floor(addresses / 250)}.${(addresses++ % 250) + 2}`,
      ending: false,
    }
    running.set(uidOf(pod), runtime)
    for (const entry of items(pod, 'spec', 'containers')) {
      runtime.containers.set(text(entry, 'name'), {
        state: { waiting: { reason: 'ContainerCreating' } },
        lastState: {},
        ready: false,
        restarts: 0,
        program: undefined,
        cut: undefined,
        log: [],
        previousLog: undefined,
      })
    }
    publish(pod, runtime)
    await sleep(300)
    for (
      let missing = missingVolume(world, pod);
      missing !== undefined && !gone(pod);
      missing = missingVolume(world, pod)
    ) {
      world.event(pod, 'Warning', 'FailedMount', missing, {
        component: 'kubelet',
        host: nodeOf(pod),
      })
      await sleep(2000)
    }
    await Promise.all(
      items(pod, 'spec', 'containers')
        .filter(isFields)
        .map((entry) => live(pod, runtime, entry)),
    )
  }

  function wait(
    pod: Stored,
    runtime: Runtime,
    container: Container,
    reason: string,
    message: string,
  ): void {
    container.state = { waiting: { reason, message } }
    publish(pod, runtime)
  }

  async function pull(
    pod: Stored,
    runtime: Runtime,
    container: Container,
    entry: Fields,
  ): Promise<void> {
    const image = text(entry, 'image')
    const from = source(pod, text(entry, 'name'))
    for (let backoff = 10_000; !gone(pod); backoff = Math.min(backoff * 2, 300_000)) {
      const invalid = invalidImage(image)
      const found = world.image(image)
      if (invalid !== undefined) {
        world.event(pod, 'Warning', 'InspectFailed', invalid, from)
        world.event(pod, 'Warning', 'Failed', 'Error: InvalidImageName', from)
        wait(pod, runtime, container, 'InvalidImageName', invalid)
      } else if (found === undefined) {
        world.event(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, from)
        await sleep(500)
        const words = pullFailure(image)
        world.event(pod, 'Warning', 'Failed', `Failed to pull image "${image}": ${words}`, from)
        world.event(pod, 'Warning', 'Failed', 'Error: ErrImagePull', from)
        wait(pod, runtime, container, 'ErrImagePull', words)
        await sleep(3000)
        world.event(pod, 'Normal', 'BackOff', `Back-off pulling image "${image}"`, from)
        world.event(pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', from)
        wait(
          pod,
          runtime,
          container,
          'ImagePullBackOff',
          `Back-off pulling image "${image}": ErrImagePull: ${words}`,
        )
      } else {
        if (found.pullMs !== undefined)
          world.event(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, from)
        await sleep(found.pullMs ?? 0)
        return world.event(
          pod,
          'Normal',
          'Pulled',
          found.pullMs === undefined
            ? `Container image "${image}" already present on machine and can be accessed by the pod`
            : `Successfully pulled image "${image}"`,
          from,
        )
      }
      await sleep(backoff)
    }
  }

  async function live(pod: Stored, runtime: Runtime, entry: Fields): Promise<void> {
    const name = text(entry, 'name')
    const container = runtime.containers.get(name)
    if (container === undefined) return
    await pull(pod, runtime, container, entry)
    for (
      let backoff = 0;
      !gone(pod);
      backoff = backoff === 0 ? 10_000 : Math.min(backoff * 2, 300_000)
    ) {
      for (
        let missing = missingConfig(world, pod, entry);
        missing !== undefined && !gone(pod);
        missing = missingConfig(world, pod, entry)
      ) {
        world.event(pod, 'Warning', 'Failed', `Error: ${missing}`, source(pod, name))
        wait(pod, runtime, container, 'CreateContainerConfigError', missing)
        await sleep(3000)
      }
      await sleep(300)
      await powered(pod)
      if (gone(pod)) return
      const startedAt = timestamp(world.store.now())
      const program = launch(pod, entry)
      container.program = program
      container.state = { running: { startedAt } }
      world.event(pod, 'Normal', 'Created', 'Container created', source(pod, name))
      world.event(pod, 'Normal', 'Started', 'Container started', source(pod, name))
      container.ready = !isFields(entry['readinessProbe'])
      publish(pod, runtime)
      void probe(pod, runtime, container, program, entry)
      const { code, reason } = await Promise.race([
        program.ended,
        new Promise<{ readonly code: number; readonly reason: string }>(
          (resolve) => (container.cut = resolve),
        ),
      ])
      container.program = undefined
      await powered(pod)
      container.previousLog = program.logs()
      container.ready = false
      const terminated = {
        terminated: {
          exitCode: code,
          reason,
          startedAt,
          finishedAt: timestamp(world.store.now()),
          containerID: 'containerd://simulated',
        },
      }
      container.state = terminated
      if (gone(pod)) return
      publish(pod, runtime)
      // A node that comes back forgets how often a container had failed.
      if (reason === POWER) backoff = 0
      if (backoff > 0) {
        await sleep(700)
        container.lastState = terminated
        world.event(
          pod,
          'Warning',
          'BackOff',
          `Back-off restarting failed container ${name} in pod ${nameOf(pod)}_${namespaceOf(pod)}(${uidOf(pod)})`,
          source(pod, name),
        )
        if (!gone(pod))
          wait(
            pod,
            runtime,
            container,
            'CrashLoopBackOff',
            `back-off ${backoff / 1000}s restarting failed container=${name} pod=${nameOf(pod)}_${namespaceOf(pod)}(${uidOf(pod)})`,
          )
        await sleep(backoff)
      }
      container.lastState = terminated
      container.restarts += 1
    }
  }

  function launch(pod: Stored, entry: Fields): Program {
    const behaviour = behaviourOf(world, entry)
    if (behaviour?.zookeeper !== undefined && behaviour.exit === undefined)
      return startMember(pod, entry, behaviour.zookeeper)
    return plainProgram(
      world,
      behaviour?.exit,
      (behaviour?.exit?.log ?? '').split('\n').filter((line) => line !== ''),
      (command, stdin) => behaviour?.exec?.({ world, pod }, command, stdin),
    )
  }

  async function probe(
    pod: Stored,
    runtime: Runtime,
    container: Container,
    program: Program,
    entry: Fields,
  ): Promise<void> {
    const readiness = entry['readinessProbe']
    if (!isFields(readiness)) return
    await sleep(number(readiness, ['initialDelaySeconds']) * 1000 + 700)
    let failures = 0
    while (!gone(pod) && container.program === program) {
      const command = strings(readiness, 'exec', 'command')
      const unready = behaviourOf(world, entry)?.unready === true
      const answer =
        command.length === 0 || unready
          ? { exitCode: unready ? 1 : 0, stdout: '', stderr: '' }
          : await program.exec(command, '')
      if (container.program !== program) return
      failures = answer.exitCode === 0 ? 0 : failures + 1
      if (failures > 0)
        world.event(
          pod,
          'Warning',
          'Unhealthy',
          `Readiness probe failed: ${answer.stdout}${answer.stderr}`,
          source(pod, text(entry, 'name')),
        )
      const ready =
        failures === 0 || (container.ready && failures < number(readiness, ['failureThreshold'], 3))
      if (ready !== container.ready && !gone(pod)) {
        container.ready = ready
        publish(pod, runtime)
      }
      await sleep(number(readiness, ['periodSeconds'], 10) * 1000)
    }
  }

  async function end(pod: Stored, runtime: Runtime): Promise<void> {
    runtime.ending = true
    await powered(pod)
    for (const [name, container] of runtime.containers) {
      if (container.program !== undefined)
        world.event(pod, 'Normal', 'Killing', `Stopping container ${name}`, source(pod, name))
      container.program?.stop()
      container.previousLog = container.program?.logs() ?? container.previousLog
      container.program = undefined
    }
    await sleep(Math.min(STOP_MS, number(pod, ['metadata', 'deletionGracePeriodSeconds']) * 1000))
    for (const container of runtime.containers.values()) {
      container.ready = false
      container.state = {
        terminated: {
          exitCode: 143,
          reason: 'Error',
          startedAt: text(container.state, 'running', 'startedAt'),
          finishedAt: timestamp(world.store.now()),
        },
      }
    }
    publish(pod, runtime)
    await sleep(200)
    await powered(pod)
    const left = current(pod)
    if (left !== undefined && strings(left, 'metadata', 'finalizers').length === 0)
      world.store.remove(POD, left)
    else if (left !== undefined)
      world.store.edit(POD, left, (draft) =>
        put(draft, ['metadata', 'deletionGracePeriodSeconds'], 0),
      )
  }

  function sync(): void {
    const pods = new Map(
      world.store
        .list(POD)
        .filter((pod) => nodeOf(pod) !== '' && !dark.has(nodeOf(pod)))
        .map((pod) => [uidOf(pod), pod]),
    )
    for (const pod of pods.values()) {
      const runtime = running.get(uidOf(pod))
      if (runtime === undefined && !isDeleting(pod)) void start(pod)
      else if (isDeleting(pod) && runtime?.ending === false) void end(pod, runtime)
      else if (isDeleting(pod) && runtime === undefined) world.store.remove(POD, pod)
    }
    // Deleted without grace: the node ends the containers all the same.
    for (const [uid, runtime] of running) {
      if (pods.has(uid) || dark.has(runtime.node)) continue
      for (const container of runtime.containers.values()) container.program?.stop()
      running.delete(uid)
    }
  }

  return {
    sync,
    program: (pod, container) =>
      dark.has(nodeOf(pod))
        ? undefined
        : running.get(uidOf(pod))?.containers.get(container)?.program,
    cut(node) {
      if (dark.has(node)) return
      const { promise: light, resolve: lit } = Promise.withResolvers<void>()
      dark.set(node, { light, lit })
      for (const runtime of running.values()) {
        if (runtime.node !== node) continue
        for (const container of runtime.containers.values()) {
          container.program?.stop()
          container.cut?.({ code: 255, reason: POWER })
        }
      }
    },
    power(node) {
      const off = dark.get(node)
      dark.delete(node)
      off?.lit()
      world.wake()
    },
    logs(pod, container, previous) {
      const found = running.get(uidOf(pod))?.containers.get(container)
      return previous ? found?.previousLog : (found?.program?.logs() ?? found?.previousLog ?? [])
    },
  }
}

/** The container that exec, logs and forwards mean when none is named. */
export function defaultContainer(pod: Stored): string {
  const named = text(
    fields(pod, 'metadata', 'annotations'),
    'kubectl.kubernetes.io/default-container',
  )
  return named === '' ? text(pod, 'spec', 'containers', 0, 'name') : named
}
