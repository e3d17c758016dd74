// Templates that nobody rendered: marks of Helm, Go and Jinja (`{{ … }}`, `{% … %}`), ERB (`<% …
// %>`) and envsubst (`${NAME}`) where a value should be, told apart from scripts and dashboards,
// where they are meant.

import type { KubeObject } from '../kube/kube.ts'

type Path = readonly (string | number)[]

export function hasMarks(text: string): boolean {
  return /\{\{|\{%|<%|\$\{[A-Za-z_]\w*(?::?[-=?+][^}]*)?\}/.test(text)
}

/**
 * Marks of a line that stand where YAML reads them: not in quotes, also in such as are never
 * closed, nor in a comment.
 */
export function hasBareMarks(line: string): boolean {
  const bare = line
    .replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/g, '')
    .replace(/(^|[\s[{,:-])["'].*$/, '$1')
    .replace(/(^|\s)#.*$/, '$1')
  // A variable of the shell among other words is part of a text whose quotes went wrong.
  return (
    hasMarks(bare.replaceAll('${', '')) ||
    (hasMarks(bare) && /(?:^|[:,[{-])\s*[^\s'",[\]{}]*\$\{/.test(bare))
  )
}

/**
 * Fields that hold a name, a number or a quantity: nothing that Kubernetes takes has marks there.
 */
const FIELDS: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'image',
  'serviceName',
  'serviceAccountName',
  'serviceAccount',
  'storageClassName',
  'priorityClassName',
  'claimName',
  'secretName',
  'replicas',
  'clusterIP',
  'containerPort',
  'port',
  'targetPort',
  'nodePort',
  'storage',
  'memory',
  'cpu',
  'minAvailable',
  'maxUnavailable',
  'terminationGracePeriodSeconds',
])
/** Maps whose values are labels. */
const LABELS: ReadonlySet<string> = new Set(['labels', 'matchLabels', 'nodeSelector'])
/** What below them is free text. */
const FREE: ReadonlySet<string> = new Set([
  'data',
  'stringData',
  'binaryData',
  'annotations',
  'command',
  'args',
  'value',
])
/** Other tools' objects may have templates of their own (ApplicationSets, policies). */
const OWN_GROUPS =
  /^(?:v1$|apps\/|batch\/|policy\/|networking\.k8s\.io\/|rbac\.authorization\.k8s\.io\/|storage\.k8s\.io\/|scheduling\.k8s\.io\/)/

/** The first such field; undefined where all is rendered. */
export function unrenderedField(object: KubeObject): Path | undefined {
  const { apiVersion, kind, metadata } = object
  if (hasMarks(apiVersion)) return ['apiVersion']
  if (hasMarks(kind)) return ['kind']
  if (hasMarks(metadata.name)) return ['metadata', 'name']
  if (hasMarks(metadata.namespace ?? '')) return ['metadata', 'namespace']
  return OWN_GROUPS.test(apiVersion) ? below(object, [], false) : undefined
}

function below(value: unknown, path: Path, isLabels: boolean): Path | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    if (FREE.has(key) && !isLabels) continue
    if (typeof inner === 'string' && (isLabels || FIELDS.has(key)) && hasMarks(inner)) return at
    const found: Path | undefined = below(
      inner,
      at,
      LABELS.has(key) || (key === 'selector' && object(inner)),
    )
    if (found !== undefined) return found
  }
  return undefined
}

/** A Service's selector is a map of labels; other selectors hold such maps. */
function object(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !('matchLabels' in value) &&
    !('matchExpressions' in value)
  )
}
