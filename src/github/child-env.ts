// What a program that we start sees of the step's environment: a list of what is let through, so
// that no input, token or command file of the runner gets there by being forgotten.

import type { Env } from './command.ts'

/**
 * What any program needs: where things are, language, proxies and certificates, and the runner's
 * own mark by which it ends what a job leaves.
 */
const LITTLE = new RegExp(
  `^(?:${[
    'PATH|HOME|USER|LOGNAME|SHELL|PWD|LANG|LANGUAGE|LC_\\w+|TZ|TERM|NO_COLOR|CI|TMPDIR|TMP|TEMP|XDG_\\w+|KUBECONFIG|KUBERNETES_SERVICE_(?:HOST|PORT)',
    '(?:https?|no|all)_proxy|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|LD_LIBRARY_PATH|RUNNER_TEMP|RUNNER_TRACKING_ID',
    'USERPROFILE|HOMEDRIVE|HOMEPATH|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES',
  ].join('|')})$`,
  'i',
)

/** What logins to clouds go by. */
const CLOUD =
  /^(?:AWS|GOOGLE|CLOUDSDK|GCLOUD|GCP|GKE|AZURE|ARM|AAD|MSI|IDENTITY|OCI|DIGITALOCEAN|LINODE|IBMCLOUD|ALIBABA_CLOUD|ALICLOUD|OS|TENCENTCLOUD|HCLOUD|SCW|VAULT|TELEPORT|TSH|KUBELOGIN|OIDC)_\w+$|^USE_GKE_GCLOUD_AUTH_PLUGIN$/

/**
 * GitHub's own token for signing in: Azure's kubelogin asks for one with these, and only when it
 * logs in by workload identity.
 */
const SIGN_IN = /^ACTIONS_ID_TOKEN_REQUEST_(?:TOKEN|URL)$/

export interface EnvRequest {
  readonly command: string
  readonly args: readonly string[]
  readonly needs: 'little' | 'cloud'
  readonly env: Readonly<Record<string, string>>
}

export function programEnv(
  step: Env,
  { command, args, needs, env }: EnvRequest,
): Record<string, string> {
  const signsIn =
    needs === 'cloud' &&
    /(?:^|[/\\])kubelogin(?:\.exe)?$/.test(command) &&
    [...args, env['AAD_LOGIN_METHOD'] ?? step['AAD_LOGIN_METHOD'] ?? ''].some((word) =>
      /(?:^|=)workloadidentity$/.test(word),
    )
  const passes = (name: string): boolean =>
    LITTLE.test(name) || (needs === 'cloud' && CLOUD.test(name)) || (signsIn && SIGN_IN.test(name))
  const kept = Object.entries(step).flatMap(([name, value]) =>
    value === undefined || !passes(name) ? [] : [[name, value] as const],
  )
  return { ...Object.fromEntries(kept), ...env }
}
