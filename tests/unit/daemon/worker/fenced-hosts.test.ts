import { FencedHosts } from '../../../../lib/daemon/worker/fenced-hosts'
import { A, B } from '../../../contracts/witness-port'

const NEVER = Number.NEGATIVE_INFINITY

test('a word stands until it ends, and no longer', () => {
  const hosts = new FencedHosts()
  expect(hosts.standing(1000, NEVER).size).toBe(0)
  hosts.told(B, { atMs: 1000, sinceMs: 900, untilMs: 4000 })
  expect([...hosts.standing(3999, NEVER)]).toEqual([B])
  expect(hosts.standing(4000, NEVER).size).toBe(0)
  expect(hosts.untilMs([B])).toBe(4000)
})

test('it is worth nothing beside a sign of the host that is as late as its proof', () => {
  const hosts = new FencedHosts()
  hosts.told(B, { atMs: 1000, sinceMs: 900, untilMs: 4000 })
  expect(hosts.standing(1000, 899).size).toBe(1)
  expect(hosts.standing(1000, 900).size).toBe(0)
  // The same proof, told again; and one that was asked for later.
  hosts.told(B, { atMs: 2000, sinceMs: 900, untilMs: 5000 })
  expect(hosts.standing(2000, 950).size).toBe(0)
  hosts.told(B, { atMs: 3000, sinceMs: 2900, untilMs: 6000 })
  expect(hosts.standing(3000, 950).size).toBe(1)
})

test('taken back it is worth nothing, and one that was said before and comes later changes nothing', () => {
  const hosts = new FencedHosts()
  hosts.told(B, { atMs: 1000, sinceMs: 900, untilMs: 4000 })
  hosts.told(B, { atMs: 2000, sinceMs: 2000, untilMs: 2000 })
  expect(hosts.standing(2000, NEVER).size).toBe(0)
  hosts.told(B, { atMs: 1500, sinceMs: 900, untilMs: 4500 })
  expect(hosts.standing(2000, NEVER).size).toBe(0)
})

test('of several hosts the word that ends first counts, and one without a word never stood', () => {
  const hosts = new FencedHosts()
  hosts.told(A, { atMs: 1000, sinceMs: 900, untilMs: 3000 })
  hosts.told(B, { atMs: 1000, sinceMs: 900, untilMs: 4000 })
  expect(hosts.untilMs([A, B])).toBe(3000)
  expect(new FencedHosts().untilMs([A])).toBe(NEVER)
})
