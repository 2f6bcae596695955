/** One member of the guest's first file system. Directories end with `/`. */
export interface Member {
  readonly path: string
  readonly mode: number
  readonly content: Buffer
  readonly kind: 'file' | 'directory' | 'symlink'
}

const KIND_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const

const padded = (length: number): number => (4 - (length % 4)) % 4
const hex = (value: number): string => value.toString(16).padStart(8, '0')

function header(index: number, mode: number, links: number, size: number, name: string): Buffer {
  const fields = [index, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name.length + 1, 0]
  const head = Buffer.from(`070701${fields.map(hex).join('')}${name}\0`, 'latin1')
  return Buffer.concat([head, Buffer.alloc(padded(head.length))])
}

/** A cpio archive in the "newc" form the kernel unpacks; everything is root's and dated 1970, so equal members give equal bytes. */
export function cpio(members: readonly Member[]): Buffer {
  const parts = members.flatMap((member, at) => [
    header(
      at + 1,
      KIND_BITS[member.kind] | member.mode,
      member.kind === 'directory' ? 2 : 1,
      member.content.length,
      member.path.replace(/\/$/, ''),
    ),
    member.content,
    Buffer.alloc(padded(member.content.length)),
  ])
  return Buffer.concat([...parts, header(0, 0, 1, 0, 'TRAILER!!!')])
}
