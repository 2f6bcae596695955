import { etcdEndpoints, forget, get, put, revisionIs, storedIn, claimKeys, txnAnswerOf, valueIs } from '../../lib/wire/etcd'
import { Malformed } from '../../lib/wire/shape'

const POOL = '99999999-0000-4000-8000-000000000009'
const VM = 'eeeeeeee-0000-4000-8000-000000000001'
const b = (text: string): string => Buffer.from(text).toString('base64')

test('requests are as the gateway of etcd 3.4 took them', () => {
  expect([revisionIs('k', 7), valueIs('k', 'v'), put('k', 'v'), get('k'), forget('k')]).toEqual([
    { key: 'aw==', result: 'EQUAL', target: 'MOD', mod_revision: '7' },
    { key: 'aw==', result: 'EQUAL', target: 'VALUE', value: 'dg==' },
    { request_put: { key: 'aw==', value: 'dg==' } },
    { request_range: { key: 'aw==' } },
    { request_delete_range: { key: 'aw==' } },
  ])
})

const header = { cluster_id: '14841639068965178418', member_id: '1', revision: '42', raft_term: '2' }
const kv = { key: b('k'), create_revision: '3', mod_revision: '41', version: '2', value: b('v') }

test('an answer: what is left out is false or empty', () => {
  const responses = [
    { response_range: { header: { revision: '42' }, kvs: [kv], count: '1' } },
    { response_put: {} },
    { response_range: {} },
  ]
  expect(txnAnswerOf(JSON.stringify({ header, succeeded: true, responses }))).toEqual({
    ...{ cluster: '14841639068965178418', revision: 42, succeeded: true, found: new Map([['k', { value: 'v', revision: 41 }]]) },
  })
  expect(txnAnswerOf(JSON.stringify({ header }))).toMatchObject({ succeeded: false, found: new Map() })
})

test.each([
  [''],
  ['[]'],
  ['{}'],
  [JSON.stringify({ header: { ...header, revision: 42 } })],
  [JSON.stringify({ header: { ...header, revision: '9007199254740993' } })],
  [JSON.stringify({ header: { ...header, revision: '-1' } })],
  [JSON.stringify({ header, succeeded: 'yes' })],
  [JSON.stringify({ header, responses: [{ response_range: { kvs: [kv, kv] } }] })],
  [JSON.stringify({ header, responses: [{ response_range: { kvs: [{ ...kv, mod_revision: null }] } }] })],
  [JSON.stringify({ header, responses: Array.from({ length: 17 }, () => ({})) })],
])('no answer: %s', (body) => expect(() => txnAnswerOf(body)).toThrow(Malformed))

test.each([['{}'], ['no JSON'], [JSON.stringify({ vm: VM })]])('%s is no claim', (value) => {
  const keys = claimKeys(POOL, VM)
  const found = new Map([[keys.claim, { value, revision: 5 }]])
  expect(() => storedIn({ cluster: '', revision: 5, succeeded: true, found }, keys, VM)).toThrow(Malformed)
})

test('addresses of a cluster', () => {
  expect(etcdEndpoints('etcd+https://a:2379,b.c:2379,[fe80::1]:2379')).toEqual([
    'https://a:2379',
    'https://b.c:2379',
    'https://[fe80::1]:2379',
  ])
  expect(etcdEndpoints('etcd+http://127.0.0.1:2379/')).toEqual(['http://127.0.0.1:2379'])
  expect(etcdEndpoints('10.0.0.5:7788')).toBeNull()
})

test.each([
  ['etcd+https://'],
  ['etcd+https://a'],
  ['etcd+https://a:1,'],
  ['etcd+ftp://a:1'],
  ['etcd+https://user:secret@a:1'],
  ['etcd+https://a:1/path'],
  [`etcd+https://${Array.from({ length: 10 }, () => 'a:1').join()}`],
])('no addresses: %s', (text) => expect(() => etcdEndpoints(text)).toThrow(Malformed))
