/** XML text as a plain tree, for requests and for what plug-ins print. White space between elements is dropped, as XAPI does. */
import { Parser } from 'xml2js'

export interface Element {
  readonly name: string
  readonly hasAttributes: boolean
  readonly children: readonly Element[]
  readonly text: string
}

/** The text is not well-formed; the message says why, `line` where. */
export class XmlFault extends Error {
  override readonly name = 'XmlFault'
  constructor(
    message: string,
    readonly line: number,
  ) {
    super(message)
  }
}

/** Throws XmlFault. What follows the root element is not read. */
export function parseXml(text: string): Element {
  const start = text.search(/\S/)
  if (start < 0) throw new XmlFault('unexpected end of input', text.split('\n').length)
  const line = text.slice(0, start).split('\n').length
  if (text[start] !== '<') throw new XmlFault('expected root element', line)
  if (start > 0 && text.startsWith('<?xml', start)) throw new XmlFault('character sequence illegal here ("xml")', line)
  const root = /^\s*(?:<\?xml[^>]*\?>)?\s*<([\w.:-]+)/.exec(text)?.[1]
  const end = root === undefined ? -1 : text.indexOf(`</${root}>`)
  const whole = end < 0 ? text : text.slice(0, end + `</${root ?? ''}>`.length)
  return read(whole.replace(/\r\n?/g, '\n'))
}

function read(text: string): Element {
  const parser = new Parser({
    explicitChildren: true,
    preserveChildrenOrder: true,
    charsAsChildren: false,
    explicitRoot: true,
    async: false,
  })
  let tree: unknown
  const faults: Error[] = []
  parser.parseString(text, (error: Error | null, result: unknown) => {
    if (error !== null) faults.push(error)
    tree = result
  })
  if (faults.length > 0) throw new XmlFault('unexpected end of input', text.split('\n').length)
  if (typeof tree !== 'object' || tree === null) throw new XmlFault('unexpected end of input', 1)
  const [root] = Object.entries(tree)
  if (root === undefined) throw new XmlFault('expected root element', 1)
  return element(root[0], root[1])
}

function element(name: string, node: unknown): Element {
  // xml2js answers the bare text for an element with neither attributes nor children.
  if (typeof node === 'string') return { name, hasAttributes: false, children: [], text: blank(node) }
  if (typeof node !== 'object' || node === null) return { name, hasAttributes: false, children: [], text: '' }
  const listed = '$$' in node && Array.isArray(node.$$) ? (node.$$ as readonly unknown[]) : []
  const text = '_' in node && typeof node._ === 'string' ? node._ : ''
  return {
    name,
    hasAttributes: '$' in node,
    children: listed.map((child) => element(nameOf(child), child)),
    text: blank(text),
  }
}

const blank = (text: string): string => (text.trim() === '' ? '' : text)

function nameOf(node: unknown): string {
  return typeof node === 'object' && node !== null && '#name' in node && typeof node['#name'] === 'string' ? node['#name'] : ''
}

/** Escapes as XAPI's writer does; characters that XML cannot hold are dropped. */
export function escapeXml(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- exactly the characters XML 1.0 forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/"/g, '&quot;')
  )
}
