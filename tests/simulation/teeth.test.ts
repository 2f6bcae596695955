import { bundleMirror } from './mirror-bundle'
import { TEETH } from './teeth'
import { testTeeth } from './teeth-table'

const LIMIT_MS = 600_000

testTeeth({ world: 'mirror', title: 'Teeth', teeth: TEETH, seedsMax: 3000 })

test(
  'a rule whose text has changed is not passed over',
  async () => {
    const change = { rule: 'none', file: 'lib/core/mirror/mirror.ts', replace: '' }
    await expect(bundleMirror([{ ...change, find: 'no such text' }])).rejects.toThrow('none: its text stands 0 times')
    await expect(bundleMirror([{ ...change, find: 'this.' }])).rejects.toThrow('none: its text stands')
    await expect(bundleMirror([{ ...change, file: 'lib/core/mirror/pace.ts', find: '' }])).rejects.toThrow(
      'is not part of the simulator',
    )
  },
  LIMIT_MS,
)
