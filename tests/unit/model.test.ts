import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const CHECK = join(__dirname, '..', '..', 'docs', 'model', 'check.sh')

/** The whole of it is `docs/model/check.sh -a -t`. */
test('spin searches the claim and finds nothing, and finds what two rules are for', async () => {
  const words = ['claim: two never act, who', 'claim: NO_SEAL', 'claim: NO_CLAIM_FIRST']
  const { stdout } = await promisify(execFile)(CHECK, ['-t', ...words], { timeout: 280_000 })
  const lines = stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/^holds +claim +two never act, who is listed lacks nothing +\d{5,} states, /)
  expect(lines[1]).toMatch(/^refuted +claim +-DNO_SEAL +two act, in \d+ steps$/)
  expect(lines[2]).toMatch(/^refuted +claim +-DNO_CLAIM_FIRST +who is listed lacks a write, in \d+ steps$/)
}, 300_000)
