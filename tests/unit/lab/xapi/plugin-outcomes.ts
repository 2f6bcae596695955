/** What a plug-in does, and what the caller of host.call_plugin gets. Outputs are ours; the meanings are the toolstack's. */
export interface OutcomeCase {
  readonly name: string
  readonly stdout: string | Buffer
  readonly stderr?: string
  readonly exit?: number
  readonly signal?: string
  /** The string, or [code, ...params]. */
  readonly gives: string | readonly string[]
}

const response = (value: string): string =>
  `<methodResponse><params><param><value>${value}</value></param></params></methodResponse>`
const struct = (...members: readonly (readonly [string, string])[]): string =>
  `<struct>${members.map(([name, value]) => `<member><name>${name}</name>${value}</member>`).join('')}</struct>`
export const success = (value: string): string => response(struct(['Status', '<value>Success</value>'], ['Value', value]))
const failing = (items: string): string =>
  response(
    struct(['Status', '<value>Failure</value>'], ['ErrorDescription', `<value><array><data>${items}</data></array></value>`]),
  )
const wrongShape = (what: string): string[] => ['INTERNAL_ERROR', `XMLRPC.RunTimeTypeError("${what}", _)`]
const good = success('<value>fine</value>')

export const OUTCOMES: readonly OutcomeCase[] = [
  { name: 'a bare string', stdout: success('<value>level: restart</value>'), gives: 'level: restart' },
  { name: 'a string element', stdout: success('<value><string>level</string></value>'), gives: 'level' },
  { name: 'an empty value', stdout: success('<value/>'), gives: '' },
  { name: 'only white space', stdout: success('<value> \n </value>'), gives: '' },
  { name: 'lines, tabs and entities', stdout: success('<value>a\r\nb\t&lt;é&gt; </value>'), gives: 'a\nb\t<é> ' },
  { name: 'CDATA', stdout: success('<value><![CDATA[<x>&y]]></value>'), gives: '<x>&y' },
  { name: 'pretty-printed with a prolog', stdout: `<?xml version="1.0"?>\n${good.replaceAll('><', '>\n <')}\n`, gives: 'fine' },
  { name: 'empty lines before', stdout: `\n\n${good}`, gives: 'fine' },
  { name: 'text after', stdout: `${good}\nnote\n`, gives: 'fine' },
  { name: 'an error of its own', stdout: failing('<value>VM_BUSY</value><value>w&amp;b</value>'), gives: ['VM_BUSY', 'w&b'] },
  { name: 'an error with an empty code', stdout: failing('<value/>'), gives: [''] },
  { name: 'an error without a code', stdout: failing(''), gives: wrongShape('Empty array of error strings') },
  {
    name: 'a fault',
    stdout: `<methodResponse><fault><value>${struct(['faultCode', '<value><int>7</int></value>'], ['faultString', '<value>no</value>'])}</value></fault></methodResponse>`,
    gives: ['XENAPI_PLUGIN_FAILURE', 'fault', '7', 'no'],
  },
  {
    name: 'an int',
    stdout: success('<value><i4>5</i4></value>'),
    gives: wrongShape("unbox: Element=i4 should contain 'string'"),
  },
  {
    name: 'a struct',
    stdout: success(`<value>${struct()}</value>`),
    gives: wrongShape("unbox: Element=struct should contain 'string'"),
  },
  { name: 'an unknown status', stdout: response(struct(['Status', '<value>Perhaps</value>'])), gives: wrongShape('Status') },
  {
    name: 'no params',
    stdout: '<methodResponse><params/></methodResponse>',
    gives: wrongShape('Expected single return value (struct status)'),
  },
  { name: 'another document', stdout: '<html/>', gives: wrongShape("unbox: Element=html should contain 'methodResponse'") },
  {
    name: 'an attribute',
    stdout: good.replace('<methodResponse>', '<methodResponse v="1">'),
    gives: wrongShape("unbox: Element=methodResponse should contain 'methodResponse'"),
  },
  { name: 'text before', stdout: `debug\n${good}`, gives: unparsable(`debug\n${good}`, 'expected root element line 1') },
  { name: 'nothing', stdout: '', gives: unparsable('', 'unexpected end of input line 1') },
  {
    name: 'a prolog that is not at the start',
    stdout: `\n<?xml version="1.0"?>${good}`,
    gives: unparsable(`\n<?xml version="1.0"?>${good}`, 'character sequence illegal here ("xml") line 2'),
  },
  { name: 'a control character', stdout: success('<value>a\u0002</value>'), gives: ['INTERNAL_ERROR', 'Db_exn.Invalid_value'] },
  { name: 'not UTF-8', stdout: Buffer.from([0xff, 0xfe]), gives: ['INTERNAL_ERROR', 'Db_exn.Invalid_value'] },
  { name: 'stderr beside success', stdout: good, stderr: 'warning', gives: 'fine' },
  {
    name: 'exit 3, whatever it printed',
    stdout: good,
    stderr: 'why',
    exit: 3,
    gives: ['XENAPI_PLUGIN_FAILURE', 'non-zero exit', good, 'why'],
  },
  { name: 'a signal', stdout: 'part', signal: 'KILL', gives: ['XENAPI_PLUGIN_FAILURE', 'signal: SIGKILL', 'part', ''] },
]

function unparsable(stdout: string, why: string): string[] {
  return ['XENAPI_PLUGIN_FAILURE', 'failed to parse plugin output', stdout, why]
}
