import { LockstepWatch } from '../../../lib/core/policy/lockstep-watch'

/** `+` kept, `-` not; one look a second from second 0 on. What was told, by second. */
function told(looks: string): string[] {
  const watch = new LockstepWatch('web')
  return Array.from(looks).flatMap((look, second) => {
    const alert = watch.seen({ isKept: look === '+', why: 'no peer' }, second * 1000)
    return alert === null ? [] : [`${second} ${alert.name.replace('HOLDFAST_LOCKSTEP_', '')} ${alert.priority}`]
  })
}

const LOST = '------'

test.each([
  ['kept from the start', '+'.repeat(900), []],
  ['lost for a moment only', `+++-----+++`, []],
  ['lost, and back', `+++${LOST}--+++`, ['8 LOST 3', '11 BACK 4']],
  ['lost and lost', `+${'-'.repeat(1000)}`, ['6 LOST 3']],
  ['not reached yet', '-'.repeat(120), []],
  ['never reached', '-'.repeat(200), ['120 LOST 3']],
  ['comes and goes', `+${LOST}+${LOST}+${LOST}+`, ['6 LOST 3', '7 BACK 4']],
  ['goes again later', `+${LOST}${'+'.repeat(600)}${LOST}+`, ['6 LOST 3', '7 BACK 4', '612 LOST 3', '613 BACK 4']],
  ['stays away while it is not told', `+${LOST}+${'-'.repeat(700)}+`, ['6 LOST 3', '7 BACK 4', '606 LOST 3', '708 BACK 4']],
])('%s', (_, looks, alerts) => expect(told(looks)).toEqual(alerts))

test('the reason is told', () => {
  const watch = new LockstepWatch('web')
  watch.seen({ isKept: true, why: '' }, 0)
  watch.seen({ isKept: false, why: 'the standby ended' }, 1000)
  expect(watch.seen({ isKept: false, why: 'the standby ended' }, 6000)?.text).toBe(
    'web is not in lockstep: the standby ended; if its host is lost now, it is restarted from its disks',
  )
})
