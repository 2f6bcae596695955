/** The little of systemd that the product's units use: ExecStart, Restart, RestartSec and Environment. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isErrno } from './process'

export interface ServiceSpec {
  readonly name: string
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly restart: 'always' | 'on-failure' | 'no'
  readonly restartMs: number
}

/** systemd's own default delay. */
export const RESTART_MS = 100

export function parseUnit(name: string, text: string): ServiceSpec {
  const values = (key: string): string[] =>
    text
      .replace(/\\\n/g, ' ')
      .split('\n')
      .flatMap((line) => (line.trim().startsWith(`${key}=`) ? [line.trim().slice(key.length + 1)] : []))
  const command = values('ExecStart').at(-1)
  if (command === undefined) throw new Error(`unit ${name} has no ExecStart`)
  const restart = values('Restart').at(-1)
  return {
    name,
    argv: words(command.replace(/^[-@:+!]+/, '')),
    environment: Object.fromEntries(values('Environment').flatMap(words).map(assignment)),
    restart: restart === 'always' || restart === 'on-failure' ? restart : 'no',
    restartMs: durationMs(values('RestartSec').at(-1)),
  }
}

/** The units in a host's /etc/systemd/system. */
export function readUnits(root: string): ServiceSpec[] {
  const folder = join(root, 'etc/systemd/system')
  let files: string[]
  try {
    files = readdirSync(folder)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  return files
    .filter((file) => file.endsWith('.service'))
    .map((file) => parseUnit(file.slice(0, -'.service'.length), readFileSync(join(folder, file), 'utf8')))
}

function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function assignment(text: string): [string, string] {
  const at = text.indexOf('=')
  return [text.slice(0, at), text.slice(at + 1)]
}

/** `2`, `500ms`, `1.5s` */
function durationMs(text: string | undefined): number {
  const match = text === undefined ? null : /^([\d.]+)\s*(ms|s|)$/.exec(text)
  return match === null ? RESTART_MS : Number(match[1]) * (match[2] === 'ms' ? 1 : 1000)
}
