import { execFileSync } from 'node:child_process'
import { DiskRecords, recordSum, textLines } from '../../../../lib/lab/client/disk-records'

test('the sum is that of the text, line after line, for 64 KiB', () => {
  const made = execFileSync('sh', ['-c', 'yes 12-abc | head -c 65536 | sha256sum | cut -c 1-64'])
  expect(recordSum('12-abc')).toBe(made.toString().trim())
})

test('every slot is read back with what was acknowledged last; what was not written, or is another, is told', async () => {
  const slots = new Map<string, string>()
  const guest = {
    ask: (line: string): Promise<string> => {
      const [verb = '', slot = '', text = ''] = line.trim().split(' ')
      if (verb === 'read') return Promise.resolve(slots.get(slot) ?? '')
      slots.set(slot, recordSum(text))
      return Promise.resolve(text.startsWith('69-') ? 'failed 5' : `written ${slot}`)
    },
  }
  const broken: string[] = []
  const records = new DiskRecords(guest, (what) => broken.push(what))
  for (let n = 0; n < 68; n += 1) await records.write()
  await records.readBack()
  expect({ broken, slots: slots.size }).toEqual({ broken: [], slots: 64 })
  slots.set('3', recordSum('3-of-long-ago'))
  slots.delete('10')
  await records.readBack()
  expect(broken).toEqual([expect.stringMatching(/hold record 67-/), expect.stringMatching(/hold record 10-.*""$/)])
  await records.write()
  await records.write()
  expect(broken).toHaveLength(3)
  expect(broken[2]).toMatch(/^record 69-\w+ was answered with "failed 5"$/)
})

test('lines are the same wherever they are cut', () => {
  const lines = textLines()
  expect([...lines(Buffer.from('wri')), ...lines(Buffer.from('tten 1\nab')), ...lines(Buffer.from('\n'))]).toEqual([
    'written 1',
    'ab',
  ])
})
