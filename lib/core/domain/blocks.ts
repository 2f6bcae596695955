/**
 * What the dirty bitmap has one bit for. A smaller block would copy less after a short absence and cost more memory (a 2 TiB
 * disk takes 4 MiB here); a guest's writes are clustered enough for 64 KiB.
 */
export const BLOCK_BYTES = 64 * 1024

/** The dirty bitmap is kept in pages: 4096 bytes of it stand for 2 GiB of the disk. */
export const PAGE_BYTES = 4096
export const BLOCKS_PER_PAGE = 8 * PAGE_BYTES

/** What the activity log names. Smaller ones are left and entered more often, larger ones copy more after a crash. */
export const EXTENT_BYTES = 4 * 1024 * 1024
/** The last one of a disk may be short. */
export const extentsOn = (sizeBytes: number): number => Math.ceil(sizeBytes / EXTENT_BYTES)
export const extentAt = (offset: number): number => Math.floor(offset / EXTENT_BYTES)
/** Of a range of at least one byte. */
export const lastExtent = (offset: number, length: number): number => extentAt(offset + length - 1)

/** Hot extents at a time: after a crash at most 4 GB are compared, and the set fits into one block of a file system. */
export const HOT_EXTENTS_MAX = 1000

/** Pages of the dirty bitmap of a disk of that size; the last may be partly used. */
export const bitmapPages = (sizeBytes: number): number => Math.ceil(sizeBytes / (BLOCK_BYTES * BLOCKS_PER_PAGE))
