import { statfs } from 'node:fs/promises'
import { getSystemErrorName } from 'node:util'
import { extentsBetween, type Extent } from '../../core/domain/extent'
import { loadNativeExtents, type NativeExtents } from './native-extents'
import type { OpenFile } from '../block/open-file'
import { codeOf, failure } from '../system/system-error'

/** A client that wants to know more asks again. */
const RUNS_MAX = 1024
/** Of ext4, XFS, btrfs, tmpfs and overlayfs, in statfs(2). Other file systems' word that there is nothing is not taken. */
const BELIEVED: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630])

/** Where a file holds data, by its file system. */
export class FileExtents {
  private readonly ends: Float64Array[] = []
  private isBelieved: Promise<boolean> | null = null

  /** `native` null: nothing is known. Default: what was built with the executable. */
  constructor(
    private readonly file: OpenFile,
    private readonly native: NativeExtents | null = loadNativeExtents(),
  ) {}

  /** What is known from `offset` on; it may end early, and is empty when nothing is. `one`: the first is enough. */
  async between(offset: number, end: number, one: boolean): Promise<readonly Extent[]> {
    const { native } = this
    this.isBelieved ??= this.asksFileSystem()
    if (native === null || !(await this.isBelieved)) return []
    const ends = this.ends.pop() ?? new Float64Array(2 * RUNS_MAX)
    const into = one ? ends.subarray(0, 2) : ends
    let count = 0
    try {
      await this.file.use((over) =>
        native.dataRuns(this.file.fd, offset, end, into, (errno, found) => {
          count = found
          over(errno === 0 ? null : failure(getSystemErrorName(-errno), 'the extents cannot be told'))
        }),
      )
      const isWhole = count < into.length
      return extentsBetween(offset, isWhole ? end : (into[count - 1] ?? offset), [...into.subarray(0, count)])
    } catch (error) {
      // Whatever it is, a read will tell.
      if (codeOf(error) === '') throw error
      return []
    } finally {
      this.ends.push(ends)
    }
  }

  private async asksFileSystem(): Promise<boolean> {
    try {
      return BELIEVED.has((await statfs(`/proc/self/fd/${this.file.fd}`)).type)
    } catch (error) {
      if (codeOf(error) === '') throw error
      return false
    }
  }
}
