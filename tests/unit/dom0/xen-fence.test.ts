import { stateIn } from '../../../lib/dom0/fence/xen-fence'

const LIST = `Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0  4096     4     r-----  123456.7
web server 2                                 5  2048     2     -b----     99.0
orders                                       7   256     1     --p---      1.0
5                                           12   256     1     ------      1.0
leaving                                     13   256     1     ---s--      1.0
crashed                                     14   256     1     ----c-      1.0
(null)                                      15     0     1     --ps-d      1.0
`

test.each([
  ['5', 'running'],
  ['web server 2', 'running'],
  ['7', 'standing'],
  ['orders', 'standing'],
  ['12', 'running'],
  ['13', 'standing'],
  ['14', 'standing'],
  ['15', 'gone'],
  ['99', 'gone'],
  ['70', 'gone'],
])('domain %s is %s', (domid, state) => expect(stateIn(LIST, domid)).toBe(state))

test.each(['', 'xl: cannot connect to xenstore', 'orders 7 256 1 r----- 1.0'])(
  '%j is no list, and nobody is gone by it',
  (text) => {
    expect(() => stateIn(text, '7')).toThrow(/no list/)
  },
)
