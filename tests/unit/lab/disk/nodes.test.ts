import { Nodes } from '../../../../lib/lab/disk/nodes'

test('a node follows its file through renames, also of a folder above it', () => {
  const nodes = new Nodes()
  const folder = nodes.look('a')
  const file = nodes.look('a/f')
  const neighbour = nodes.look('ab')
  nodes.renamed('a', 'b')
  expect([folder, file, neighbour].map((id) => nodes.path(id))).toEqual(['b', 'b/f', 'ab'])
  expect(nodes.look('b/f')).toBe(file)
  expect(nodes.child(folder, 'g')).toBe('b/g')
  expect(nodes.child(1, 'top')).toBe('top')
})

test('an unlinked path is stale, and a new file there is another node', () => {
  const nodes = new Nodes()
  const old = nodes.look('f')
  nodes.removed('f')
  expect(() => nodes.path(old)).toThrow('errno 116')
  expect(nodes.look('f')).not.toBe(old)
  const other = nodes.look('g')
  nodes.renamed('g', 'f')
  expect(nodes.path(other)).toBe('f')
})

test('the kernel forgets as often as it was told', () => {
  const nodes = new Nodes()
  const node = nodes.look('f')
  expect(nodes.look('f')).toBe(node)
  nodes.forget(node, 1)
  expect(nodes.path(node)).toBe('f')
  nodes.forget(node, 1)
  expect(() => nodes.path(node)).toThrow('errno 116')
  expect(nodes.look('f')).not.toBe(node)
  nodes.forget(1, 1000)
  expect(nodes.path(1)).toBe('')
})
