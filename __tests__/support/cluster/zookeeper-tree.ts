// The data of one simulated member: a tree of nodes with the versions and transaction ids that a
// real one keeps.

import type { NodeStat } from './zookeeper-bytes.ts'

export const ERROR = {
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  invalidAcl: -114,
  requireAuth: -124,
  unimplemented: -6,
} as const

interface Node {
  readonly data: string
  readonly czxid: bigint
  readonly mzxid: bigint
  readonly ctime: number
  readonly mtime: number
  readonly version: number
  readonly cversion: number
  readonly owner: bigint
  readonly pzxid: bigint
}

export type Change =
  | {
      readonly kind: 'create'
      readonly path: string
      readonly data: string
      readonly owner?: bigint
    }
  | { readonly kind: 'set'; readonly path: string; readonly data: string; readonly version: number }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number }

export interface Tree {
  zxid: bigint
  readonly nodes: Map<string, Node>
}

export function emptyTree(): Tree {
  return {
    zxid: 0n,
    nodes: new Map([
      [
        '/',
        {
          data: '',
          czxid: 0n,
          mzxid: 0n,
          ctime: 0,
          mtime: 0,
          version: 0,
          cversion: 0,
          owner: 0n,
          pzxid: 0n,
        },
      ],
    ]),
  }
}

export function copyTree(tree: Tree): Tree {
  return { zxid: tree.zxid, nodes: new Map(tree.nodes) }
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

export function childrenOf(tree: Tree, path: string): readonly string[] {
  const prefix = path === '/' ? '/' : `${path}/`
  return [...tree.nodes.keys()]
    .filter(
      (one) => one !== '/' && one.startsWith(prefix) && !one.slice(prefix.length).includes('/'),
    )
    .map((one) => one.slice(prefix.length))
}

/** 0, or the error code; a tree is changed in the first case only. */
export function applyChange(tree: Tree, change: Change, zxid: bigint, now: number): number {
  const { nodes } = tree
  const node = nodes.get(change.path)
  const parent = nodes.get(parentOf(change.path))
  switch (change.kind) {
    case 'create':
      if (parent === undefined) return ERROR.noNode
      if (node !== undefined) return ERROR.nodeExists
      nodes.set(change.path, {
        data: change.data,
        czxid: zxid,
        mzxid: zxid,
        ctime: now,
        mtime: now,
        version: 0,
        cversion: 0,
        owner: change.owner ?? 0n,
        pzxid: zxid,
      })
      nodes.set(parentOf(change.path), { ...parent, cversion: parent.cversion + 1, pzxid: zxid })
      return 0
    case 'set':
      if (node === undefined) return ERROR.noNode
      if (change.version !== -1 && change.version !== node.version) return ERROR.badVersion
      nodes.set(change.path, {
        ...node,
        data: change.data,
        version: node.version + 1,
        mzxid: zxid,
        mtime: now,
      })
      return 0
    case 'delete':
      if (node === undefined || parent === undefined) return ERROR.noNode
      if (change.version !== -1 && change.version !== node.version) return ERROR.badVersion
      if (childrenOf(tree, change.path).length > 0) return ERROR.notEmpty
      nodes.delete(change.path)
      nodes.set(parentOf(change.path), { ...parent, cversion: parent.cversion + 1, pzxid: zxid })
      return 0
    case 'check':
      if (node === undefined) return ERROR.noNode
      return change.version !== -1 && change.version !== node.version ? ERROR.badVersion : 0
  }
}

/** All or nothing: the codes of all changes, all 0 when they were made. */
export function applyAll(
  tree: Tree,
  changes: readonly Change[],
  zxid: bigint,
  now: number,
): readonly number[] {
  const trial = copyTree(tree)
  const codes: number[] = []
  for (const change of changes)
    codes.push(codes.some((code) => code !== 0) ? -2 : applyChange(trial, change, zxid, now))
  if (codes.every((code) => code === 0)) {
    tree.nodes.clear()
    for (const [path, node] of trial.nodes) tree.nodes.set(path, node)
  }
  return codes
}

export function dataOf(tree: Tree, path: string): string | undefined {
  return tree.nodes.get(path)?.data
}

export function statOf(tree: Tree, path: string): NodeStat | undefined {
  const node = tree.nodes.get(path)
  if (node === undefined) return undefined
  const { data, owner, ...rest } = node
  return {
    ...rest,
    aversion: 0,
    ephemeralOwner: owner,
    dataLength: Buffer.byteLength(data),
    children: childrenOf(tree, path).length,
  }
}

export function ephemeralsOf(tree: Tree, owner: bigint): readonly string[] {
  return [...tree.nodes]
    .filter(([, node]) => node.owner === owner && owner !== 0n)
    .map(([path]) => path)
}
