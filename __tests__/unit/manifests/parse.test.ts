// Every finding names a line: a user must be able to click on what is wrong, also in the third
// document of a list.

import { describe, expect, test } from '@jest/globals'
import { parseText } from '../../support/parse-text.ts'

function parse(text: string) {
  return parseText({ file: 'k8s/zk.yaml', text, lines: true })
}

const TWO = `# a comment first
apiVersion: v1
kind: Service
metadata:
  name: zk-hs
  labels: {app: zk}
spec:
  clusterIP: None
---
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: zk
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: a
      - name: b
        image: zookeeper:3.9
`

describe('objects and their lines', () => {
  test('each document is an object, empty ones are none', () => {
    const { manifests, findings } = parse(TWO)
    expect(findings).toEqual([])
    expect(manifests.map((manifest) => [manifest.object.kind, manifest.place.line])).toEqual([
      ['Service', 2],
      ['StatefulSet', 11],
    ])
  })

  test.each<[(string | number)[], number, number]>([
    [['kind'], 12, 1],
    [['metadata', 'name'], 14, 3],
    [['spec', 'replicas'], 16, 3],
    [['spec', 'template', 'spec', 'containers', 1], 21, 9],
    [['spec', 'template', 'spec', 'containers', 1, 'image'], 22, 9],
    [['spec', 'template', 'spec', 'containers', 1, 'readinessProbe', 'exec'], 21, 9],
    [['spec', 'template', 'spec', 'containers', 7, 'image'], 19, 7],
    [['status'], 11, 1],
  ])(
    '%j is at line %d, column %d: a field that is not written has the place of what it belongs to',
    (path, line, column) => {
      expect(parse(TWO).manifests[1]?.placeOf(path)).toEqual({ file: 'k8s/zk.yaml', line, column })
    },
  )

  test('items of lists are objects of their own, with their own lines', () => {
    const { manifests } = parse(
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: a\n- apiVersion: v1\n  kind: ServiceList\n  items:\n  - apiVersion: v1\n    kind: Service\n    metadata:\n      name: b\n',
    )
    expect(
      manifests.map((manifest) => [
        manifest.object.metadata.name,
        manifest.placeOf(['metadata', 'name']).line,
      ]),
    ).toEqual([
      ['a', 7],
      ['b', 14],
    ])
  })

  test('JSON is read as YAML is', () => {
    expect(
      parse(
        '{"apiVersion": "v1", "kind": "Secret",\n "metadata": {"name": "a"}}',
      ).manifests[0]?.placeOf(['metadata', 'name']),
    ).toEqual({ file: 'k8s/zk.yaml', line: 2, column: 15 })
  })

  test('anchors and merges are resolved, and a line behind an alias is that of its anchor', () => {
    const { manifests } = parse(
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels: &l\n    app: zk\nspec:\n  selector: *l\n  extra:\n    <<: *l\n    more: x\n',
    )
    expect(manifests[0]?.object['spec']).toEqual({
      selector: { app: 'zk' },
      extra: { app: 'zk', more: 'x' },
    })
    expect(manifests[0]?.placeOf(['spec', 'selector', 'app']).line).toBe(6)
  })

  test('a mode of 0644 is octal, as kubectl reads it: read as 644 the file would get another mode', () => {
    expect(
      parse(
        'apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec: {mode: 0644, ten: 10, text: "0644"}',
      ).manifests[0]?.object['spec'],
    ).toEqual({ mode: 420, ten: 10, text: '0644' })
  })

  test('what a program built has no lines: they would point into a file that nobody has', () => {
    const { manifests } = parseText({
      file: 'k8s (built by kubectl kustomize)',
      text: TWO,
      lines: false,
    })
    expect(manifests[1]?.placeOf(['spec', 'replicas'])).toEqual({
      file: 'k8s (built by kubectl kustomize)',
    })
  })

  test('what only the server writes is left out: a manifest saved from a cluster could not be applied with it', () => {
    const { manifests } = parse(
      'apiVersion: v1\nkind: Service\nmetadata: {name: a, uid: u, resourceVersion: "7", managedFields: [], creationTimestamp: null, labels: {app: zk}}\nspec: {}\nstatus: {loadBalancer: {}}\n',
    )
    expect(manifests[0]?.object).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a', labels: { app: 'zk' } },
      spec: {},
    })
  })

  test('labels that are null are no labels', () => {
    expect(
      parse('apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n').manifests[0]?.object
        .metadata,
    ).toEqual({ name: 'a' })
  })
})

describe('faults', () => {
  test.each([
    [
      'a key twice',
      'apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  name: b\n',
      5,
      /unique|twice|duplicate/i,
    ],
    ['a tab', 'apiVersion: v1\nkind: A\nmetadata:\n\tname: a\n', 4, /tab/i],
    ['an open quote', 'apiVersion: v1\nkind: "A\nmetadata: {}\n', undefined, /quote/i],
    [
      'an odd indentation',
      'apiVersion: v1\nkind: A\nmetadata:\n  name: a\n   labels: {}\n',
      undefined,
      /./,
    ],
  ])('%s is told with its line', (_what, text, line, words) => {
    const { findings, manifests } = parse(text)
    expect(manifests).toEqual([])
    expect(findings[0]).toMatchObject({
      code: 'MANIFEST_INVALID',
      severity: 'error',
      place: { file: 'k8s/zk.yaml', line: line ?? expect.any(Number) },
    })
    expect(findings[0]?.message).toMatch(words)
    expect(findings[0]?.fix).not.toBe('')
  })

  test('faults of one document leave the others readable, so that all is told at once', () => {
    const { findings, manifests } = parse(
      'kind: A\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n- 1\n---\nx: [\n',
    )
    expect(manifests.map((manifest) => manifest.object.kind)).toEqual(['Service'])
    expect(findings.map((finding) => [finding.place?.line, finding.message]).slice(0, 3)).toEqual([
      [1, 'A: apiVersion is missing'],
      [1, 'A: metadata is missing'],
      [7, 'this document: is not an object of Kubernetes'],
    ])
    expect(findings).toHaveLength(4)
  })

  test.each([
    ['metadata:\n  generateName: a-\n', 3, /metadata.name is missing/, /fixed name/],
    [
      'metadata:\n  name: a\n  labels:\n    on: true\n',
      6,
      /metadata.labels.true must be text, and is a boolean/,
      /quotes/,
    ],
    ['metadata:\n  name: 7\n', 4, /metadata.name must be text, and is a number/, /./],
    ['metadata: a\n', 3, /metadata must be a map/, /metadata/],
  ])('%j is no object', (text, line, words, fix) => {
    const [fault] = parse(`apiVersion: v1\nkind: A\n${text}`).findings
    expect(fault).toMatchObject({ code: 'MANIFEST_INVALID', place: { line } })
    expect(fault?.message).toMatch(words)
    expect(fault?.fix).toMatch(fix)
  })

  test('a bomb of aliases is refused, not expanded', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...'bcdefgh'
        .split('')
        .map(
          (name, at) =>
            `${name}: &${name} [${Array.from({ length: 10 }, () => `*${'abcdefg'[at] ?? 'a'}`).join(', ')}]`,
        ),
    ].join('\n')
    const { findings, manifests } = parse(bomb)
    expect(manifests).toEqual([])
    expect(findings[0]?.message).toMatch(/cannot be read/)
  })

  test('an empty file holds nothing and breaks nothing', () => {
    expect(parse('')).toEqual({ manifests: [], findings: [] })
    expect(parse('# nothing yet\n')).toEqual({ manifests: [], findings: [] })
  })
})

describe("a fault never tells a value: it may be a Secret's", () => {
  test.each([
    [
      'a map one step too deep',
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  labels:\n    stringData: {password: CANARY}\n',
    ],
    [
      'metadata as a list',
      'apiVersion: v1\nkind: Secret\nmetadata:\n- name: a\n- stringData: {password: CANARY}\n',
    ],
    [
      'a value that begins with an asterisk',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: *CANARY\n',
    ],
    [
      'one that begins with an exclamation mark',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: !CANARY\n  other: @CANARY\n',
    ],
    [
      'one that begins with an at sign',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: @CANARY\n',
    ],
    [
      'a quote that is not closed',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: "CANARY\n',
    ],
    [
      'a key twice',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  CANARY: a\n  CANARY: b\n',
    ],
    [
      'a colon too many',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: CANARY: x\n',
    ],
    [
      'a tab',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n\tpassword: CANARY\n',
    ],
    [
      'an escape that is none',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: "\\CANARY"\n',
    ],
    [
      'an anchor twice and a comment',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: &CANARY a}\nstringData:\n  password: &CANARY\n  - x\n a: b\n',
    ],
  ])('%s', (_what, text) => {
    const { findings, manifests } = parse(text)
    expect(findings.length + manifests.length).toBeGreaterThan(0)
    expect(JSON.stringify(findings)).not.toContain('CANARY')
  })
})

describe('what would take minutes or the whole stack is refused in a moment', () => {
  test.each([
    [
      '40,000 keys',
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${Array.from({ length: 40_000 }, (_, index) => `  k${index}: v\n`).join('')}`,
      undefined,
    ],
    [
      'a document of more than a MiB',
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: ${'x'.repeat(1_100_000)}\n`,
      'larger than 1 MiB',
    ],
    ['brackets in brackets', `a: ${'['.repeat(100_000)}`, 'nested too deeply'],
    [
      'brackets in brackets that are closed',
      `a: ${'['.repeat(300)}${']'.repeat(300)}`,
      'nested too deeply',
    ],
    [
      'aliases of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from('bcdefghi', (name, index) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[index] ?? ''}`).join(',')}]`).join('\n')}\n`,
      'grow without bound',
    ],
  ])('%s', (_what, text, words) => {
    const { findings } = parse(text)
    expect(findings.map(({ message }) => message)).toEqual(
      words === undefined ? [] : [expect.stringContaining(words)],
    )
  })
})

describe('a scalar without quotes is what kubectl makes of it (kubectl 1.36, create --dry-run=client -o json)', () => {
  test.each<[string, unknown]>([
    ['yes', true],
    ['Yes', true],
    ['YES', true],
    ['y', true],
    ['Y', true],
    ['on', true],
    ['true', true],
    ['True', true],
    ['TRUE', true],
    ['no', false],
    ['n', false],
    ['off', false],
    ['Off', false],
    ['false', false],
    ['~', null],
    ['null', null],
    ['Null', null],
    ['0644', 420],
    ['-0644', -420],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b101', 5],
    ['1_000', 1000],
    ['00', 0],
    ['08', 8],
    ['+5', 5],
    ['-7', -7],
    ['1e3', 1000],
    ['.5', 0.5],
    ['1.', 1],
    ['1.5', 1.5],
    ['1E5', 100000],
    ['+1.5e3', 1500],
    ['1e400', '1e400'],
    ['12e4567', '12e4567'],
    ['!!binary aGk=', 'hi'],
    ['-0b101', -5],
    ['+0b1', 1],
    ['0b1_0', 2],
    ['0x_1F', 31],
    ['-0x1F', -31],
    ['+0x1F', 31],
    ['0_7', 7],
    ['0644_1', 3361],
    ['-0o17', -15],
    ['1__0', 10],
    ['1_', 1],
    ['1_000.5', 1000.5],
    ['1_0e2', 1000],
    ['+0644', 420],
    ['-1_000', -1000],
    ['2001-01-01T00:00:00Z', '2001-01-01T00:00:00Z'],
    ['!!str yes', 'yes'],
    ['0o8', '0o8'],
    ['0.', 0],
    ['-.5', -0.5],
    ['NULL', null],
    ['nULL', 'nULL'],
    ['0x', '0x'],
    ['+.5', 0.5],
    ['1e', '1e'],
    ['12:30:45', '12:30:45'],
    ['190:20:30', '190:20:30'],
    ['2001-01-01', '2001-01-01'],
    ['"yes"', 'yes'],
    ['yes no', 'yes no'],
    ['oN', 'oN'],
    ['YeS', 'YeS'],
    ['0.1.2', '0.1.2'],
    ['1,000', '1,000'],
    ['_1', '_1'],
    ['=', '='],
    ['<<', '<<'],
  ])('%s', (written, value) => {
    expect(
      parse(`apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nspec:\n  a: ${written}\n`)
        .manifests[0]?.object['spec'],
    ).toEqual({ a: value })
  })

  test.each(['.inf', '-.Inf', '.nan', '12345678901234567', '9223372036854775807'])(
    'what would become another value is refused: %s',
    (written) => {
      expect(
        parse(`apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nspec:\n  a: ${written}\n`)
          .findings,
      ).toEqual([
        expect.objectContaining({
          code: 'MANIFEST_INVALID',
          message: expect.stringContaining('put it in quotes'),
          place: expect.objectContaining({ line: 5 }),
        }),
      ])
    },
  )

  test('also where it is a key', () => {
    expect(
      parse('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nspec:\n  on: x\n').manifests[0]
        ?.object['spec'],
    ).toEqual({ true: 'x' })
  })
})

describe('a template that nobody rendered is told as that, on its line', () => {
  test.each([
    ['a name', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n', 4],
    [
      'a name in quotes',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: "{{ .Values.name }}"\n',
      4,
    ],
    ['a name of envsubst', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: ${NAME}\n', 4],
    [
      'a block',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n{{- if .Values.x }}\nspec: {}\n{{- end }}\n',
      5,
    ],
    [
      'an image',
      'apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: a\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: "zookeeper:${TAG}"\n',
      10,
    ],
    [
      'an image that is YAML by chance: a map as a key',
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: a\n    image: {{ .Values.image }}\n',
      8,
    ],
    [
      'the image of an init container',
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  initContainers:\n  - name: a\n    image: "{{ .Values.image }}"\n',
      8,
    ],
    [
      'the image of an ephemeral container',
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  ephemeralContainers:\n  - name: a\n    image: "${IMAGE}"\n',
      8,
    ],
    [
      'a number',
      'apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: a\nspec:\n  replicas: ${REPLICAS}\n',
      6,
    ],
    [
      'a label',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  selector:\n    app: ${APP}\n',
      7,
    ],
    ['a name with a default', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: ${NAME:-zk}\n', 4],
    [
      'a block of Jinja',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n{% if x %}\nspec: {}\n{% endif %}\n',
      5,
    ],
    ['a name of ERB', 'apiVersion: v1\nkind: Service\nmetadata:\n  name: <%= name %>\n', 4],
  ])('%s', (_what, text, line) => {
    expect(parse(text).findings).toEqual([
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        message: expect.stringContaining('never rendered'),
        place: expect.objectContaining({ line }),
      }),
    ])
  })

  test.each([
    [
      'a quote that is never closed, with a variable of the shell behind it',
      '  - args: ["echo ${HOME}]\n',
      'Missing closing "quote',
    ],
    [
      'an apostrophe in single quotes, before a variable',
      "  - args: ['don't ${HOME}']\n",
      'Missing , or',
    ],
    [
      'a comment on the line',
      '  - name: a # {{ was here }}\n   image: b\n',
      'Sequence item without - indicator',
    ],
  ])('but a slip of the pen is told as that: %s', (_what, line, words) => {
    const { findings } = parse(
      `apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n${line}`,
    )
    expect(findings.map(({ message }) => message).join('\n')).toContain(words)
    expect(findings.map(({ message }) => message).join('\n')).not.toContain('never rendered')
  })

  test('nor is it one where another tool has templates of its own', () => {
    expect(
      parse(
        'apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: a}\nspec: {template: {metadata: {name: "{{name}}-x"}}}\n',
      ).findings,
    ).toEqual([])
  })

  test('but not a script, a command or a dashboard, where such marks are meant', () => {
    const text =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  run.sh: |\n    echo ${HOSTNAME##*-} ${NAME}\n  board.json: \'{"legend": "{{ pod }}"}\'\n'
    expect(parse(text)).toMatchObject({
      findings: [],
      manifests: [{ object: { kind: 'ConfigMap' } }],
    })
  })
})
