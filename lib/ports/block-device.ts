/** A replica's bytes. Rejects with the system's error (`code: 'EIO'`, `'ENOSPC'`, ...). Offsets and lengths in bytes. */
export interface BlockDevice {
  readonly sizeBytes: number
  read(offset: number, into: Buffer): Promise<void>
  write(offset: number, data: Buffer): Promise<void>
  zero(offset: number, length: number, punch: boolean): Promise<void>
  /** Everything written before this call is on stable storage when it resolves. */
  flush(): Promise<void>
  close(): Promise<void>
}
