import { randomBytes, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectTlsPsk } from '../../lib/dom0/socket/tls-psk'
import { enrol } from '../../lib/dom0/witness/enrol'
import { provedBy } from '../../lib/dom0/witness/invitation'
import { connectWitness } from '../../lib/dom0/witness/witness-client'
import { type Invitation, invitationOf } from '../../lib/wire/enrolment'
import { QuietLog } from './quiet-log'
import { WitnessBench, type WitnessProcess } from './witness-process'

jest.setTimeout(60_000)

const bench = new WitnessBench()
let witness: WitnessProcess
const at = (): string => `127.0.0.1:${witness.port}`
beforeAll(async () => {
  witness = bench.launch(['--listen', '127.0.0.1:0', '--data', bench.data])
  await witness.serving()
})
afterAll(() => bench.close())

function invitationIn(output: string): Invitation {
  const found = invitationOf(/\S+\/[0-9a-f]{32}$/m.exec(output)?.[0] ?? '')
  if (found === null) throw new Error(`no invitation: ${output}`)
  return found
}
async function invited(): Promise<Invitation> {
  const made = bench.launch(['invite', '--listen', `127.0.0.1:${witness.port}`, '--data', bench.data])
  expect(await made.ended).toBe(0)
  return invitationIn(made.output)
}
const poolOf = (): { pool: string; key: string } => ({ pool: randomUUID(), key: randomBytes(32).toString('hex') })
const refusal = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'not refused',
    (error: unknown) => error,
  )
const recordOf = (): Record<string, unknown> =>
  JSON.parse(readFileSync(join(bench.data, 'invitation.json'), 'utf8')) as Record<string, unknown>
const edit = (change: object): void =>
  writeFileSync(join(bench.data, 'invitation.json'), JSON.stringify({ ...recordOf(), ...change }), { mode: 0o600 })

async function serves({ pool, key }: { pool: string; key: string }): Promise<boolean> {
  const client = connectWitness({ address: at(), pool, key: Buffer.from(key, 'hex'), log: new QuietLog(), deadlineMs: 3000 })
  try {
    return (await client.list()).length === 0
  } catch {
    return false
  } finally {
    client.close()
  }
}

test('a witness without keys prints an invitation, which lets one pool in once', async () => {
  const invitation = invitationIn(witness.output)
  expect(invitation.address).toBe(at())
  const mine = poolOf()
  expect(await serves(mine)).toBe(false)
  expect(await enrol(invitation, { ...mine, renew: false })).toMatch(/^[0-9a-f-]{36}$/)
  expect(await serves(mine)).toBe(true)
  const file = join(bench.data, 'keys', `${mine.pool}.key`)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8').trim()).toBe(mine.key)

  const theirs = poolOf()
  const answer = await refusal(enrol(invitation, { ...theirs, renew: false }))
  expect(answer).toHaveProperty('code', 'HOLDFAST_INVITATION_REFUSED')
  expect(String(answer)).toMatch(/used already.*holdfast witness invite/)
  expect(readdirSync(join(bench.data, 'keys'))).toEqual([`${mine.pool}.key`])
  const secret = JSON.stringify([witness.output.split('serving')[1], recordOf()])
  expect(secret).not.toContain(invitation.secret)
  expect(secret).not.toContain(mine.key)
})

test('two that show one invitation at the same time are not both let in', async () => {
  const invitation = await invited()
  const answers = await Promise.all([poolOf(), poolOf()].map((pool) => refusal(enrol(invitation, { ...pool, renew: false }))))
  expect(answers.filter((answer) => answer === 'not refused')).toHaveLength(1)
})

test('a key is replaced only when that is asked for, and the same one is no replacement', async () => {
  const mine = poolOf()
  await enrol(await invited(), { ...mine, renew: false })
  await enrol(await invited(), { ...mine, renew: false })
  const other = { ...mine, key: poolOf().key }
  const invitation = await invited()
  expect(await refusal(enrol(invitation, { ...other, renew: false }))).toMatchObject({
    facts: { reason: 'The witness has another key of this pool.' },
  })
  expect(await serves(mine)).toBe(true)
  await enrol(invitation, { ...other, renew: true })
  expect([await serves(other), await serves(mine)]).toEqual([true, false])
})

describe('what is no invitation', () => {
  const reasonOf = async (invitation: Invitation): Promise<unknown> => {
    const error = await refusal(enrol(invitation, { ...poolOf(), renew: false }))
    return typeof error === 'object' && error !== null && 'facts' in error ? (error.facts as { reason: unknown }).reason : error
  }
  test('one that is over, by time or by a restart of the machine', async () => {
    const late = await invited()
    edit({ untilMs: 1 })
    expect(await reasonOf(late)).toMatch(/^It is over/)
    const early = await invited()
    edit({ boot: randomUUID() })
    expect(await reasonOf(early)).toMatch(/^It is over/)
  })
  test('one that was replaced, one that was mistyped, one of nobody', async () => {
    const former = await invited()
    await invited()
    expect(await reasonOf(former)).toMatch(/does not know it/)
    writeFileSync(join(bench.data, 'invitation.json'), '{')
    expect(await reasonOf(former)).toMatch(/does not know it/)
  })
  test('after twenty strangers none is open any more', async () => {
    const good = await invited()
    for (let nth = 0; nth < 20; nth += 1)
      expect(await reasonOf({ ...good, secret: randomBytes(16).toString('hex') })).toMatch(/does not know it/)
    expect(await reasonOf(good)).toMatch(/^It is over/)
    expect(witness.output).toContain('the invitation is withdrawn')
  })
  test('nobody answers there', async () => {
    const { secret } = await invited()
    expect(await refusal(enrol({ address: '127.0.0.1:1', secret }, { ...poolOf(), renew: false }))).toMatchObject({
      code: 'HOLDFAST_WITNESS_UNREACHABLE',
    })
  })
})

test('who shows an invitation and says anything else is answered, and asks no claim', async () => {
  const { address, secret } = await invited()
  for (const said of [
    '{"enrol":{"pool":"../x","key":"00","renew":false}}',
    '{"id":1,"ask":{"op":"list","after":null}}',
    'x'.repeat(70_000),
  ]) {
    const socket = connectTlsPsk('127.0.0.1', Number(address.split(':')[1]), provedBy(secret))
    const heard = await new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
      socket.on('error', () => undefined)
      socket.once('close', () => resolve(text))
      socket.once('secureConnect', () => socket.write(`${said}\n`))
    })
    expect(heard).toBe(said.length > 1000 ? '' : '{"refused":"not-understood"}\n')
  }
  expect(recordOf()['state']).toBe('open')
})

test('an invitation is made only where a witness is', async () => {
  const made = bench.launch(['invite', '--data', join(bench.folder, 'nowhere')])
  expect(await made.ended).toBe(73)
  expect(made.output).toContain('holds no witness')
})
