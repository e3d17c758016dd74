// Whether the claims that members need can be had: their class, its provisioner, and what an
// earlier life has left under their names.

import type { ClaimView, StorageClassView } from '../../view/surroundings.ts'
import type { ClaimTemplate } from '../../view/workload.ts'
import { claimName, leftOver, removalOf } from '../diagnosis/claims.ts'
import type { OfferedVolume } from '../../view/scheduling.ts'
import { formatBytes } from '../../view/quantity.ts'
import { wantedOrdinals } from '../members/members.ts'
import type { PreflightFinding, PreflightInput } from './finding.ts'
import { shortageOf, type OpenClaim } from './hand-made.ts'
import { takesMember } from './room.ts'

const NO_PROVISIONER = 'kubernetes.io/no-provisioner'
/**
 * Provisioners that run only where their own tool has made the cluster; manifests copied from
 * tutorials name them elsewhere.
 */
const LOCAL_TOOLS: Readonly<Record<string, string>> = {
  'k8s.io/minikube-hostpath': 'minikube.k8s.io/name',
  'docker.io/hostpath': '',
}
/** In-tree names that are served by these CSI drivers today. */
const MIGRATED: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
}

/**
 * A class that is not there, or gives no volumes by itself, asks for volumes made by hand; one of a
 * CSI driver that has given none yet asks for that driver.
 */
export function storageNeeds(
  classes: readonly StorageClassView[] | undefined,
  claims: readonly ClaimView[] | undefined,
  wanted: readonly (string | undefined)[],
): { readonly volumes: boolean; readonly drivers: boolean } {
  if (classes === undefined) return { volumes: false, drivers: false }
  const found = wanted.map((name) =>
    name === undefined
      ? classes.find((one) => one.isDefault)
      : classes.find((one) => one.name === name),
  )
  const byHand = (one: StorageClassView | undefined): boolean =>
    one === undefined || one.provisioner === NO_PROVISIONER
  const proven = (one: StorageClassView): boolean =>
    (claims ?? []).some((claim) => claim.phase === 'Bound' && claim.storageClass === one.name)
  return {
    volumes: found.some(byHand),
    drivers: found.some(
      (one) =>
        one !== undefined &&
        !byHand(one) &&
        !proven(one) &&
        /(?:^|\.)csi\.|^kubernetes\.io\//.test(one.provisioner),
    ),
  }
}

export function storageFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { wanted } = input
  return [
    ...wanted.claimTemplates.flatMap((template, index) => [
      ...classFindings(input, template, index),
      ...leftOverFindings(input, template),
    ]),
    ...reuseFindings(input),
  ]
}

function claimsOf(
  { wanted, claims }: PreflightInput,
  template: ClaimTemplate,
): readonly { readonly ordinal: number; readonly claim: ClaimView | undefined }[] {
  return wantedOrdinals(wanted).map((ordinal) => ({
    ordinal,
    claim: claims?.find((one) => one.name === claimName(template.name, wanted.name, ordinal)),
  }))
}

function classFindings(
  input: PreflightInput,
  template: ClaimTemplate,
  index: number,
): readonly PreflightFinding[] {
  const { classes, wanted } = input
  const open = openClaims(input, template)
  if (classes === undefined || open.length === 0) return []
  const common = {
    code: 'CLAIM_PENDING',
    object: `statefulset/${wanted.name}`,
    path: ['spec', 'volumeClaimTemplates', index, 'spec', 'storageClassName'],
  } as const
  const there =
    classes.length === 0
      ? 'there is none'
      : `there are: ${classes.map((one) => `${one.name}${one.isDefault ? ' (default)' : ''}`).join(', ')}`
  const defaults = classes
    .filter((one) => one.isDefault)
    .toSorted((a, b) => b.created - a.created || a.name.localeCompare(b.name))
  // One that the manifests bring will be there by then: whether it gives volumes is as doubtful as
  // of any other.
  const found =
    template.storageClass === undefined
      ? (defaults[0] ?? input.ownClasses.find((one) => one.isDefault))
      : (classes.find((one) => one.name === template.storageClass) ??
        input.ownClasses.find((one) => one.name === template.storageClass))
  if (found === undefined || found.provisioner === NO_PROVISIONER) {
    // No object of its name is needed for volumes that were made by hand; without a name and a
    // default, or with an empty name, those without a class are meant.
    const volumes = volumesOf(input, found?.name ?? template.storageClass ?? '')
    const alike = wanted.claimTemplates.filter((one) => one.storageClass === template.storageClass)
    // Templates of one class take from the same volumes: told once.
    if (volumes.length > 0)
      return alike[0] === template
        ? handMadeFindings(
            input,
            alike.flatMap((one) => openClaims(input, one)),
            { volumes, mayCome: found !== undefined },
            common,
          )
        : []
  }
  if (found === undefined) {
    if (template.storageClass !== undefined && input.volumes === undefined) {
      if (template.storageClass === '') return []
      return [
        {
          ...common,
          severity: 'warning',
          message: `storage class "${template.storageClass}" of the claim template ${template.name} is not there, and whether volumes were made by hand for it could not be looked at (list persistentvolumes); ${there}`,
          fix: 'Name a class of this cluster, or make sure that a PersistentVolume with this storageClassName is available for each member.',
        },
      ]
    }
    if (template.storageClass === '')
      return [
        {
          ...common,
          severity: 'error',
          message: `the claim template ${template.name} asks for volumes that were made by hand (storageClassName: ""), and there is none without a class`,
          fix: volumesToMake(open),
        },
      ]
    const message =
      template.storageClass === undefined
        ? `the claim template ${template.name} names no storage class and no class is the default; ${there}`
        : `storage class "${template.storageClass}" of the claim template ${template.name} is not there; ${there}`
    return [
      {
        ...common,
        severity: 'error',
        message,
        fix: 'Name a class of this cluster, or create the class first.',
      },
    ]
  }
  const several: readonly PreflightFinding[] =
    template.storageClass === undefined && defaults.length > 1
      ? [
          {
            ...common,
            severity: 'warning',
            message: `${defaults.length} storage classes are the default (${defaults.map((one) => one.name).join(', ')}); the newest, ${found.name}, is taken`,
            fix: 'Name the class in the claim template, or leave one default.',
          },
        ]
      : []
  const doubt = provisionerDoubt(input, found)
  return doubt === undefined
    ? several
    : [
        ...several,
        {
          ...common,
          severity: 'warning',
          message: doubt,
          fix: 'Use a class whose provisioner runs in this cluster, or make the volumes by hand.',
        },
      ]
}

/** Volumes of this class, the cluster's and those that the manifests bring. */
function volumesOf(
  { volumes, ownVolumes }: PreflightInput,
  storageClass: string,
): readonly OfferedVolume[] {
  const own = ownVolumes.filter((volume) => volume.storageClass === storageClass)
  return [
    ...(volumes ?? []).filter(
      (volume) =>
        volume.storageClass === storageClass && !own.some(({ name }) => name === volume.name),
    ),
    ...own,
  ]
}

function hasVolume(input: PreflightInput, storageClass: string): boolean {
  return volumesOf(input, storageClass).some((volume) => !volume.taken && !volume.deleting)
}

function openClaims(input: PreflightInput, template: ClaimTemplate): readonly OpenClaim[] {
  return claimsOf(input, template).flatMap(({ ordinal, claim }) =>
    claim === undefined || claim.phase === 'Pending'
      ? [{ name: claimName(template.name, input.wanted.name, ordinal), ordinal, template }]
      : [],
  )
}

/** `mayCome`: the class is there, so that something may still make volumes of it. */
function handMadeFindings(
  input: PreflightInput,
  claims: readonly OpenClaim[],
  { volumes, mayCome }: { readonly volumes: readonly OfferedVolume[]; readonly mayCome: boolean },
  common: Pick<PreflightFinding, 'code' | 'object' | 'path'>,
): readonly PreflightFinding[] {
  const { wanted, nodes, live } = input
  // Without the claims, or the volumes, of the cluster nobody knows who has which.
  if (input.volumes === undefined || (input.claims === undefined && live !== undefined)) return []
  const shortage = shortageOf({
    namespace: wanted.namespace,
    claims,
    volumes,
    nodes: nodes?.filter((node) => takesMember(node, wanted.placing)),
    apart: wanted.placing.apart.includes('kubernetes.io/hostname'),
  })
  if (shortage === undefined) return []
  const who = `${shortage.claims.length === 1 ? 'the claim' : 'the claims'} ${shortage.claims.map(({ name }) => name).join(', ')}`
  const message = shortage.sure
    ? `no volume is there for ${who}: ${shortage.why}`
    : `${who} may find no volume: ${shortage.why}`
  return [
    {
      ...common,
      severity: shortage.sure && !mayCome ? 'error' : 'warning',
      message,
      fix: shortage.sure
        ? volumesToMake(shortage.claims)
        : 'Bring those nodes back (kubectl uncordon NODE), or make volumes on others.',
    },
  ]
}

function volumesToMake(claims: readonly OpenClaim[]): string {
  const templates = [...new Set(claims.map(({ template }) => template))]
  const asked = templates.map(({ name, storageClass, size, accessModes, volumeMode }) => {
    const count = claims.filter(({ template }) => template.name === name).length
    const what = [
      (storageClass ?? '') === ''
        ? 'no storageClassName'
        : `storageClassName: ${storageClass ?? ''}`,
      ...(size === undefined ? [] : [`at least ${formatBytes(size)}`]),
      ...(accessModes.length === 0 ? [] : [`accessModes [${accessModes.join(', ')}]`]),
      ...(volumeMode === 'Block' ? ['volumeMode: Block'] : []),
    ]
    return `${count === 1 ? 'a PersistentVolume' : `${count} PersistentVolumes`} with ${what.join(', ')}`
  })
  return `Make ${asked.join(', and ')}, on nodes where members can run; or name a class that makes volumes.`
}

/** Why the class may not give volumes here; a class that has given one already is beyond doubt. */
function provisionerDoubt(
  { claims, volumes, drivers, nodes }: PreflightInput,
  storageClass: StorageClassView,
): string | undefined {
  const { name, provisioner } = storageClass
  if ((claims ?? []).some((claim) => claim.phase === 'Bound' && claim.storageClass === name))
    return undefined
  if (provisioner === NO_PROVISIONER) {
    return `storage class "${name}" has no provisioner: its volumes must be made by hand${volumes === undefined ? '' : ', and none is there'}`
  }
  const mark = LOCAL_TOOLS[provisioner]
  if (
    mark !== undefined &&
    nodes !== undefined &&
    !nodes.some((node) =>
      mark === '' ? node.name.startsWith('docker-desktop') : mark in node.labels,
    )
  ) {
    return `storage class "${name}" needs the provisioner ${provisioner}, which belongs to ${provisioner.startsWith('k8s.io') ? 'minikube' : 'Docker Desktop'}, and this cluster is none`
  }
  const driver =
    MIGRATED[provisioner] ?? (/(?:^|\.)csi\./.test(provisioner) ? provisioner : undefined)
  return driver !== undefined && drivers !== undefined && !drivers.includes(driver)
    ? `storage class "${name}" needs the CSI driver ${driver}, which is not installed`
    : undefined
}

function leftOverFindings(
  input: PreflightInput,
  template: ClaimTemplate,
): readonly PreflightFinding[] {
  const { wanted, live, classes } = input
  return claimsOf(input, template).flatMap(({ ordinal, claim }): readonly PreflightFinding[] => {
    if (claim === undefined) return []
    const common = {
      code: 'CLAIM_PENDING',
      object: `persistentvolumeclaim/${claim.name}`,
      ordinal,
    } as const
    const remove = removalOf(claim, wanted.namespace)
    const differs = leftOver(template, claim)
    // A member's own claim is judged by what it means for its data.
    if (
      live !== undefined &&
      (claim.deleting || claim.phase === 'Lost') &&
      wantedOrdinals(live.view).includes(ordinal)
    )
      return []
    if (claim.deleting) {
      return [
        {
          ...common,
          severity: live === undefined ? 'error' : 'warning',
          message: `the claim ${claim.name} is being deleted, a member can't use it`,
          fix: 'Wait until it is gone; it goes when no pod holds it any more.',
        },
      ]
    }
    if (claim.phase === 'Lost')
      return [
        {
          ...common,
          severity: 'error',
          message: `the claim ${claim.name} has lost its volume ${claim.volume ?? ''}`.trim(),
          fix: `Restore the PersistentVolume. ${remove}`,
        },
      ]
    const inUse =
      input.claimsInUse?.has(claim.name) === true ||
      (live !== undefined && wantedOrdinals(live.view).includes(ordinal))
    if (claim.phase === 'Bound' && inUse)
      return differs === undefined
        ? []
        : [
            {
              ...common,
              severity: 'warning',
              message: `the claim ${claim.name} of a member that is there ${differs}; it is used as it is`,
              fix: 'Leave it: of a claim only the size can be changed, and it can only grow.',
            },
          ]
    if (claim.phase === 'Bound')
      return differs === undefined
        ? []
        : [
            {
              ...common,
              severity: 'warning',
              message: `the claim ${claim.name}, left over from an earlier installation, ${differs}; it is used as it is`,
              fix: remove,
            },
          ]
    const own =
      claim.storageClass === undefined
        ? undefined
        : classes?.find((one) => one.name === claim.storageClass)
    const ghost =
      classes !== undefined &&
      claim.storageClass !== undefined &&
      claim.storageClass !== '' &&
      own === undefined &&
      !input.ownClasses.some((one) => one.name === claim.storageClass) &&
      !hasVolume(input, claim.storageClass)
    if (differs !== undefined)
      return [
        {
          ...common,
          severity: 'error',
          message: `the claim ${claim.name}, left over from an earlier installation, is Pending and ${differs}`,
          fix: remove,
        },
      ]
    if (ghost)
      return [
        {
          ...common,
          severity: 'error',
          message: `the claim ${claim.name}, left over from an earlier installation, is Pending: its class "${claim.storageClass ?? ''}" is not there`,
          fix: remove,
        },
      ]
    const waits = own === undefined || own.bindingMode === 'WaitForFirstConsumer'
    return waits
      ? []
      : [
          {
            ...common,
            severity: 'warning',
            message: `the claim ${claim.name} is Pending although its class binds at once`,
            fix: `See why: kubectl -n ${wanted.namespace} describe pvc ${claim.name}`,
          },
        ]
  })
}

/**
 * A first install that finds bound claims starts with their data: right after a lost StatefulSet,
 * wrong for a fresh preview.
 */
function reuseFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { live, wanted } = input
  if (live !== undefined) return []
  // Those that pods use are no leftovers: their set was deleted and left them, and they are
  // adopted.
  const bound = wanted.claimTemplates
    .flatMap((template) => claimsOf(input, template))
    .flatMap(({ claim }) =>
      claim?.phase === 'Bound' && !claim.deleting && input.claimsInUse?.has(claim.name) !== true
        ? [claim.name]
        : [],
    )
  if (bound.length === 0) return []
  return [
    {
      code: 'CLAIM_PENDING',
      severity: 'warning',
      object: `statefulset/${wanted.name}`,
      message: `claims of an earlier installation are there and will be used with their data: ${bound.join(', ')}`,
      fix: `For an empty ensemble delete them first: kubectl -n ${wanted.namespace} delete pvc ${bound.join(' ')}`,
    },
  ]
}
