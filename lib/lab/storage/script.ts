/**
 * One call of a SMAPIv3 executable, as xapi-storage-script makes it: `<script> --json`, a JSON object of arguments on stdin, the bare
 * result as JSON on stdout, in the environment xapi gives (PATH only, cwd /). No time limit, as on a real host.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiError, type Value } from '../contract'
import { errorCode } from '../error-code'
import { type Members, fromJson, isRecord } from '../values'

const ENVIRONMENT = { PATH: '/sbin:/usr/sbin:/bin:/usr/bin' }

/** The file in `folder` that answers `call` (names match whatever their case), or nothing: the call is not implemented. */
export async function findScript(folder: string, call: string): Promise<string | undefined> {
  const name = (await readdir(folder)).find((entry) => entry.toLowerCase() === call.toLowerCase())
  return name === undefined ? undefined : join(folder, name)
}

export async function runScript(folder: string, call: string, args: Members): Promise<Value> {
  const script = await findScript(folder, call)
  if (script === undefined) throw new ApiError('UNIMPLEMENTED_IN_SM_BACKEND', call)
  const { exit, stdout, stderr } = await execute(script, JSON.stringify({ dbg: call, ...args }))
  const answer = parse(stdout)
  if (exit === '0' && answer !== undefined) return answer
  if (exit !== '0' && isRecord(answer) && typeof answer['code'] === 'string' && Array.isArray(answer['params']))
    throw new ApiError(answer['code'], ...answer['params'].map(String))
  throw new ApiError('SCRIPT_FAILED', call, exit, stdout, stderr)
}

function parse(stdout: string): Value | undefined {
  try {
    return fromJson(JSON.parse(stdout))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Output goes to files, not pipes: a child left in the background by the script must not hold up the call. */
async function execute(script: string, input: string): Promise<{ exit: string; stdout: string; stderr: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'smapi-'))
  try {
    const [out, err] = await Promise.all([open(join(folder, 'out'), 'w'), open(join(folder, 'err'), 'w')])
    let exit: string
    try {
      exit = await run(script, input, out.fd, err.fd)
    } finally {
      await Promise.all([out.close(), err.close()])
    }
    return { exit, stdout: await readFile(join(folder, 'out'), 'utf8'), stderr: await readFile(join(folder, 'err'), 'utf8') }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function run(script: string, input: string, out: number, err: number): Promise<string> {
  const child = spawn(script, ['--json'], { env: ENVIRONMENT, cwd: '/', detached: true, stdio: ['pipe', out, err] })
  // A script that ends without reading its arguments breaks the pipe; its exit tells more than that.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    return code === null ? String(signal) : String(code)
  } catch (error) {
    if (errorCode(error) === 'EACCES') return '126'
    if (['ENOENT', 'ENOEXEC'].includes(errorCode(error) ?? '')) return '127'
    throw error
  }
}
