import { readFileSync } from 'node:fs'
import { longestPause } from './kill-rounds-figures'
import { Relay } from './relay'
import { eventually } from './worker-host'
import { WorkerPair } from './worker-pair'

jest.setTimeout(120_000)

const RELAYED_PORT = 7901
const ROUNDS = 2

let pair: WorkerPair
let relays: Relay[]

/** Both links of the pair are wires that a test can cut. */
beforeEach(async () => {
  pair = await WorkerPair.make()
  const peer = pair.addressOf(pair.b)
  relays = peer.addresses.map((address) => new Relay(address, RELAYED_PORT, peer.port))
  pair.b.start(pair.specOf(pair.b))
  for (const relay of relays) await relay.open()
  pair.a.start(pair.specOf(pair.a, { peer: { ...peer, port: RELAYED_PORT } }))
  await pair.untilRedundant()
  await pair.attach(pair.a)
})
afterEach(async () => {
  for (const relay of relays) await relay.close()
  await pair.close()
})

test.each([
  { seed: 21, what: 'is silent', lose: 'stall', mend: 'mend' },
  { seed: 22, what: 'is refused', lose: 'close', mend: 'open' },
] as const)(
  'seed $seed: the one of two links that carries writes $what: the other one does',
  async ({ seed, what, lose, mend }) => {
    const [first, second] = relays
    if (first === undefined || second === undefined) throw new Error('two links')
    const writer = await pair.writer(pair.a, 0, seed)
    const moments: number[] = []
    writer.begin(() => {
      moments.push(performance.now())
      return Promise.resolve()
    })
    const carries = async (relay: Relay): Promise<void> => {
      const before = relay.forwarded
      await eventually('the link carries writes', () => Promise.resolve(relay.forwarded > before + 20 * 4096 ? true : null))
    }
    const figures: string[] = []
    for (let round = 1; round <= ROUNDS; round += 1) {
      await carries(first)
      const usual = longestPause(moments.slice(-100), 0)
      const lostAt = performance.now()
      await first[lose]()
      await writer.more(40)
      await carries(second)
      figures.push(`${Math.round(longestPause(moments, lostAt))} ms (${Math.round(usual)} ms before)`)
      await first[mend]()
    }
    process.stdout.write(`one of two links ${what}: the longest pause between two writes was ${figures.join(', ')}\n`)
    await pair.untilRedundant()
    await writer.stop()
    // With one link each loss would end like this; a process that got no processor for a second may, too.
    expect(pair.a.acts('replica-left-claim').length).toBeLessThan(ROUNDS)
    writer.check(readFileSync(pair.b.image))
    pair.expectSameBytes()
  },
)
