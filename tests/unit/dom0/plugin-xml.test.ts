import { Parser } from 'xml2js'
import { Refusal } from '../../../lib/core/domain/errors'
import { failureResponse, readPluginCall, successResponse } from '../../../lib/dom0/api/plugin-xml'

const SESSION = 'OpaqueRef:11111111-2222-4333-8444-555555555555'
const compact = (fn: string, struct: string): string =>
  `<methodCall><methodName>${fn}</methodName><params><param><value>${SESSION}</value></param><param><value>${struct}</value></param></params></methodCall>`
const member = (name: string, value: string): string => `<member><name>${name}</name>${value}</member>`
const argsOf = async (xml: string): Promise<Record<string, string>> => Object.fromEntries((await readPluginCall(xml)).args)

describe('the argument that xapi passes', () => {
  test('its usual form', async () => {
    const xml = compact('status', `<struct>${member('vm', '<value>aaaaaaaa-0001-4000-8000-000000000001</value>')}</struct>`)
    const { fn, session, args } = await readPluginCall(xml)
    expect({ fn, session, args: Object.fromEntries(args) }).toEqual({
      fn: 'status',
      session: SESSION,
      args: { vm: 'aaaaaaaa-0001-4000-8000-000000000001' },
    })
  })
  test('no arguments', async () => {
    expect(await argsOf(compact('version', '<struct/>'))).toEqual({})
    expect(await argsOf(compact('version', '<struct></struct>'))).toEqual({})
  })
  test('awkward values arrive byte for byte', async () => {
    const struct = [
      member('empty', '<value/>'),
      member('json', '<value>{&quot;level&quot;:&quot;restart&quot;,&quot;a&amp;b&quot;:&quot;&lt;x&gt;&quot;}</value>'),
      member('lines', '<value>one\ntwo\n</value>'),
      member('utf8', '<value>café 你好 😀</value>'),
      member('spaces', '<value>   </value>'),
      member('__proto__', '<value>x</value>'),
    ].join('')
    const { args } = await readPluginCall(compact('f', `<struct>${struct}</struct>`))
    expect([...args]).toEqual([
      ['empty', ''],
      ['json', '{"level":"restart","a&b":"<x>"}'],
      ['lines', 'one\ntwo\n'],
      ['utf8', 'café 你好 😀'],
      ['spaces', '   '],
      ['__proto__', 'x'],
    ])
  })
  test("Python's indented form with <string>, a prolog and empty strings", async () => {
    const xml = `<?xml version='1.0'?>
<methodCall>
<methodName>plan</methodName>
<params>
<param>
<value><string>${SESSION}</string></value>
</param>
<param>
<value><struct>
<member>
<name>vm</name>
<value><string>web</string></value>
</member>
<member>
<name>level</name>
<value><string></string></value>
</member>
</struct></value>
</param>
</params>
</methodCall>
`
    const { fn, session, args } = await readPluginCall(xml)
    expect([fn, session, [...args]]).toEqual([
      'plan',
      SESSION,
      [
        ['vm', 'web'],
        ['level', ''],
      ],
    ])
  })
  test.each([
    ['nothing', ''],
    ['not XML', 'status'],
    ['cut off', compact('status', '<struct/>').slice(0, -9)],
    ['another document', '<methodResponse/>'],
    ['no parameters', '<methodCall><methodName>f</methodName><params/></methodCall>'],
    ['no arguments', `<methodCall><methodName>f</methodName><params><param><value>s</value></param></params></methodCall>`],
    ['one parameter too many', compact('f', '<struct/>').replace('</params>', '<param><value>x</value></param></params>')],
    ['an argument that is a number', compact('f', `<struct>${member('a', '<value><i4>1</i4></value>')}</struct>`)],
    ['an argument without a value', compact('f', `<struct>${member('a', '')}</struct>`)],
    ['arguments that are no struct', compact('f', '<string>x</string>')],
  ])('%s is refused', async (_name, xml) => {
    await expect(readPluginCall(xml)).rejects.toBeInstanceOf(Refusal)
    await expect(readPluginCall(xml)).rejects.toMatchObject({ code: 'HOLDFAST_BAD_REQUEST' })
  })
})

describe('the response that xapi reads', () => {
  test('success and failure in the form that xapi takes for them', () => {
    expect(successResponse('hello')).toBe(
      '<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name><value>hello</value></member></struct></value></param></params></methodResponse>',
    )
    expect(failureResponse(['CODE', 'a', 'b'])).toBe(
      '<methodResponse><params><param><value><struct><member><name>Status</name><value>Failure</value></member><member><name>ErrorDescription</name><value><array><data><value>CODE</value><value>a</value><value>b</value></data></array></value></member></struct></value></param></params></methodResponse>',
    )
  })
  test('every character is legal XML, and legal ones survive', async () => {
    const everything = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).join('') + '😀'
    const xml = successResponse(everything)
    // eslint-disable-next-line no-control-regex -- these are what must not appear
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u)
    const read: unknown = await new Parser({ explicitArray: false }).parseStringPromise(xml)
    const legal = everything
      // eslint-disable-next-line no-control-regex -- the same set, removed another way
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '')
      .replace(/[\ufffe\uffff]|\p{Surrogate}/gu, '')
    expect(read).toMatchObject({
      methodResponse: { params: { param: { value: { struct: { member: [{ value: 'Success' }, { value: legal }] } } } } },
    })
  })
})
