/**
 * Every code an operator can meet, with its texts (house rule: what happened, why, what to do).
 * docs/reference/errors.md lists the same codes; a house test compares both ways.
 */
export interface RefusalText {
  /** What happened. `{name}` is replaced by the fact of that name. */
  readonly what: string
  readonly why: string
  readonly todo: string
}

export const REFUSALS = {
  HOLDFAST_UNKNOWN_LEVEL: {
    what: 'There is no level "{level}".',
    why: 'The levels are unprotected, restart, redirect and lockstep.',
    todo: 'Repeat the request with one of these.',
  },
  HOLDFAST_LEVEL_UNSUPPORTED: {
    what: 'Level "{level}" cannot be given to {vm}.',
    why: '{reason}',
    todo: 'Choose level redirect; it can be raised later while the VM runs.',
  },
  HOLDFAST_LOCKSTEP_SETTING: {
    what: 'VM {vm} cannot be in lockstep as it is set.',
    why: 'Its other_config:{key} is "{value}": {reason}.',
    todo: 'Set it anew, or take it away: xe vm-param-remove uuid=UUID param-name=other-config param-key={key}',
  },
  HOLDFAST_UNKNOWN_VM: {
    what: 'No VM has the uuid "{vm}".',
    why: 'XAPI knows no such VM, or it is a template, a snapshot or a control domain.',
    todo: 'Look it up with: xe vm-list',
  },
  HOLDFAST_VM_HAS_NO_DISK: {
    what: 'VM {vm} cannot be protected.',
    why: 'It has no disk, so there is nothing to mirror.',
    todo: 'Add a disk in a Holdfast SR, then protect it.',
  },
  HOLDFAST_DISK_ELSEWHERE: {
    what: 'VM {vm} cannot be protected while it runs.',
    why: 'Disk {vdi} is in SR {sr}, which is not a Holdfast SR, and a running disk cannot be moved.',
    todo: 'Shut the VM down and repeat the request: protect moves the disks of a halted VM itself.',
  },
  HOLDFAST_DISKS_APART: {
    what: 'VM {vm} cannot be protected while it runs.',
    why: 'A disk was plugged in since it started, and until it is restarted its disks are served by different processes.',
    todo: 'Shut the VM down, start it again, and repeat the request.',
  },
  HOLDFAST_MOVE_REFUSED: {
    what: 'VM {vm} cannot be moved to {host}.',
    why: '{reason}.',
    todo: '{todo}',
  },
  HOLDFAST_VDI_IN_USE: {
    what: 'VM {vm} cannot be protected.',
    why: 'Disk {vdi} is also attached to {other}.',
    todo: 'Detach it there first.',
  },
  HOLDFAST_NO_HOLDFAST_SR: {
    what: 'VM {vm} cannot be protected.',
    why: 'The pool has no Holdfast SR that both hosts have plugged.',
    todo: 'Create one: xe sr-create type=holdfast shared=true name-label=Holdfast device-config:path=/srv/holdfast',
  },
  HOLDFAST_NO_SECONDARY: {
    what: 'VM {vm} cannot be protected.',
    why: 'No other host can be its secondary: {reason}',
    todo: 'Bring a second host into the pool or back to life, with room in its Holdfast SR.',
  },
  HOLDFAST_COPY_UNDER_WAY: {
    what: 'Host {host} takes no further copy now.',
    why: 'It is being given the first copy of {other}.',
    todo: 'Nothing needs to be done: it is asked again.',
  },
  HOLDFAST_NOT_PROTECTED: {
    what: 'VM {vm} is not protected.',
    why: 'No claim exists for it.',
    todo: 'Nothing needs to be done.',
  },
  HOLDFAST_NOT_REDUNDANT: {
    what: 'The replicas of VM {vm} cannot be compared.',
    why: 'Only one of them can be used now: {reason}.',
    todo: 'Wait until holdfast status calls the VM protected, then repeat.',
  },
  HOLDFAST_VERIFY_UNDER_WAY: {
    what: 'The replicas of VM {vm} are being compared already.',
    why: 'That comparison {does} what differs, and its result would be lost.',
    todo: 'Wait until holdfast timeline says that it is over, then repeat.',
  },
  HOLDFAST_UNPROTECT_UNDER_WAY: {
    what: 'VM {vm} is still being unprotected.',
    why: 'An earlier request gives its claim up, and the witness has not confirmed that yet.',
    todo: 'Look at: holdfast status. Repeat when the witness answers and the VM has no claim any more.',
  },
  HOLDFAST_SPLIT_REFUSED: {
    what: 'Nothing was done about the histories of {what}.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_CLAIM_HELD_ELSEWHERE: {
    what: 'VM {vm} cannot start or attach its disks on host {host}.',
    why: 'Host {holder} holds its claim (term {term}).',
    todo: 'Start it there: xe vm-start on={holder}, or wait until the claim has moved.',
  },
  HOLDFAST_VOLUME_ELSEWHERE: {
    what: 'Volume {volume} cannot be attached on host {host}.',
    why: 'It is unprotected and its only copy is on host {home}.',
    todo: 'Start the VM there, or protect it so that both hosts have a copy.',
  },
  HOLDFAST_WITNESS_UNREACHABLE: {
    what: 'The request needs the witness, and it does not answer.',
    why: '{reason}',
    todo: 'Check that the witness at {address} runs and that this host can reach it, then repeat.',
  },
  HOLDFAST_INVITATION_REFUSED: {
    what: 'The witness at {address} does not take the invitation.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_SETUP_LACKS: {
    what: 'The pool cannot be set up yet.',
    why: 'What is missing: {reason}.',
    todo: '{todo}',
  },
  HOLDFAST_OTHER_KEY: {
    what: 'The pool has another key already, and {host} has it.',
    why: 'Hosts and witnesses with different keys do not hear each other.',
    todo: 'Run holdfast setup there. If that key is to be replaced: holdfast setup --renew-key, with an invitation of each witness.',
  },
  HOLDFAST_ROOT_ONLY: {
    what: 'Function "{fn}" of the plug-in is refused.',
    why: "Only root's own session on a host may set a pool up.",
    todo: 'Run this on a host, as root: holdfast setup',
  },
  HOLDFAST_HOST_UNREACHABLE: {
    what: 'The request needs host {host}, and its daemon does not answer.',
    why: '{reason}',
    todo: 'Check that host and its holdfastd service, then repeat.',
  },
  HOLDFAST_UNKNOWN_HOST: {
    what: 'No host of the pool is called "{host}".',
    why: 'Neither the configuration nor XAPI knows such a name or uuid.',
    todo: 'Look it up with: holdfast status',
  },
  HOLDFAST_FENCE_REFUSED: {
    what: 'Host {host} is not taken for off.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_PROMOTE_REFUSED: {
    what: 'VM {vm} is not promoted on host {host}.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_DAEMON_UNREACHABLE: {
    what: 'The Holdfast daemon of this host does not answer.',
    why: '{reason}',
    todo: 'Check it with: systemctl status holdfastd',
  },
  HOLDFAST_NO_SUCH_VOLUME: {
    what: 'There is no volume "{volume}".',
    why: 'The catalogue of this host does not list it in SR {sr}.',
    todo: 'Rescan the SR: xe sr-scan',
  },
  HOLDFAST_DISKS_NOT_KNOWN: {
    what: 'The protection of VM {vm} cannot be ended now.',
    why: 'Host {host} holds its claim and does not know its volume {volume}, because the Holdfast SR is not attached there: whose bytes count could not be written down.',
    todo: 'Plug its PBD (xe pbd-plug), then repeat.',
  },
  HOLDFAST_NO_SUCH_SR: {
    what: 'There is no Holdfast SR "{sr}" on this host.',
    why: 'It was never attached here, or was detached.',
    todo: 'Plug its PBD: xe pbd-plug',
  },
  HOLDFAST_VOLUME_IN_USE: {
    what: 'Volume {volume} cannot be changed.',
    why: 'It is {use}.',
    todo: 'Shut down and unprotect the VM that uses it, then repeat.',
  },
  HOLDFAST_NO_SPACE: {
    what: 'The volume cannot be made on host {host}.',
    why: '{needBytes} bytes are needed and {freeBytes} are free.',
    todo: 'Free room in {path}, or choose a smaller size.',
  },
  HOLDFAST_BAD_REQUEST: {
    what: 'The request was not understood.',
    why: '{reason}',
    todo: 'See docs/reference/plugin.md for the functions and their arguments.',
  },
  HOLDFAST_BAD_REPLICA: {
    what: 'There can be no replica at "{replica}".',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_XAPI_HA_ENABLED: {
    what: 'Holdfast refuses to act in this pool.',
    why: "XAPI's own HA is enabled, and two engines would fight over the same VMs.",
    todo: 'Disable it: xe pool-ha-disable',
  },
  HOLDFAST_TIMED_OUT: {
    what: 'The request was given up after {seconds} s.',
    why: '{reason}',
    todo: 'Look at: holdfast status. What was begun goes on; repeat the request if it did not.',
  },
  HOLDFAST_MIRROR_OPTION: {
    what: 'Option --{option} cannot be "{value}".',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_MIRROR_OPTION_MISSING: {
    what: 'Option --{option} is missing.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_MIRROR_FOLDER: {
    what: 'Folder {folder} cannot be used for mirror {mirror}.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_MIRROR_REPLICA: {
    what: 'Replica {replica} cannot be used for mirror {mirror}.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_MIRROR_CLAIM: {
    what: 'Mirror {mirror} cannot be served here.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_MIRROR_NOT_SERVED: {
    what: 'The mirror of folder {folder} does not answer.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_MIRROR_NOT_COMPARED: {
    what: 'The replicas of mirror {mirror} were not compared on {host}.',
    why: '{reason}',
    todo: '{todo}',
  },
  HOLDFAST_TAKE_OVER_REFUSED: {
    what: 'Mirror {mirror} was not taken over (rule {rule}).',
    why: '{reason}',
    todo: '{todo}',
  },
} as const satisfies Record<string, RefusalText>

export type RefusalCode = keyof typeof REFUSALS
export type Facts = Readonly<Record<string, string | number>>

/** A request that was understood and refused; nothing was changed. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  constructor(
    readonly code: RefusalCode,
    readonly facts: Facts,
  ) {
    super(refusalLines(code, facts).join(' '))
  }
}

/** The three sentences for an operator: what happened, why, what to do. */
export function refusalLines(code: RefusalCode, facts: Facts): [what: string, why: string, todo: string] {
  const { what, why, todo } = REFUSALS[code]
  const fill = (text: string): string => text.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? `(${name}?)`))
  return [fill(what), fill(why), fill(todo)]
}
