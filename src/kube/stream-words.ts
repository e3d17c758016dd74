// Why a port-forward or an exec came to nothing, in words: what runtimes and kubelets say is
// theirs, changes by version, and tells a reader little.

export interface StreamFault {
  /** `ConnectionRefused`: nothing listens on that port of the pod's loopback address. */
  readonly reason:
    | 'ConnectionRefused'
    | 'Unreachable'
    | 'NotRunning'
    | 'NoCommand'
    | 'InternalError'
  /** A clause without a full stop. */
  readonly words: string
}

const SAID: readonly (readonly [RegExp, StreamFault['reason'], string])[] = [
  [
    /dialing backend|no preferred addresses|tls: .*handshake|proxy error from|:10250/i,
    'Unreachable',
    'the API server does not reach the kubelet of its node',
  ],
  [
    /\b(socat|nsenter)\b.*not found|not found.*\b(socat|nsenter)\b/i,
    'Unreachable',
    'its node lacks a program that a port-forward takes (socat)',
  ],
  [
    /connection refused/i,
    'ConnectionRefused',
    'nothing listens on that port at the loopback address of the pod',
  ],
  [
    /is in CONTAINER_(CREATED|EXITED|UNKNOWN) state|in a stopped state|container not found|container .*not running|not running|not created|PodSandbox|sandbox .*not (found|ready)|No such container|does not exist|unable to upgrade connection: pod/i,
    'NotRunning',
    'its container does not run',
  ],
  [
    /executable file not found|exec: .*not found|no such file or directory|not found in \$PATH|fork\/exec|permission denied|operation not permitted/i,
    'NoCommand',
    'the command can’t be started in its container',
  ],
  [/timed? ?out|deadline/i, 'Unreachable', 'its node did not answer in time'],
  [
    /network namespace/i,
    'NotRunning',
    'the network of the pod can’t be entered: it is being stopped or started',
  ],
  [
    /reset by peer|broken pipe|closed network|EOF|lost connection/i,
    'Unreachable',
    'the connection was reset on its way to the pod',
  ],
]

/** `raw`: as the runtime or the kubelet said it; it goes no further than here. */
export function streamFault(raw: string): StreamFault {
  const found = SAID.find(([pattern]) => pattern.test(raw.replaceAll(/\s+/g, ' ')))
  return found === undefined
    ? { reason: 'InternalError', words: 'its node could not do it' }
    : { reason: found[1], words: found[2] }
}
