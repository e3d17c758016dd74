// Several operations in one transaction: org.apache.zookeeper.MultiOperationRecord and its answer.

import {
  bool,
  createBody,
  int,
  OP,
  pathAndVersion,
  readStat,
  setBody,
  WireFault,
  type Reader,
} from './wire.ts'

export type Operation =
  | { readonly kind: 'create'; readonly path: string; readonly data: string }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'set'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number }

/** A header stands before each operation, and one with type -1 ends the list. */
const END = Buffer.concat([int(-1), bool(true), int(-1)])
const ERROR_TYPE = -1

export function multiBody(operations: readonly Operation[]): Buffer {
  return Buffer.concat([
    ...operations.map((operation) =>
      Buffer.concat([int(typeOf(operation)), bool(false), int(-1), bodyOf(operation)]),
    ),
    END,
  ])
}

function typeOf(operation: Operation): number {
  switch (operation.kind) {
    case 'create':
      return OP.create
    case 'delete':
      return OP.delete
    case 'set':
      return OP.setData
    case 'check':
      return OP.check
  }
}

function bodyOf(operation: Operation): Buffer {
  switch (operation.kind) {
    case 'create':
      return createBody(operation.path, operation.data)
    case 'set':
      return setBody(operation.path, operation.data, operation.version)
    case 'delete':
    case 'check':
      return pathAndVersion(operation.path, operation.version)
  }
}

/**
 * Error code of each operation, 0 for one that was done. In a transaction that failed, those before
 * the culprit have 0 too, those after it -2: nothing of it was done.
 */
export function readMulti(from: Reader): readonly number[] {
  const errors: number[] = []
  for (;;) {
    const type = from.int()
    const done = from.bool()
    from.int()
    if (done) return errors
    switch (type) {
      case ERROR_TYPE:
        errors.push(from.int())
        break
      case OP.create:
        from.text()
        errors.push(0)
        break
      case OP.setData:
        readStat(from)
        errors.push(0)
        break
      case OP.delete:
      case OP.check:
        errors.push(0)
        break
      default:
        throw new WireFault(`an answer of unknown type ${type} in a transaction`)
    }
  }
}
