/** What the operator is told of a guest and its lease. */
export const FROZEN = 'The lease ran out unconfirmed: the guest waits.'
export const PAUSED = 'The lease ends soon, unconfirmed: the guest is paused.'
export const RELEASED = 'The lease is confirmed again: the guest goes on.'
export const STOPPED =
  'The lease ran out unconfirmed, and the pool wants its VMs stopped then: the VM is ended here. It can be started when the witness or the peer answers.'
export const CONTINUES =
  'Neither the peer nor the witness answers, and this host is the preferred survivor: the guest goes on alone. If the VM runs on the other host as well, there will be two histories, and one of them will be lost.'
