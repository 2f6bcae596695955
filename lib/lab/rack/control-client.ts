import { request } from 'node:http'
import { BadRequest } from '../faults/fault'
import type { ControlApi, ControlName } from './control'
import { isErrno } from './process'

/** The lab's rack does not answer: not started, or gone. */
export class NoRack extends Error {
  override readonly name = 'NoRack'
}

export async function askRack<Name extends ControlName>(
  socketPath: string,
  name: Name,
  body: ControlApi[Name]['request'],
): Promise<ControlApi[Name]['answer']> {
  const { status, text } = await post(socketPath, `/v1/${name}`, JSON.stringify(body))
  const answer: unknown = JSON.parse(text)
  if (status === 200) return answer as ControlApi[Name]['answer']
  const reason = typeof answer === 'object' && answer !== null && 'error' in answer ? String(answer.error) : text
  throw status === 400 ? new BadRequest(reason) : new Error(`the lab failed: ${reason}`)
}

function post(socketPath: string, path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method: 'POST', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      response.once('error', reject)
    })
    asked.once('error', (error) => {
      reject(
        isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE')
          ? new NoRack(`the lab does not answer at ${socketPath}`)
          : error,
      )
    })
    asked.end(body)
  })
}
