// Of a library only what is used gets into dist; were a file left out that does something when it
// is loaded, the action would lack it in every run.

import { expect, test } from '@jest/globals'
import { effectOf } from '../../../scripts/pure-packages.ts'

test.each([
  ["import a from './a.js'", 'export class A {', '    b() {}', '}', 'A.c = 1;'],
  ['export var Code;', '(function (Code) {', '    Code[Code["A"] = 0] = "A";', '})(Code || {});'],
  ['// globalThis.x = 1', '/* x */', 'const a = 1;', 'function f() {', '    f();', '}', ';'],
])('a module that only declares may stay out: %s', (...lines) => {
  expect(effectOf(lines.join('\n'))).toBeUndefined()
})

test.each([
  'globalThis.fetch = 1;',
  "import './polyfill.js';",
  'register(A);',
  'A.prototype.b = 1;',
  'Array.from = 1;',
  "if (typeof globalThis.File === 'undefined') {",
  '(function (Other) {',
  'await load();',
])('the build ends at a module that does more: %s', (line) => {
  expect(effectOf(`class A {\n}\n${line}`)).toBe(line)
})
