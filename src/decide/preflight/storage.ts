// Whether the claims that members need can be had: their class, its provisioner, and what an earlier life has left under their names.

import type { ClaimView, StorageClassView } from '../../view/surroundings.ts'
import type { ClaimTemplate } from '../../view/workload.ts'
import { claimName, leftOver } from '../diagnosis/claims.ts'
import { wantedOrdinals } from '../members.ts'
import type { PreflightFinding, PreflightInput } from '../preflight.ts'

const NO_PROVISIONER = 'kubernetes.io/no-provisioner'
/** Provisioners that run only where their own tool has made the cluster; manifests copied from tutorials name them elsewhere. */
const LOCAL_TOOLS: Readonly<Record<string, string>> = { 'k8s.io/minikube-hostpath': 'minikube.k8s.io/name', 'docker.io/hostpath': '' }
/** In-tree names that are served by these CSI drivers today. */
const MIGRATED: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com', 'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io', 'kubernetes.io/azure-disk': 'disk.csi.azure.com', 'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org', 'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com', 'kubernetes.io/portworx-volume': 'pxd.portworx.com',
}

/** A class that is not there, or gives no volumes by itself, asks for volumes made by hand; one of a CSI driver that has given none yet asks for that driver. */
export function storageNeeds(classes: readonly StorageClassView[] | undefined, claims: readonly ClaimView[] | undefined, wanted: readonly (string | undefined)[]): { readonly volumes: boolean; readonly drivers: boolean } {
  if (classes === undefined) return { volumes: false, drivers: false }
  const found = wanted.map((name) => (name === undefined ? classes.find((one) => one.isDefault) : classes.find((one) => one.name === name)))
  const byHand = (one: StorageClassView | undefined): boolean => one === undefined || one.provisioner === NO_PROVISIONER
  const proven = (one: StorageClassView): boolean => (claims ?? []).some((claim) => claim.phase === 'Bound' && claim.storageClass === one.name)
  return { volumes: found.some(byHand), drivers: found.some((one) => one !== undefined && !byHand(one) && !proven(one) && /(?:^|\.)csi\.|^kubernetes\.io\//.test(one.provisioner)) }
}

export function storageFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { wanted } = input
  return [...wanted.claimTemplates.flatMap((template, index) => [...classFindings(input, template, index), ...leftOverFindings(input, template)]), ...reuseFindings(input)]
}

function claimsOf({ wanted, claims }: PreflightInput, template: ClaimTemplate): readonly { readonly ordinal: number; readonly claim: ClaimView | undefined }[] {
  return wantedOrdinals(wanted).map((ordinal) => ({ ordinal, claim: claims?.find((one) => one.name === claimName(template.name, wanted.name, ordinal)) }))
}

function classFindings(input: PreflightInput, template: ClaimTemplate, index: number): readonly PreflightFinding[] {
  const { classes, wanted } = input
  const toMake = claimsOf(input, template).some(({ claim }) => claim === undefined || claim.phase === 'Pending')
  // An empty class name asks for a volume that somebody has made by hand.
  if (classes === undefined || !toMake || template.storageClass === '') return []
  const common = { code: 'CLAIM_PENDING', object: `statefulset/${wanted.name}`, path: ['spec', 'volumeClaimTemplates', index, 'spec', 'storageClassName'] } as const
  const there = classes.length === 0 ? 'there is none' : `there are: ${classes.map((one) => `${one.name}${one.isDefault ? ' (default)' : ''}`).join(', ')}`
  const defaults = classes.filter((one) => one.isDefault).toSorted((a, b) => b.created - a.created || a.name.localeCompare(b.name))
  const found = template.storageClass === undefined ? defaults[0] : classes.find((one) => one.name === template.storageClass)
  if (found === undefined && template.storageClass !== undefined && input.ownClasses.includes(template.storageClass)) return []
  if (found === undefined) {
    // Volumes of the manifests' own, or made by hand, with this name for a class: no object of that name is needed.
    if ([...(input.availableVolumes ?? []), ...input.ownVolumes].includes(template.storageClass ?? '')) return []
    if (template.storageClass !== undefined && input.availableVolumes === undefined) {
      return [{ ...common, severity: 'warning', message: `storage class "${template.storageClass}" of the claim template ${template.name} is not there, and whether volumes were made by hand for it could not be looked at (list persistentvolumes); ${there}`, mend: 'Name a class of this cluster, or make sure that a PersistentVolume with this storageClassName is available for each member.' }]
    }
    const message = template.storageClass === undefined ? `the claim template ${template.name} names no storage class and no class is the default; ${there}` : `storage class "${template.storageClass}" of the claim template ${template.name} is not there; ${there}`
    return [{ ...common, severity: 'error', message, mend: 'Name a class of this cluster, or create the class first.' }]
  }
  const several: readonly PreflightFinding[] = template.storageClass === undefined && defaults.length > 1
    ? [{ ...common, severity: 'warning', message: `${defaults.length} storage classes are the default (${defaults.map((one) => one.name).join(', ')}); the newest, ${found.name}, is taken`, mend: 'Name the class in the claim template, or leave one default.' }]
    : []
  const doubt = provisionerDoubt(input, found)
  return doubt === undefined ? several : [...several, { ...common, severity: 'warning', message: doubt, mend: 'Use a class whose provisioner runs in this cluster, or make the volumes by hand.' }]
}

/** Why the class may not give volumes here; a class that has given one already is beyond doubt. */
function provisionerDoubt({ claims, availableVolumes, drivers, nodes }: PreflightInput, storageClass: StorageClassView): string | undefined {
  const { name, provisioner } = storageClass
  if ((claims ?? []).some((claim) => claim.phase === 'Bound' && claim.storageClass === name)) return undefined
  if (provisioner === NO_PROVISIONER) {
    return (availableVolumes ?? []).includes(name) ? undefined : `storage class "${name}" has no provisioner: its volumes must be made by hand${availableVolumes === undefined ? '' : ', and none is available'}`
  }
  const mark = LOCAL_TOOLS[provisioner]
  if (mark !== undefined && nodes !== undefined && !nodes.some((node) => (mark === '' ? node.name.startsWith('docker-desktop') : mark in node.labels))) {
    return `storage class "${name}" needs the provisioner ${provisioner}, which belongs to ${provisioner.startsWith('k8s.io') ? 'minikube' : 'Docker Desktop'}, and this cluster is none`
  }
  const driver = MIGRATED[provisioner] ?? (/(?:^|\.)csi\./.test(provisioner) ? provisioner : undefined)
  return driver !== undefined && drivers !== undefined && !drivers.includes(driver) ? `storage class "${name}" needs the CSI driver ${driver}, which is not installed` : undefined
}

function leftOverFindings(input: PreflightInput, template: ClaimTemplate): readonly PreflightFinding[] {
  const { wanted, live, classes } = input
  return claimsOf(input, template).flatMap(({ ordinal, claim }): readonly PreflightFinding[] => {
    if (claim === undefined) return []
    const common = { code: 'CLAIM_PENDING', object: `persistentvolumeclaim/${claim.name}`, ordinal } as const
    const remove = `If its data may go: kubectl -n ${wanted.namespace} delete pvc ${claim.name}; the controller makes a new one.`
    const differs = leftOver(template, claim)
    // A member's own claim is judged by what it means for its data.
    if (live !== undefined && (claim.deleting || claim.phase === 'Lost') && wantedOrdinals(live.view).includes(ordinal)) return []
    if (claim.deleting) {
      return [{ ...common, severity: live === undefined ? 'error' : 'warning', message: `the claim ${claim.name} is being deleted, a member can't use it`, mend: 'Wait until it is gone; it goes when no pod holds it any more.' }]
    }
    if (claim.phase === 'Lost') return [{ ...common, severity: 'error', message: `the claim ${claim.name} has lost its volume ${claim.volume ?? ''}`.trim(), mend: `Restore the PersistentVolume. ${remove}` }]
    const inUse = input.claimsInUse?.has(claim.name) === true || (live !== undefined && wantedOrdinals(live.view).includes(ordinal))
    if (claim.phase === 'Bound' && inUse) return differs === undefined ? [] : [{ ...common, severity: 'warning', message: `the claim ${claim.name} of a member that is there ${differs}; it is used as it is`, mend: 'Leave it: of a claim only the size can be changed, and it can only grow.' }]
    if (claim.phase === 'Bound') return differs === undefined ? [] : [{ ...common, severity: 'warning', message: `the claim ${claim.name}, left over from an earlier life, ${differs}; it is used as it is`, mend: remove }]
    const own = claim.storageClass === undefined ? undefined : classes?.find((one) => one.name === claim.storageClass)
    const ghost = classes !== undefined && claim.storageClass !== undefined && claim.storageClass !== '' && own === undefined && !input.ownClasses.includes(claim.storageClass) && ![...(input.availableVolumes ?? []), ...input.ownVolumes].includes(claim.storageClass)
    if (differs !== undefined) return [{ ...common, severity: 'error', message: `the claim ${claim.name}, left over from an earlier life, is Pending and ${differs}`, mend: remove }]
    if (ghost) return [{ ...common, severity: 'error', message: `the claim ${claim.name}, left over from an earlier life, is Pending: its class "${claim.storageClass ?? ''}" is not there`, mend: remove }]
    const waits = own === undefined || own.bindingMode === 'WaitForFirstConsumer'
    return waits ? [] : [{ ...common, severity: 'warning', message: `the claim ${claim.name} is Pending although its class binds at once`, mend: `See why: kubectl -n ${wanted.namespace} describe pvc ${claim.name}` }]
  })
}

/** A first install that finds bound claims starts with their data: right after a lost StatefulSet, wrong for a fresh preview. */
function reuseFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { live, wanted } = input
  if (live !== undefined) return []
  // Those that pods use are no leftovers: their set was deleted and left them, and they are adopted.
  const bound = wanted.claimTemplates.flatMap((template) => claimsOf(input, template)).flatMap(({ claim }) => (claim?.phase === 'Bound' && !claim.deleting && input.claimsInUse?.has(claim.name) !== true ? [claim.name] : []))
  if (bound.length === 0) return []
  return [{ code: 'CLAIM_PENDING', severity: 'warning', object: `statefulset/${wanted.name}`, message: `claims of an earlier life are there and will be used with their data: ${bound.join(', ')}`, mend: `For an empty ensemble delete them first: kubectl -n ${wanted.namespace} delete pvc ${bound.join(' ')}` }]
}
