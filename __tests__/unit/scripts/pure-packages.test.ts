// Of a library only what is used gets into dist; were a file left out that does something when it
// is loaded, the action would lack it in every run.

import { expect, test } from '@jest/globals'
import { effectOf } from '../../../scripts/pure-packages.ts'

test.each([
  ["import a from './a.js'", 'export class A {', '    b() {}', '}', 'A.c = 1;'],
  ['export var Code;', '(function (Code) {', '    Code[Code["A"] = 0] = "A";', '})(Code || {});'],
  ['// globalThis.x = 1', '/* x */', 'const a = 1;', 'function f() {', '    f();', '}', ';'],
  ['const a = new Set([', '    1,', ']);', 'const b = os.platform();', 'const c = (x) => f(x);'],
  [
    'var d = (this && this.d) || function (x) {',
    '    return f(x);',
    '};',
    'const e = async () => f();',
  ],
  ['export class A {', '}', 'export const a = new A();', 'A.b = new Map();'],
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
  'const a = register();',
  'export const a = await load();',
  'const a = new Other();',
  'let a = (() => {',
  'var a = (function () {',
  'A.b = register();',
])('the build ends at a module that does more: %s', (line) => {
  expect(effectOf(`class A {\n}\n${line}`)).toBe(line)
})
