/** Extensions: executables whose file name is an API method, given the whole call on stdin. */
import { join } from 'node:path'
import type { HostOperations, Value } from '../../contract'
import { ApiError } from '../../contract'
import { list, text } from '../../values'
import { loose } from '../call/incoming'
import { runTool } from '../process/run'
import { EnvelopeFault, readJsonCall } from '../wire/json-rpc'
import type { Element } from '../wire/xml-tree'
import { escapeXml, parseXml, XmlFault } from '../wire/xml-tree'
import { readValue } from '../wire/xml-rpc'

/** The `call` of host.call_extension: a whole JSON-RPC request. */
export function readExtensionCall(request: string): { name: string; params: Value[] } {
  try {
    const { method, params } = readJsonCall(request)
    return { name: method, params: params.map(asSent) }
  } catch (error) {
    if (error instanceof EnvelopeFault) throw new ApiError('INTERNAL_ERROR', error.message)
    throw error
  }
}

/** Ints reach an extension as strings. */
function asSent(value: unknown): Value {
  return typeof value === 'number' && Number.isInteger(value) ? String(value) : loose(value)
}

/** `extension.call` {name, params} answers whatever the extension returns. */
export function extensionOperations(root: string): HostOperations {
  const spool = join(root, 'run/nonpersistent/forkexecd')
  return {
    'extension.call': async ({ name, params }) => {
      const path = join('/etc/xapi.d/extensions', text(name))
      const request = extensionRequest(text(name), list(params))
      const { exit, signal, stdout, stderr } = await runTool(join(root, path), ['--xmlrpc'], spool, request)
      if (signal !== undefined)
        throw new ApiError('INTERNAL_ERROR', path, `signal: ${signal}`, stdout.toString(), stderr.toString())
      if (exit !== 0) throw new ApiError('INTERNAL_ERROR', path, 'non-zero exit', stdout.toString(), stderr.toString())
      return extensionAnswer(path, stdout.toString())
    },
  }
}

function extensionRequest(method: string, params: readonly Value[]): string {
  const all = params.map((each) => `<param>${writeParam(each)}</param>`).join('')
  return `<?xml version="1.0"?><methodCall><methodName>${escapeXml(method)}</methodName><params>${all}</params></methodCall>`
}

function writeParam(value: Value): string {
  if (typeof value === 'boolean') return `<value><boolean>${value ? 1 : 0}</boolean></value>`
  if (Array.isArray(value)) return `<value><array><data>${value.map(writeParam).join('')}</data></array></value>`
  if (typeof value === 'object') {
    const members = Object.entries(value).map(
      ([name, each]) => `<member><name>${escapeXml(name)}</name>${writeParam(each)}</member>`,
    )
    return `<value><struct>${members.join('')}</struct></value>`
  }
  return `<value>${escapeXml(String(value))}</value>`
}

function extensionAnswer(path: string, stdout: string): Value {
  const answer = struct(path, stdout)
  if (answer['Status'] === 'Success' && 'Value' in answer) return loose(answer['Value'])
  const description = answer['ErrorDescription']
  if (answer['Status'] === 'Failure' && Array.isArray(description)) {
    const [code, ...params] = description.map(String)
    throw new ApiError(code ?? '', ...params)
  }
  throw new ApiError('EXTENSION_PROTOCOL_FAILURE', path, 'unexpected answer', stdout)
}

function struct(path: string, stdout: string): { [name: string]: unknown } {
  try {
    const value: Element | undefined = parseXml(stdout).children[0]?.children[0]?.children[0]
    const read = readValue(value)
    return typeof read === 'object' && read !== null ? { ...read } : {}
  } catch (error) {
    if (error instanceof XmlFault) throw new ApiError('INTERNAL_ERROR', path, error.message, stdout)
    throw error
  }
}
