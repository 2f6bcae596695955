import { rm } from 'node:fs/promises'
import type { Monitors } from './monitors'
import { textOf, type DomainStore } from './domain-store'
import { identify, killAndWait } from './process-identity'
import { removeTap, tapsOf } from './tap'

/** Clears up after a toolstack that was killed between starting a machine and writing its record: nobody could ever use that machine. */
export async function clearAbandoned(store: DomainStore, monitors: Monitors): Promise<void> {
  for (const domid of await store.abandoned()) {
    const pid = Number(await textOf(store.path(domid, 'qemu.pid')))
    const process = pid > 0 ? await identify(pid) : null
    const isItsMachine = (await textOf(`/proc/${pid}/cmdline`)).includes(store.path(domid))
    if (process !== null && isItsMachine) await killAndWait(process)
    for (const tap of await tapsOf(domid)) await removeTap(tap)
    await monitors.sweep(domid)
    // The directory stays: a domid is not given twice.
    await rm(store.path(domid, 'qemu.pid'), { force: true })
  }
}
