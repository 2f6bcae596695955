/** What a lab guest needs to boot in a few seconds under emulation. */

/** 128 MiB boot as well; the rest is room for redis. */
export const GUEST_MEMORY_BYTES = 160 << 20

/** What the guest prints on its console once its redis answers. */
export const GUEST_READY = 'holdfast-guest: ready'

/** The kernel's command line for a guest with this address, e.g. `10.77.3.10/24`. Errors still reach the console. */
export const guestArguments = (address: string): string =>
  `console=ttyS0 quiet nokaslr mitigations=off panic=-1 holdfast.ip=${address}`
