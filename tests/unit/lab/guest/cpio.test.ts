import { cpio } from '../../../../lib/lab/guest/image/cpio'

const field = (head: string, index: number): number => parseInt(head.slice(6 + 8 * index, 14 + 8 * index), 16)

/** A second reading of the format: 110 bytes of head, name and content each padded to four bytes. */
function read(archive: Buffer): { name: string; mode: number; text: string }[] {
  const members = []
  for (let at = 0; ;) {
    const head = archive.toString('latin1', at, at + 110)
    expect(head.slice(0, 6)).toBe('070701')
    const size = field(head, 6)
    const name = archive.toString('latin1', at + 110, at + 110 + field(head, 11) - 1)
    if (name === 'TRAILER!!!') return members
    const content = Math.ceil((at + 110 + field(head, 11)) / 4) * 4
    members.push({ name, mode: field(head, 1), text: archive.toString('latin1', content, content + size) })
    at = Math.ceil((content + size) / 4) * 4
  }
}

test('files, directories and symlinks of every length come out as they went in', () => {
  const names = ['a', 'bb', 'ccc', 'dddd', 'e/five']
  const members = names.map((path, index) => ({ path, kind: 'file' as const, mode: 0o640, content: Buffer.alloc(index, path) }))
  const archive = cpio([
    { path: 'bin/', kind: 'directory', mode: 0o755, content: Buffer.alloc(0) },
    { path: 'init', kind: 'symlink', mode: 0o777, content: Buffer.from('bin/busybox') },
    ...members,
  ])
  expect(archive.length % 4).toBe(0)
  expect(read(archive)).toEqual([
    { name: 'bin', mode: 0o040755, text: '' },
    { name: 'init', mode: 0o120777, text: 'bin/busybox' },
    ...members.map(({ path, content }) => ({ name: path, mode: 0o100640, text: content.toString() })),
  ])
})

test('equal members give equal bytes', () => {
  const members = [{ path: 'x', kind: 'file' as const, mode: 0o644, content: Buffer.from('y') }]
  expect(cpio(members)).toEqual(cpio(members))
})
