import { closeSync, openSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { openBlockFile } from '../../lib/dom0/block/block-file'
import { loadNativeIo } from '../../lib/dom0/block/native-io'
import { openDevice } from '../../lib/dom0/block/open-device'
import type { BlockDevice } from '../../lib/ports/block-device'
import { ADDONS, NO_NATIVE } from './native-addon'
import { LoopDevice, NO_LOOPS } from './loop-device'
import { OtherNbdServer } from './other-nbd-server'
import { TapdiskServer } from './tapdisk-server'

/** An empty disk and whatever keeps it. */
export interface Kept {
  readonly device: BlockDevice
  /** After the device is closed. */
  readonly stop: () => Promise<void> | void
}

export interface Keeper {
  readonly name: string
  readonly keep: (folder: string, sizeBytes: number) => Promise<Kept>
}

const onFile: Keeper = {
  name: 'a file',
  keep: async (folder, sizeBytes) => {
    const source = { kind: 'file', path: join(folder, 'disk') } as const
    return { device: await openDevice(source, sizeBytes, true), stop: () => undefined }
  },
}

const withLane: Keeper = {
  name: 'a file whose changes go by a lane',
  keep: async (folder, sizeBytes) => {
    const native = loadNativeIo(ADDONS)
    if (native === null) throw new Error('the addon was built and cannot be loaded')
    return {
      device: await openBlockFile({ path: join(folder, 'disk'), sizeBytes, create: true, native }),
      stop: () => undefined,
    }
  },
}

const onLoop: Keeper = {
  name: 'a loop device',
  keep: async (folder, sizeBytes) => {
    const loop = LoopDevice.attach(emptyImage(folder, sizeBytes))
    return { device: await openDevice({ kind: 'device', path: loop.path }, sizeBytes, false), stop: () => loop.detach() }
  },
}

const onTapdisk: Keeper = {
  name: "a server of tapdisk's kind",
  keep: async (folder, sizeBytes) => {
    const server = await TapdiskServer.start(folder, sizeBytes)
    const device = await openDevice(server.source, sizeBytes, false)
    return {
      device,
      stop: async () => {
        await server.stop()
        if (server.complaints.length > 0) throw new Error(server.complaints.join(', '))
      },
    }
  },
}

const onServer = (name: string, start: (folder: string, sizeBytes: number) => Promise<OtherNbdServer>): Keeper => ({
  name,
  keep: async (folder, sizeBytes) => {
    const server = await start(folder, sizeBytes)
    return { device: await openDevice(server.source, sizeBytes, false), stop: () => server.stop() }
  },
})

const BLOCKS_OF_4K = ['blocksize-minimum=4K', 'blocksize-preferred=4K', 'blocksize-maximum=64K', 'blocksize-error-policy=error']

export const KEEPERS: readonly Keeper[] = [
  onFile,
  ...(NO_NATIVE === '' ? [withLane] : []),
  ...(NO_LOOPS === '' ? [onLoop] : []),
  onServer('qemu-nbd', (folder, sizeBytes) => OtherNbdServer.qemu(folder, emptyImage(folder, sizeBytes))),
  onServer('qemu-storage-daemon', (folder, sizeBytes) => OtherNbdServer.storageDaemon(folder, emptyImage(folder, sizeBytes))),
  onServer('nbdkit', (folder, sizeBytes) => OtherNbdServer.nbdkit(folder, 'memory', `${sizeBytes}`)),
  onServer('nbdkit with blocks of 4 KiB, 64 KiB at most', (folder, sizeBytes) =>
    OtherNbdServer.nbdkit(folder, '--filter=blocksize-policy', 'memory', `${sizeBytes}`, ...BLOCKS_OF_4K),
  ),
  onServer('nbdkit without write-zeroes', (folder, sizeBytes) =>
    OtherNbdServer.nbdkit(folder, '--filter=nozero', 'memory', `${sizeBytes}`),
  ),
  onServer('nbdkit by its oldest newstyle', (folder, sizeBytes) =>
    OtherNbdServer.nbdkit(folder, '--mask-handshake=0', 'memory', `${sizeBytes}`),
  ),
  onTapdisk,
]

/** It takes no space. */
export function emptyImage(folder: string, sizeBytes: number): string {
  const path = join(folder, 'image')
  closeSync(openSync(path, 'w'))
  truncateSync(path, sizeBytes)
  return path
}
