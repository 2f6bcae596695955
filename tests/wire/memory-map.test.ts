import { neverWritten } from '../../lib/wire/memory-map'

const NODE = '/opt/holdfast/bin/node'

/** A mapping as the kernel tells it; `written`: the fields by which written pages are counted. */
function mapping(range: string, permissions: string, file: string, written: Readonly<Record<string, number>> = {}): string {
  const field = (name: string): string => `${`${name}:`.padEnd(16)}${String(written[name] ?? 0).padStart(8)} kB`
  return [
    `${range} ${permissions} 00772000 fe:00 260689                             ${file}`,
    'Size:              27184 kB',
    'KernelPageSize:        4 kB',
    'Rss:               17424 kB',
    'Shared_Clean:        704 kB',
    field('Shared_Dirty'),
    'Private_Clean:     16720 kB',
    field('Private_Dirty'),
    field('Anonymous'),
    field('Swap'),
    'THPeligible:           0',
    'VmFlags: rd ex mr mw me',
  ].join('\n')
}

const chosen = (...mappings: string[]) => neverWritten(`${mappings.join('\n')}\n`, NODE)
const TEXT = '00b72000-025fe000'
const RANGE = { from: 0xb72000, to: 0x25fe000 }

test('text and constants of the file are chosen, in their order', () => {
  expect(chosen(mapping('00400000-00b6f000', 'r--p', NODE), mapping(TEXT, 'r-xp', NODE))).toEqual([
    { from: 0x400000, to: 0xb6f000 },
    RANGE,
  ])
})

test('addresses of 64 bits are told as they are', () => {
  expect(chosen(mapping('7fad97e40000-7fad97fd2000', 'r-xp', NODE))).toEqual([{ from: 0x7fad97e40000, to: 0x7fad97fd2000 }])
})

test.each(['rw-p', '-w-p', 'rwxp', 'r-xs', 'rw-s'])('one with %s is left alone', (permissions) => {
  expect(chosen(mapping(TEXT, permissions, NODE))).toEqual([])
})

test.each(['', '[heap]', '[vdso]', '/usr/lib/libc.so.6', `${NODE} (deleted)`, `${NODE}2`, '/node'])(
  '%j is another file',
  (file) => {
    expect(chosen(mapping(TEXT, 'r-xp', file))).toEqual([])
  },
)

test.each(['Shared_Dirty', 'Private_Dirty', 'Anonymous', 'Swap'])(
  'a page that is counted as %s keeps all of its mapping',
  (name) => {
    const relocated = mapping('0563b000-0566f000', 'r--p', NODE, { [name]: 4 })
    expect(chosen(relocated)).toEqual([])
    expect(chosen(relocated, mapping(TEXT, 'r-xp', NODE))).toEqual([RANGE])
    expect(chosen(mapping(TEXT, 'r-xp', NODE), relocated)).toEqual([RANGE])
  },
)

test.each(['Shared_Dirty', 'Private_Dirty', 'Anonymous', 'Swap'])('a kernel that does not tell %s gets nothing back', (name) => {
  const lines = mapping(TEXT, 'r-xp', NODE).split('\n')
  expect(neverWritten(lines.filter((line) => !line.startsWith(`${name}:`)).join('\n'), NODE)).toEqual([])
})

test('a file whose name has blanks is found', () => {
  const file = '/opt/hold fast/node (deleted)'
  expect(neverWritten(mapping(TEXT, 'r-xp', file), file)).toEqual([RANGE])
})

test.each(['', '\n\n', 'no map', 'Swap:  0 kB', '/proc/self/smaps: permission denied'])('%j tells of no mapping', (smaps) => {
  expect(neverWritten(smaps, NODE)).toEqual([])
})
