import { deviceNames, isAnother } from '../../../lib/dom0/replica/replica-device'

describe('which device it is', () => {
  test.each([
    ['the same coming is the same, whatever it is called', ['1', 'wwid a'], ['1', 'wwid b'], false],
    ['one that came again under its name', ['1', 'wwid a'], ['2', 'wwid a'], false],
    ['one that came under another name', ['1', 'wwid a'], ['2', 'wwid b'], true],
    ['one that came under another name, where kernels do not count', ['', 'wwid a'], ['', 'wwid b'], true],
    ['the same name, where kernels do not count', ['', 'wwid a'], ['', 'wwid a'], false],
    ['one without a name may be any', ['1', 'wwid a'], ['2', ''], false],
    ['in the place of one without a name', ['1', ''], ['2', 'wwid a'], false],
  ] as const)('%s', (_, [coming, name], [comingNow, nameNow], another) => {
    expect(isAnother({ coming, name }, { coming: comingNow, name: nameNow })).toBe(another)
  })

  test('nothing is asked of what is no block device', async () => {
    expect(await deviceNames({ kind: 'file', path: __filename })).toBeNull()
    await expect(deviceNames({ kind: 'device', path: `${__filename}.none` })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
