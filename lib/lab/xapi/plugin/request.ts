/** The one argument a plug-in is given: a compact methodCall without a prolog. */
import { escapeXml } from '../wire/xml-tree'

const value = (text: string): string => (text === '' ? '<value/>' : `<value>${text}</value>`)

export function pluginRequest(fn: string, session: string, args: Readonly<Record<string, string>>): string {
  const members = Object.entries(args).map(
    ([key, text]) => `<member><name>${escapeXml(key)}</name>${value(escapeXml(text))}</member>`,
  )
  const struct = members.length === 0 ? '<struct/>' : `<struct>${members.join('')}</struct>`
  const params = [value(escapeXml(session)), `<value>${struct}</value>`].map((each) => `<param>${each}</param>`).join('')
  return `<methodCall><methodName>${escapeXml(fn)}</methodName><params>${params}</params></methodCall>`
}
