/** Addresses of a process's memory, whole pages, the last one not in it. */
export interface AddressRange {
  readonly from: number
  readonly to: number
}

/** A line of /proc/PID/smaps that begins a mapping: addresses, permissions, offset, device, inode, file. */
const HEAD = /^([\da-f]+)-([\da-f]+) (\S{4}) [\da-f]+ \S+ \d+ +(.*)$/
const FIELD = /^(\w+): +(\d+) kB$/

/** What a written page of a private mapping is counted as; it is in none of them that it is in the file. */
const WRITTEN = ['Private_Dirty', 'Shared_Dirty', 'Anonymous', 'Swap']

interface Mapping extends AddressRange {
  readonly permissions: string
  readonly file: string
  readonly kib: Map<string, number>
}

/**
 * The private mappings of `file` that cannot be written and of which no page ever was: all that is in them is in the file, too. Where the
 * kernel does not tell all that has to be known, there are none. @param smaps what /proc/PID/smaps holds
 */
export const neverWritten = (smaps: string, file: string): readonly AddressRange[] =>
  mappings(smaps)
    .filter((mapping) => mapping.file === file && /^.-.p$/.test(mapping.permissions))
    .filter(({ kib }) => WRITTEN.every((name) => kib.get(name) === 0))
    .map(({ from, to }) => ({ from, to }))

function mappings(smaps: string): Mapping[] {
  const found: Mapping[] = []
  for (const line of smaps.split('\n')) {
    const [, from, to, permissions, file] = HEAD.exec(line) ?? []
    if (from !== undefined && to !== undefined && permissions !== undefined && file !== undefined)
      found.push({ from: parseInt(from, 16), to: parseInt(to, 16), permissions, file, kib: new Map() })
    else {
      const [, name, kib] = FIELD.exec(line) ?? []
      if (name !== undefined) found.at(-1)?.kib.set(name, Number(kib))
    }
  }
  return found
}
