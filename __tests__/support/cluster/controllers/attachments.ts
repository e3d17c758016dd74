// Volumes of a CSI driver: each is attached to the node of its pod, and detached a while after the
// pod has gone.

import { at, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import type { Stored } from '../store.ts'
import { nameOf, namespaceOf } from '../store.ts'
import type { World } from '../world.ts'
import { nodeOf } from '../world.ts'
import { claimsOf } from './claims.ts'

const ATTACHMENT = kindOf('VolumeAttachment')

/**
 * `detachMs`: simulated milliseconds from the end of a volume's last pod on a node to the end of
 * its attachment there.
 */
export function createAttachments(world: World, detachMs: number): () => void {
  const leaving = new Set<string>()
  const store = world.store

  function wanted(): Map<string, { readonly node: string; readonly volume: Stored }> {
    const all = new Map<string, { readonly node: string; readonly volume: Stored }>()
    for (const pod of store.list(kindOf('Pod'))) {
      const node = nodeOf(pod)
      for (const name of node === '' ? [] : claimsOf(pod)) {
        const claim = store.get(kindOf('PersistentVolumeClaim'), namespaceOf(pod), name)
        const volume = store.get(kindOf('PersistentVolume'), '', text(claim, 'spec', 'volumeName'))
        // A local volume is on its node already.
        if (volume !== undefined && at(volume, 'spec', 'nodeAffinity') === undefined)
          all.set(`csi-${nameOf(volume)}-${node}`, { node, volume })
      }
    }
    return all
  }
  return () => {
    const used = wanted()
    for (const [name, { node, volume }] of used) {
      if (store.get(ATTACHMENT, '', name) !== undefined) continue
      store.create(ATTACHMENT, {
        metadata: { name },
        spec: {
          attacher: text(volume, 'metadata', 'annotations', 'pv.kubernetes.io/provisioned-by'),
          nodeName: node,
          source: { persistentVolumeName: nameOf(volume) },
        },
        status: { attached: true },
      })
    }
    for (const attachment of store.list(ATTACHMENT)) {
      const name = nameOf(attachment)
      // Those that a test made are its own.
      if (!name.startsWith('csi-pvc-') || used.has(name) || leaving.has(name)) continue
      leaving.add(name)
      world.after(detachMs, () => {
        leaving.delete(name)
        if (!wanted().has(name)) store.remove(ATTACHMENT, attachment)
      })
    }
  }
}
