/**
 * Runs one executable the way XAPI's fork helper does: nothing in the environment but PATH, cwd /, a session of its own, stdin a
 * /dev/null that can only be written to, stdout and stderr into files that are read when the process itself (not its children)
 * has ended. There is no time limit.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from './errno'

export interface Ended {
  /** Undefined when a signal ended it. */
  readonly exit: number | undefined
  readonly signal: string | undefined
  readonly stdout: Buffer
  readonly stderr: Buffer
}

export const TOOL_PATH = '/sbin:/usr/sbin:/bin:/usr/bin'

/** `spool` is where the output files live meanwhile. What cannot be executed ends like a process that printed nothing: 127 or 126. */
export async function runTool(path: string, args: readonly string[], spool: string, input?: string): Promise<Ended> {
  mkdirSync(spool, { recursive: true })
  const tag = randomBytes(3).toString('hex')
  const files = {
    in: input === undefined ? '/dev/null' : join(spool, `execute_command_get_in${tag}.log`),
    out: join(spool, `execute_command_get_out${tag}.log`),
    err: join(spool, `execute_command_get_err${tag}.log`),
  }
  if (input !== undefined) writeFileSync(files.in, input)
  try {
    const end = await spawned(path, args, files, input !== undefined)
    return { ...end, stdout: readFileSync(files.out), stderr: readFileSync(files.err) }
  } finally {
    for (const file of [files.in, files.out, files.err]) if (file !== '/dev/null') rmSync(file, { force: true })
  }
}

type Files = Readonly<Record<'in' | 'out' | 'err', string>>

async function spawned(
  path: string,
  args: readonly string[],
  files: Files,
  reads: boolean,
): Promise<Pick<Ended, 'exit' | 'signal'>> {
  const stdio = [openSync(files.in, reads ? 'r' : 'r+'), openSync(files.out, 'w'), openSync(files.err, 'w')]
  if (!reads) {
    closeSync(stdio[0] ?? -1)
    stdio[0] = openSync('/dev/null', 'a')
  }
  try {
    if (!isProgram(path)) return { exit: 126, signal: undefined }
    return await new Promise((resolve, reject) => {
      const child = spawn(path, [...args], { stdio, env: { PATH: TOOL_PATH }, cwd: '/', detached: true })
      child.once('error', reject)
      child.once('exit', (exit, signal) => resolve({ exit: exit ?? undefined, signal: signal ?? undefined }))
    })
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return { exit: 127, signal: undefined }
    if (hasErrno(error, 'EACCES', 'ENOEXEC', 'E2BIG', 'EISDIR')) return { exit: 126, signal: undefined }
    throw error
  } finally {
    for (const fd of stdio) closeSync(fd)
  }
}

/** Node's spawn hands to a shell what the kernel does not recognise; the fork helper does not. Throws what open throws. */
function isProgram(path: string): boolean {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(7)
    const size = readSync(fd, head)
    if (head.toString('latin1', 0, 2) === '#!') return true
    // The magic, 32 or 64 bits, either byte order, version 1.
    const [, , , , bits = 0, order = 0, version = 0] = head
    return size === head.length && head.toString('latin1', 1, 4) === 'ELF' && bits <= 2 && order <= 2 && version === 1
  } finally {
    closeSync(fd)
  }
}
