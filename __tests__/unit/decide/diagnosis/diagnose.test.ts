// Every fault that keeps a member away, with the messages of Kubernetes 1.36: a deploy must end on
// the ones that stay and live through the ones that pass.

import { describe, expect, test } from '@jest/globals'
import {
  diagnose,
  memoryOfWait,
  newMemory,
  type Diagnosis,
} from '../../../../src/decide/diagnosis/diagnose.ts'
import type { EnsembleView } from '../../../../src/view/surroundings.ts'
import {
  claim,
  claimTemplate,
  container,
  ended,
  event,
  NEW,
  OLD,
  pod,
  podEvent,
  SECOND,
  set,
  T0,
  unready,
  unscheduled,
  view,
  waiting,
} from '../given.ts'

/** The findings of the last of several looks, one every `step` seconds from T0 on. */
function look(views: readonly EnsembleView[], step = 5): readonly Diagnosis[] {
  let memory = memoryOfWait()
  let findings: readonly Diagnosis[] = []
  views.forEach((seen, index) => {
    const result = diagnose(seen, T0 + index * step * SECOND, memory)
    memory = result.memory
    findings = result.findings
  })
  return findings
}

/** The same view for so many seconds, looked at every five. */
function lasting(seen: EnsembleView, seconds: number): readonly Diagnosis[] {
  return look(Array.from({ length: Math.floor(seconds / 5) + 1 }, () => seen))
}

function firstTerminal(seen: EnsembleView, most = 1000): number | undefined {
  let memory = memoryOfWait()
  for (let second = 0; second <= most; second++) {
    const result = diagnose(seen, T0 + second * SECOND, memory)
    memory = result.memory
    if (result.findings.some((finding) => finding.class === 'terminal')) return second
  }
  return undefined
}

const NOT_FOUND =
  'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/none/such:1": failed to resolve reference "docker.io/none/such:1": docker.io/none/such:1: not found'
const BACK_OFF = `Back-off pulling image "none/such:1": ErrImagePull: ${NOT_FOUND}`

/** zk-0 and zk-1 run, zk-2 has this state. */
function third(
  state: ReturnType<typeof waiting>,
  more: Partial<ReturnType<typeof container>> = {},
): EnsembleView {
  return view([pod(0), pod(1), unready(2, { image: 'none/such:1', state, ...more })])
}

describe('nothing is found', () => {
  test('where all is well', () => {
    expect(lasting(view([pod(0), pod(1), pod(2)]), 60)).toEqual([])
  })

  test('where members are still coming', () => {
    expect(
      look([
        view([unscheduled(0, '', { unscheduled: undefined })]),
        view([unready(0, { state: waiting('ContainerCreating') })]),
      ]),
    ).toEqual([])
  })

  test('in pods with the same label that belong to somebody else', () => {
    const other = unready(
      1,
      { state: waiting('InvalidImageName', 'x') },
      { owner: { kind: 'StatefulSet', name: 'other', uid: 'other' } },
    )
    expect(lasting(view([pod(0), other, pod(2)]), 120)).toEqual([])
  })

  test('in events of an earlier pod of the same name', () => {
    const events = [
      podEvent(
        2,
        'FailedMount',
        'MountVolume.SetUp failed for volume "c" : configmap "missing" not found',
        { uid: 'an-earlier-pod', count: 9 },
      ),
    ]
    expect(
      lasting(
        view([pod(0), pod(1), unready(2, { state: waiting('ContainerCreating') })], { events }),
        300,
      ),
    ).toEqual([])
  })

  test('in a claim that waits for its first consumer', () => {
    const events = [
      event(
        'PersistentVolumeClaim',
        'datadir-zk-0',
        'WaitForFirstConsumer',
        'waiting for first consumer to be created before binding',
        { type: 'Normal' },
      ),
    ]
    expect(
      lasting(
        view([unscheduled(0, '', { unscheduled: undefined })], {
          claims: [claim(0, { phase: 'Pending', volume: undefined, capacity: undefined })],
          events,
        }),
        300,
      ),
    ).toEqual([])
  })
})

describe('image pull', () => {
  test.each<readonly [string, EnsembleView, number]>([
    [
      'a name that is none, at once',
      third(
        waiting(
          'InvalidImageName',
          'Failed to apply default image tag "UPPER//bad:tag:": couldn\'t parse image name "UPPER//bad:tag:": invalid reference format',
        ),
      ),
      0,
    ],
    [
      'an image that must be on the node and is not, at once',
      third(
        waiting(
          'ErrImageNeverPull',
          'Container image "busybox:nope" is not present with pull policy of Never',
        ),
      ),
      0,
    ],
    ['an image that is not there', third(waiting('ErrImagePull', NOT_FOUND)), 10],
    ['the same in its back-off', third(waiting('ImagePullBackOff', BACK_OFF)), 10],
    [
      'one that is refused',
      third(
        waiting(
          'ErrImagePull',
          'failed to pull and unpack image "docker.io/a/b:1": failed to resolve reference "docker.io/a/b:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
        ),
      ),
      10,
    ],
    [
      'one for another platform',
      third(
        waiting(
          'ErrImagePull',
          'failed to pull and unpack image "docker.io/a/b:1": no match for platform in manifest: not found',
        ),
      ),
      10,
    ],
    [
      'a registry that does not answer',
      third(
        waiting(
          'ErrImagePull',
          'failed to do request: Head "https://reg.example/v2/a/manifests/1": dial tcp 10.0.0.1:443: i/o timeout',
        ),
      ),
      60,
    ],
    [
      'a registry that limits pulls',
      third(
        waiting(
          'ErrImagePull',
          '429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit',
        ),
      ),
      60,
    ],
    [
      'a registry host that has no address',
      third(waiting('ErrImagePull', 'dial tcp: lookup reg.exmaple.com: no such host')),
      60,
    ],
    [
      "an init container's image",
      view([
        pod(0),
        pod(1),
        unready(
          2,
          { state: waiting('PodInitializing') },
          {
            initContainers: [
              container({ name: 'prep', ready: false, state: waiting('ErrImagePull', NOT_FOUND) }),
            ],
          },
        ),
      ]),
      10,
    ],
  ])('%s', (_, seen, seconds) => {
    expect(firstTerminal(seen)).toBe(seconds)
    expect(lasting(seen, seconds)[0]).toMatchObject({
      code: 'IMAGE_PULL',
      ordinal: 2,
      object: 'pod/zk-2',
    })
  })

  test('keeps its grace while error and back-off alternate', () => {
    const views = [
      third(waiting('ErrImagePull', NOT_FOUND)),
      third(waiting('ImagePullBackOff', BACK_OFF)),
      third(waiting('ErrImagePull', NOT_FOUND)),
    ]
    expect(look(views)[0]).toMatchObject({ code: 'IMAGE_PULL', class: 'terminal', since: T0 })
  })

  test('begins its grace again when the image came in between', () => {
    const views = [
      third(waiting('ErrImagePull', NOT_FOUND)),
      ...Array.from({ length: 8 }, () => view([pod(0), pod(1), pod(2)])),
      third(waiting('ErrImagePull', NOT_FOUND)),
    ]
    expect(look(views)[0]).toMatchObject({ class: 'graced', graceUntil: T0 + 55 * SECOND })
  })

  test("names container, image and cause without the runtime's layers", () => {
    expect(lasting(third(waiting('ImagePullBackOff', BACK_OFF)), 10)[0]?.message).toBe(
      "zk-2, container zookeeper: image none/such:1 can't be pulled (ImagePullBackOff): docker.io/none/such:1: not found",
    )
  })

  test('takes the cause from the event where the back-off does not say it', () => {
    const seen = view(
      [
        pod(0),
        pod(1),
        unready(2, { state: waiting('ImagePullBackOff', 'Back-off pulling image "none/such:1"') }),
      ],
      { events: [podEvent(2, 'Failed', `Failed to pull image "none/such:1": ${NOT_FOUND}`)] },
    )
    expect(lasting(seen, 10)[0]).toMatchObject({
      class: 'terminal',
      message: expect.stringContaining('docker.io/none/such:1: not found'),
    })
  })

  test('speaks against the new revision, but not where the registry is to blame', () => {
    expect(lasting(third(waiting('ErrImagePull', NOT_FOUND)), 10)[0]?.againstRevision).toBe(true)
    expect(
      lasting(third(waiting('ErrImagePull', 'dial tcp 10.0.0.1:443: i/o timeout')), 60)[0]
        ?.againstRevision,
    ).toBe(false)
  })
})

describe('containers that can not be made or started', () => {
  test.each<readonly [string, EnsembleView, 'CONFIG_ERROR' | 'CRASH_LOOP', number | undefined]>([
    [
      'a ConfigMap that is not there',
      third(waiting('CreateContainerConfigError', 'configmap "missing" not found')),
      'CONFIG_ERROR',
      15,
    ],
    [
      'a key that is not there',
      third(waiting('CreateContainerConfigError', "couldn't find key zz in Secret prod/zk")),
      'CONFIG_ERROR',
      15,
    ],
    [
      'root where it must not be',
      third(
        waiting(
          'CreateContainerConfigError',
          'container has runAsNonRoot and image will run as root (pod: "zk-2_prod(33a2c0d0)", container: zookeeper)',
        ),
      ),
      'CONFIG_ERROR',
      5,
    ],
    [
      "the kubelet's cache that is late",
      third(
        waiting(
          'CreateContainerConfigError',
          'failed to sync secret cache: timed out waiting for the condition',
        ),
      ),
      'CONFIG_ERROR',
      undefined,
    ],
    [
      'a runtime that is slow',
      third(waiting('CreateContainerError', 'context deadline exceeded')),
      'CONFIG_ERROR',
      60,
    ],
    [
      'an image without a command',
      third(waiting('CreateContainerError', 'no command specified')),
      'CONFIG_ERROR',
      15,
    ],
    [
      'a hook that fails',
      third(waiting('PostStartHookError', "command '/hook' exited with 1")),
      'CONFIG_ERROR',
      60,
    ],
  ])('%s', (_, seen, code, seconds) => {
    expect(firstTerminal(seen)).toBe(seconds)
    expect(lasting(seen, 60)[0]).toMatchObject({ code, ordinal: 2, container: 'zookeeper' })
  })

  const startError = (message: string) =>
    ended(128, {
      reason: 'StartError',
      message: `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${message}: unknown`,
      finished: T0,
    })

  test('a command that is not there, at its second try', () => {
    const message = 'exec: "/nope": stat /nope: no such file or directory'
    const once = third(waiting('RunContainerError', message), { state: startError(message) })
    const twice = third(
      waiting(
        'CrashLoopBackOff',
        'back-off 10s restarting failed container=zookeeper pod=zk-2_prod(1)',
      ),
      { restarts: 1, last: startError(message) },
    )
    expect(look([once])[0]).toMatchObject({ class: 'graced', reason: 'RunContainerError' })
    expect(look([once, twice])[0]).toMatchObject({
      code: 'CRASH_LOOP',
      class: 'terminal',
      message: expect.stringMatching(
        /^zk-2, container zookeeper: the container can't be started, tried 2 times in .*: exec: "\/nope": stat \/nope: no such file or directory$/,
      ),
    })
  })

  test('a program for another processor, at once', () => {
    expect(look([third(startError('exec /bin/server: exec format error'))])[0]).toMatchObject({
      class: 'terminal',
      reason: 'ExecFormatError',
      againstRevision: true,
    })
  })
})

describe('unschedulable', () => {
  const row = (message: string, more = {}) => view([pod(0), pod(1), unscheduled(2, message, more)])
  const CPU =
    '0/4 nodes are available: 4 Insufficient cpu. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.'

  test.each<
    readonly [string, EnsembleView, 'UNSCHEDULABLE' | 'CLAIM_PENDING', number | undefined, boolean]
  >([
    ['too little CPU', row(CPU), 'UNSCHEDULABLE', 60, true],
    [
      'a selector that fits no node',
      row(
        "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
      ),
      'UNSCHEDULABLE',
      60,
      true,
    ],
    [
      'anti-affinity',
      row(
        "0/4 nodes are available: 4 node(s) didn't match pod anti-affinity rules. no new claims to deallocate, preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod.",
      ),
      'UNSCHEDULABLE',
      60,
      true,
    ],
    [
      "a cordoned node among them, which is not the template's fault",
      row(
        '0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient memory. preemption: none',
      ),
      'UNSCHEDULABLE',
      60,
      false,
    ],
    [
      'a volume that no node left can reach, soon',
      row(
        "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
      ),
      'UNSCHEDULABLE',
      5,
      false,
    ],
    [
      'the same in older words',
      row('0/3 nodes are available: 3 node(s) had volume node affinity conflict.'),
      'UNSCHEDULABLE',
      5,
      false,
    ],
    [
      'a volume whose node is cordoned, which may be uncordoned',
      row(
        "0/4 nodes are available: 1 node(s) were unschedulable, 3 node(s) didn't match PersistentVolume's node affinity. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
      ),
      'UNSCHEDULABLE',
      60,
      false,
    ],
    [
      'a volume whose node is rebooting',
      row(
        '0/4 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 3 node(s) had volume node affinity conflict.',
      ),
      'UNSCHEDULABLE',
      60,
      false,
    ],
    [
      'no volume made by hand',
      row(
        "0/4 nodes are available: 4 node(s) didn't find available persistent volumes to bind. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.",
      ),
      'CLAIM_PENDING',
      5,
      false,
    ],
    [
      "a scheduling gate, which is somebody else's to lift",
      row('Scheduling is blocked due to non-empty scheduling gates', {
        unscheduled: {
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
          since: T0,
        },
      }),
      'UNSCHEDULABLE',
      undefined,
      false,
    ],
  ])('%s', (_, seen, code, seconds, against) => {
    expect(firstTerminal(seen, 400)).toBe(seconds)
    expect(lasting(seen, 60)[0]).toMatchObject({ code, ordinal: 2, againstRevision: against })
  })

  // Whoever has just brought a node back deploys again: the scheduler's sentence is of before.
  test('that is old when a wait begins is given the time of another try', () => {
    const seen = row(CPU, {
      unscheduled: { reason: 'Unschedulable', message: CPU, since: T0 - 600 * SECOND },
    })
    expect(firstTerminal(seen)).toBe(15)
    expect(diagnose(seen, T0, newMemory()).findings).toMatchObject([{ class: 'terminal' }])
  })

  test.each([
    [
      'to uncordon the node of a volume that is cordoned',
      "1 node(s) were unschedulable, 3 node(s) didn't match PersistentVolume's node affinity.",
      "the node that can reach its volume can't take it",
      'Uncordon or repair the node of the volume.',
    ],
    [
      'to make room on the node of the volume',
      '1 Insufficient cpu, 3 node(s) had volume node affinity conflict.',
      "the node that can reach its volume can't take it",
      'Free the node of the volume, or bring it back',
    ],
    [
      'to bring back the node of the volume that is gone',
      '4 node(s) had volume node affinity conflict.',
      'no node that is left can reach its volume',
      'Free the node of the volume, or bring it back',
    ],
    [
      'to make a volume where there is none',
      "4 node(s) didn't find available persistent volumes to bind.",
      'no PersistentVolume is there for its claim',
      'Make a PersistentVolume that fits',
    ],
  ])('says %s', (_, reasons, cause, fix) => {
    const found = lasting(row(`0/4 nodes are available: ${reasons}`), 60)[0]
    expect(found?.message).toContain(`zk-2: ${cause}`)
    expect(found?.fix).toContain(fix)
  })

  test('waits for a node that the autoscaler is adding', () => {
    const seen = row(CPU)
    const events = [
      podEvent(2, 'TriggeredScaleUp', 'pod triggered scale-up: [{pool-a 3->4 (max: 6)}]', {
        type: 'Normal',
      }),
    ]
    expect(firstTerminal({ ...seen, events }, 899)).toBeUndefined()
    expect(lasting({ ...seen, events }, 60)[0]?.message).toContain('a node is being added')
  })

  test('says that the autoscaler will not help', () => {
    const events = [
      podEvent(
        2,
        'NotTriggerScaleUp',
        "pod didn't trigger scale-up: 1 max node group size reached",
      ),
    ]
    expect(lasting({ ...row(CPU), events }, 60)[0]).toMatchObject({
      class: 'terminal',
      message:
        'zk-2: 0/4 nodes are available: 4 Insufficient cpu.; the autoscaler adds no node for it',
    })
  })
})

describe('claims', () => {
  const UNBOUND =
    '0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found'
  const pending = (
    change: Parameters<typeof claim>[1],
    reason: string,
    message: string,
    more: { readonly template?: string } = {},
  ) =>
    view([unscheduled(0, UNBOUND)], {
      set: set({ claimTemplates: [claimTemplate({ storageClass: more.template })] }),
      claims: [claim(0, { phase: 'Pending', volume: undefined, capacity: undefined, ...change })],
      events:
        reason === ''
          ? []
          : [event('PersistentVolumeClaim', 'datadir-zk-0', reason, message, { uid: 'claim-0' })],
    })
  const EXTERNAL =
    "Waiting for a volume to be created either by the external provisioner 'k8s.io/minikube-hostpath' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."

  test('that are bound and smaller than asked for are told, and end nothing', () => {
    const seen = view([pod(0), pod(1), pod(2)], {
      claims: [claim(0, { capacity: 2 ** 30 }), claim(1), claim(2)],
    })
    expect(lasting(seen, 400)).toMatchObject([
      {
        class: 'informative',
        explains: false,
        ordinal: 0,
        reason: 'LeftOver',
        message:
          'datadir-zk-0: was left over from an earlier installation and has 1Gi where the template now says 10Gi; it is used as it is',
        fix: 'If its data may go: kubectl -n prod delete pvc datadir-zk-0; the controller makes a new one.',
      },
    ])
  })

  test.each<readonly [string, EnsembleView, number | undefined, string]>([
    [
      'a class that is not there',
      pending(
        { storageClass: 'fast' },
        'ProvisioningFailed',
        'storageclass.storage.k8s.io "fast" not found',
      ),
      10,
      'datadir-zk-0: storage class "fast" is not there',
    ],
    [
      'no class and no default',
      pending(
        { storageClass: undefined },
        'FailedBinding',
        'no persistent volumes available for this claim and no storage class is set',
      ),
      30,
      'no storage class is set',
    ],
    [
      'a provisioner that nobody runs',
      pending({ storageClass: 'fast' }, 'ExternalProvisioning', EXTERNAL),
      60,
      'waits for the provisioner k8s.io/minikube-hostpath of class "fast"',
    ],
    [
      'a provisioner that fails',
      pending(
        {},
        'ProvisioningFailed',
        'failed to provision volume with StorageClass "standard": rpc error: code = ResourceExhausted desc = quota',
      ),
      60,
      'ResourceExhausted',
    ],
    [
      'a claim whose volume is gone',
      pending({ phase: 'Lost', volume: 'pvc-9' }, '', ''),
      0,
      'its volume pvc-9 is gone',
    ],
    [
      'a claim that is being deleted',
      pending({ phase: 'Bound', deleting: true }, '', ''),
      30,
      "is being deleted, so zk-0 can't use it",
    ],
    [
      "a claim that is Pending without a word: only the scheduler's speaks",
      pending({}, '', ''),
      60,
      'Pending, and nobody says why',
    ],
    [
      'a claim left over from an earlier installation with another class',
      pending(
        { storageClass: 'fast' },
        'ProvisioningFailed',
        'storageclass.storage.k8s.io "fast" not found',
        { template: 'standard' },
      ),
      10,
      'left over from an earlier installation and has class "fast" where the template now says "standard"',
    ],
  ])('%s', (name, seen, seconds, words) => {
    const found = lasting(seen, seconds ?? 300)
    if (!name.startsWith('a claim that is Pending')) expect(firstTerminal(seen, 400)).toBe(seconds)
    expect(
      found.every(
        (finding) =>
          finding.code === 'CLAIM_PENDING' && finding.ordinal === 0 && !finding.againstRevision,
      ),
    ).toBe(true)
    expect(found.map((finding) => finding.message).join('\n')).toContain(words)
  })

  test('a provisioner that has begun gets more time', () => {
    const seen = pending({}, 'ExternalProvisioning', EXTERNAL)
    const events = [
      event(
        'PersistentVolumeClaim',
        'datadir-zk-0',
        'Provisioning',
        'External provisioner is provisioning volume for claim "prod/datadir-zk-0"',
        { type: 'Normal', last: T0 - SECOND },
      ),
      ...seen.events,
    ]
    expect(firstTerminal({ ...seen, events }, 400)).toBe(180)
  })

  test("tells the claim's cause, not the pod that waits for it", () => {
    const found = lasting(
      pending(
        { storageClass: 'fast' },
        'ProvisioningFailed',
        'storageclass.storage.k8s.io "fast" not found',
      ),
      10,
    )
    expect(found.map((finding) => finding.object)).toEqual(['persistentvolumeclaim/datadir-zk-0'])
  })

  test('says how to get rid of what is left over', () => {
    const found = lasting(
      pending(
        { storageClass: 'fast' },
        'ProvisioningFailed',
        'storageclass.storage.k8s.io "fast" not found',
        { template: 'standard' },
      ),
      10,
    )
    expect(found[0]?.fix).toContain('kubectl -n prod delete pvc datadir-zk-0')
  })

  test('a smaller claim that serves is only worth a word', () => {
    const found = lasting(
      view([pod(0), pod(1), pod(2)], { claims: [claim(0, { capacity: 5 * 2 ** 30 })] }),
      300,
    )
    expect(found).toMatchObject([
      {
        class: 'informative',
        explains: false,
        message: expect.stringContaining('has 5Gi where the template now says 10Gi'),
      },
    ])
  })

  test('a claim that the scheduler misses', () => {
    expect(
      firstTerminal(
        view(
          [
            unscheduled(
              0,
              '0/4 nodes are available: persistentvolumeclaim "datadir-zk-0" not found.',
            ),
          ],
          { claims: [] },
        ),
      ),
    ).toBe(60)
  })
})

describe('volumes and network of a pod that has a node', () => {
  const creating = (reason: string, message: string, count = 3) =>
    view([pod(0), pod(1), unready(2, { state: waiting('ContainerCreating') })], {
      events: [podEvent(2, reason, message, { count })],
    })

  test.each<readonly [string, EnsembleView, 'CONFIG_ERROR' | 'NOT_READY', number | undefined]>([
    [
      'a ConfigMap volume that is not there',
      creating(
        'FailedMount',
        'MountVolume.SetUp failed for volume "c" : configmap "missing" not found',
      ),
      'CONFIG_ERROR',
      30,
    ],
    [
      'the same seen once',
      creating(
        'FailedMount',
        'MountVolume.SetUp failed for volume "c" : configmap "missing" not found',
        1,
      ),
      'CONFIG_ERROR',
      undefined,
    ],
    [
      'a volume attached elsewhere',
      creating(
        'FailedAttachVolume',
        'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can\'t be attached to another',
      ),
      'NOT_READY',
      180,
    ],
    [
      'a volume that does not mount',
      creating(
        'FailedMount',
        'MountVolume.MountDevice failed for volume "pvc-1" : rpc error: code = Internal desc = mount failed: exit status 32',
      ),
      'NOT_READY',
      180,
    ],
    [
      'a network that is not there',
      creating(
        'FailedCreatePodSandBox',
        'Failed to create pod sandbox: plugin type="calico" failed (add): error getting ClusterInformation',
      ),
      'NOT_READY',
      180,
    ],
  ])('%s', (_, seen, code, seconds) => {
    expect(firstTerminal(seen, 400)).toBe(seconds)
    expect(lasting(seen, 60)[0]).toMatchObject({ code, ordinal: 2, explains: true })
  })

  test.each([
    [
      'the network plugin',
      'FailedCreatePodSandBox',
      'plugin failed',
      'Look at the network plugin on node-3.',
    ],
    ['the storage driver', 'FailedMount', 'mount failed', 'the storage driver on the node'],
    ['the old node', 'FailedAttachVolume', 'Multi-Attach error for volume', 'its old pod is gone'],
  ])('sends to %s', (_, reason, message, fix) => {
    expect(lasting(creating(reason, message), 60)[0]?.fix).toContain(fix)
  })

  test('a token that is mounted a moment later is no fault', () => {
    expect(
      lasting(
        creating(
          'FailedMount',
          'MountVolume.SetUp failed for volume "kube-api-access-q68dl" : failed to sync configmap cache: timed out waiting for the condition',
        ),
        400,
      ),
    ).toEqual([])
  })

  test('an old mount event says nothing once containers run', () => {
    const seen = view([pod(0), pod(1), unready(2, {})], {
      events: [
        podEvent(
          2,
          'FailedMount',
          'MountVolume.SetUp failed for volume "c" : configmap "missing" not found',
          { count: 5 },
        ),
      ],
    })
    expect(lasting(seen, 60).map((finding) => finding.reason)).toEqual(['NotReady'])
  })
})

describe('pods that the API refuses', () => {
  const refused = (message: string, count = 11) =>
    view([pod(0), pod(1)], {
      events: [
        event(
          'StatefulSet',
          'zk',
          'FailedCreate',
          `Create Pod zk-2 in StatefulSet zk failed error: ${message}`,
          { uid: 'set-uid', count, last: T0 + 60 * SECOND },
        ),
      ],
    })

  test.each<readonly [string, string, string, number | undefined, boolean]>([
    [
      'a quota',
      'pods "zk-2" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
      'ExceededQuota',
      15,
      true,
    ],
    [
      'a LimitRange',
      'pods "zk-2" is forbidden: maximum memory usage per Container is 10Mi, but limit is 20Mi',
      'LimitRange',
      15,
      true,
    ],
    [
      'pod security',
      'pods "zk-2" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false)',
      'PodSecurity',
      15,
      true,
    ],
    [
      'a webhook that denies',
      'admission webhook "policy.example" denied the request: no latest tag',
      'AdmissionDenied',
      15,
      true,
    ],
    [
      'a missing ServiceAccount',
      'pods "zk-2" is forbidden: error looking up service account prod/nobody: serviceaccount "nobody" not found',
      'ServiceAccountMissing',
      15,
      true,
    ],
    [
      'a webhook that is down',
      'Internal error occurred: failed calling webhook "policy.example": Post "https://policy.example": dial tcp: connect: connection refused',
      'FailedCreate',
      60,
      false,
    ],
  ])('%s', (_, message, reason, seconds, against) => {
    const seen = refused(message)
    expect(firstTerminal(seen, 170)).toBe(seconds)
    expect(lasting(seen, 60)[0]).toMatchObject({
      code: 'CREATE_REJECTED',
      ordinal: 2,
      object: 'pod/zk-2',
      reason,
      againstRevision: against,
    })
  })

  test.each([
    ['seen once', refused('pods "zk-2" is forbidden: exceeded quota: q', 1)],
    ['a race with the pod before', refused('pods "zk-2" already exists')],
    ['a claim on its way out', refused('pvc datadir-zk-2 is being deleted')],
  ])('not %s', (_, seen) => {
    expect(firstTerminal(seen, 170)).toBeUndefined()
  })

  test('not once the pod is there', () => {
    expect(lasting({ ...refused('exceeded quota'), pods: [pod(0), pod(1), pod(2)] }, 60)).toEqual(
      [],
    )
  })
})

describe('members that run without being Ready', () => {
  test('the last word of the probe, on one line, and no end by itself', () => {
    const seen = view([pod(0), pod(1), unready(2, {})], {
      events: [podEvent(2, 'Unhealthy', 'Readiness probe failed: not in quorum\n', { count: 6 })],
    })
    expect(firstTerminal(seen, 600)).toBeUndefined()
    expect(lasting(seen, 60)).toMatchObject([
      {
        code: 'NOT_READY',
        class: 'informative',
        explains: true,
        againstRevision: true,
        message: 'zk-2, container zookeeper: Readiness probe failed: not in quorum (6 times)',
      },
    ])
  })

  test('does not speak against the revision while others are away: a quorum probe fails for their sake', () => {
    expect(
      lasting(view([unready(1, {}), unready(2, {})]), 60).every(
        (finding) => !finding.againstRevision,
      ),
    ).toBe(true)
  })

  test.each<readonly [string, EnsembleView, string]>([
    [
      'a readiness gate',
      view([pod(0), pod(1), pod(2, { ready: false, openGates: ['example.com/in-quorum'] })]),
      'readiness gate example.com/in-quorum is not True',
    ],
    [
      'a node that is away',
      view([pod(0), pod(1), unready(2, {})], {
        events: [podEvent(2, 'NodeNotReady', 'Node is not ready', { fieldPath: '' })],
      }),
      'its node node-3 is not ready',
    ],
    [
      'an evicted pod, which is replaced',
      view([
        pod(0),
        pod(1),
        unready(
          2,
          { state: { kind: 'none' } },
          {
            phase: 'Failed',
            reason: 'Evicted',
            message: 'The node was low on resource: ephemeral-storage.',
          },
        ),
      ]),
      'failed on node-3 (Evicted: The node was low on resource: ephemeral-storage.)',
    ],
  ])('%s is told and waited for', (_, seen, words) => {
    expect(firstTerminal(seen, 600)).toBeUndefined()
    expect(lasting(seen, 30)[0]).toMatchObject({
      code: 'NOT_READY',
      againstRevision: false,
      message: expect.stringContaining(words),
    })
  })

  test('a pod that is evicted three times in a row is no accident', () => {
    const evicted = (uid: string) =>
      view([
        pod(0),
        pod(1),
        unready(2, { state: { kind: 'none' } }, { uid, phase: 'Failed', reason: 'Evicted' }),
      ])
    expect(look([evicted('a'), evicted('b')])[0]?.class).toBe('informative')
    expect(look([evicted('a'), evicted('b'), evicted('c')])[0]).toMatchObject({
      class: 'terminal',
      message: expect.stringContaining('3 times in a row'),
    })
  })

  test('a pod that does not go: its grace period is waited for, and three minutes more', () => {
    const seen = view([pod(0), pod(1), pod(2, { deleting: T0 + 30 * SECOND })], {
      events: [podEvent(2, 'NodeNotReady', 'Node is not ready')],
    })
    expect(lasting(seen, 30)[0]).toMatchObject({ class: 'informative' })
    expect(firstTerminal(seen, 400)).toBe(210)
    expect(lasting(seen, 210)[0]).toMatchObject({
      reason: 'NodeNotReady',
      againstRevision: false,
      message: expect.stringContaining('its node node-3 is not Ready'),
    })
  })
})

describe('other revisions', () => {
  const broken = unready(
    2,
    { image: 'none/such:1', state: waiting('ErrImagePull', NOT_FOUND) },
    { revision: OLD },
  )
  const healing = set({ status: { currentRevision: OLD } })

  test('a pod that an earlier bad roll left behind does not fail the deploy that fixes it, but is named as what blocks it', () => {
    const found = lasting(
      view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), broken], { set: healing }),
      5,
    )
    expect(found.find((finding) => finding.code === 'IMAGE_PULL')).toMatchObject({
      class: 'informative',
      againstRevision: false,
      message: expect.stringContaining(`(at another revision ${OLD})`),
    })
    expect(found.find((finding) => finding.reason === 'StuckOnOldRevision')).toMatchObject({
      class: 'graced',
      ordinal: 2,
      againstRevision: false,
      fix: expect.stringContaining('kubectl -n prod delete pod zk-2'),
    })
    expect(
      firstTerminal(
        view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), broken], { set: healing }),
      ),
    ).toBe(10)
  })

  test('also after an undo, when current and update revision are the same; the stuck one is the newer then, and is told as neither old nor new', () => {
    const undone = set({ status: { currentRevision: OLD, updateRevision: OLD } })
    const newer = unready(2, { image: 'none/such:1', state: waiting('ErrImagePull', NOT_FOUND) })
    expect(
      lasting(
        view([pod(0, { revision: OLD }), pod(1, { revision: OLD }), newer], { set: undone }),
        10,
      ).find((finding) => finding.class === 'terminal'),
    ).toMatchObject({
      reason: 'StuckOnOldRevision',
      ordinal: 2,
      message: expect.stringContaining(`is not Ready, at revision ${NEW} instead`),
      fix: expect.stringContaining('comes back at the revision that is wanted'),
    })
  })

  test('an old pod that is only starting gets two minutes', () => {
    expect(
      firstTerminal(view([pod(0), pod(1), unready(2, {}, { revision: OLD, readySince: T0 })]), 400),
    ).toBe(120)
  })

  test.each<readonly [string, EnsembleView]>([
    [
      'in a Parallel set, which heals itself',
      view([pod(0), pod(1), broken], { set: set({ podManagement: 'Parallel' }) }),
    ],
    [
      'while the new generation is not observed',
      view([pod(0), pod(1), broken], { set: set({ generation: 3 }) }),
    ],
    ['behind a lower member that is not Ready either', view([pod(0), unready(1, {}), broken])],
    [
      'that is terminating already',
      view([pod(0), pod(1), { ...broken, deleting: T0 + 3600 * SECOND }]),
    ],
  ])('not stuck %s', (_, seen) => {
    expect(lasting(seen, 300).filter((finding) => finding.reason === 'StuckOnOldRevision')).toEqual(
      [],
    )
    expect(firstTerminal(seen, 300)).toBeUndefined()
  })

  test('below the partition a failing member ends the wait, but nothing is said against the new revision', () => {
    const seen = view(
      [pod(0, { revision: OLD }), { ...broken, name: 'zk-1', uid: 'uid-1', ordinal: 1 }, pod(2)],
      {
        set: set({
          strategy: { type: 'RollingUpdate', partition: 2 },
          status: { currentRevision: OLD },
        }),
      },
    )
    expect(lasting(seen, 10)[0]).toMatchObject({
      code: 'IMAGE_PULL',
      class: 'terminal',
      ordinal: 1,
      againstRevision: false,
    })
  })
})

test('the gravest finding comes first, of equal ones the lowest ordinal', () => {
  const seen = view(
    [
      unready(0, {}),
      unready(1, { state: waiting('CreateContainerConfigError', 'configmap "missing" not found') }),
      unready(2, { state: waiting('InvalidImageName', 'x') }),
    ],
    { set: set({ podManagement: 'Parallel' }) },
  )
  expect(lasting(seen, 5).map((finding) => `${finding.ordinal ?? ''} ${finding.class}`)).toEqual([
    '2 terminal',
    '1 graced',
    '0 informative',
  ])
})

test('a grace that ends by time alone says when, and never a time that is over: the wait would spin', () => {
  const seen = view(
    [
      pod(0),
      unready(1, { state: waiting('CreateContainerConfigError', 'configmap "missing" not found') }),
      pod(2),
    ],
    { events: [] },
  )
  for (const seconds of [0, 5, 10, 15, 60]) {
    for (const finding of lasting(seen, seconds))
      if (finding.graceUntil !== undefined)
        expect(finding.graceUntil).toBeGreaterThan(T0 + seconds * SECOND)
  }
})
