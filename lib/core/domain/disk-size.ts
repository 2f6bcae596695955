const MIB = 2 ** 20
const TIB = 2 ** 40
const SECTOR_BYTES = 512
/** The blocks that a replica lacks are kept in memory, a bit for each 64 KiB. */
const DISK_TIB_MAX = 16

/** Why a disk cannot be so large; empty when it can. */
export function sizeTrouble(sizeBytes: number): string {
  if (sizeBytes < MIB || sizeBytes > DISK_TIB_MAX * TIB) return `A disk has at least 1 MiB and at most ${DISK_TIB_MAX} TiB.`
  return sizeBytes % SECTOR_BYTES === 0 ? '' : `A disk is made of sectors of ${SECTOR_BYTES} bytes.`
}
