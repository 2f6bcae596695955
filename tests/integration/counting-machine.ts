import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exited, until } from './guest-rig'

export const MEMORY_BYTES = 16 * 1024 * 1024
const PAGE = 4096
/** Where the program counts, a page for each of these many numbers in turn. */
const FIRST_PAGE = 16
const PAGES = 128
/** Eight digits and a newline. */
const LINE_BYTES = 9

/**
 * A boot sector that counts for ever: it writes each number into a page of its own, and then says it in eight digits on the serial line. Memory,
 * processor and serial line of one moment therefore name the same number.
 */
const PROGRAM = [
  [0xfa], // cli
  [0x66, 0x31, 0xdb], // xor ebx, ebx
  // next:
  [0x66, 0x43], // inc ebx
  [0x89, 0xd8], // mov ax, bx
  [0x25, PAGES - 1, 0x00], // and ax, PAGES - 1
  [0xc1, 0xe0, 0x08], // shl ax, 8
  [0x05, 0x00, 0x10], // add ax, 0x1000
  [0x8e, 0xc0], // mov es, ax
  [0x26, 0x66, 0x89, 0x1e, 0x00, 0x00], // mov [es:0], ebx
  [0xb9, 0x08, 0x00], // mov cx, 8
  // digit:
  [0xba, 0xfd, 0x03], // mov dx, 0x3fd
  [0xec], // in al, dx
  [0xa8, 0x20], // test al, 0x20
  [0x74, 0xf8], // jz digit
  [0x66, 0xc1, 0xc3, 0x04], // rol ebx, 4
  [0x88, 0xd8], // mov al, bl
  [0x24, 0x0f], // and al, 15
  [0x04, 0x90, 0x27, 0x14, 0x40, 0x27], // add al, 0x90; daa; adc al, 0x40; daa
  [0xba, 0xf8, 0x03], // mov dx, 0x3f8
  [0xee], // out dx, al
  [0xe2, 0xe4], // loop digit
  [0xb0, 0x0a], // mov al, 10
  [0xee], // out dx, al
  [0x66, 0xb9, 0x00, 0x80, 0x00, 0x00], // mov ecx, 0x8000
  [0x67, 0xe2, 0xfd], // loop on itself
  [0xeb, 0xbe], // jmp next
].flat()

/** The highest number in the memory. */
export function counted(memory: Buffer): number {
  return Math.max(...Array.from({ length: PAGES }, (_, page) => memory.readUInt32LE((FIRST_PAGE + page) * PAGE)))
}

/** A machine of QEMU that counts, with its sockets and files in `folder`, which is on tmpfs. */
export class CountingMachine {
  readonly monitor: string
  readonly memory: string
  private readonly serial: string
  private readonly child: ChildProcess
  private readonly log: string

  constructor(folder: string, name: string, more: readonly string[] = []) {
    const path = (what: string): string => join(folder, `${name}.${what}`)
    this.monitor = path('qmp')
    this.memory = path('ram')
    this.serial = path('serial')
    this.log = path('log')
    const disk = path('disk')
    const sector = Buffer.alloc(512)
    Buffer.from(PROGRAM).copy(sector)
    sector.writeUInt16LE(0xaa55, 510)
    writeFileSync(disk, Buffer.concat([sector, Buffer.alloc(1 << 20)]))
    this.child = spawn('qemu-system-x86_64', [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-m', `${MEMORY_BYTES >> 20}M`],
      ...['-machine', 'q35,hpet=off,sata=off,smbus=off,memory-backend=ram'],
      ...['-object', `memory-backend-file,id=ram,size=${MEMORY_BYTES},mem-path=${this.memory},share=on`],
      ...['-drive', `file=${disk},format=raw,if=none,id=disk,readonly=on`, '-device', 'virtio-blk-pci,drive=disk'],
      ...['-serial', `file:${this.serial}`, '-qmp', `unix:${this.monitor},server=on,wait=off`, '-D', this.log],
      ...more,
    ])
    this.child.stderr?.on('data', (text: Buffer) => writeFileSync(this.log, text, { flag: 'a' }))
  }

  /** All that it said; the last number may be unfinished. */
  heard(): string {
    return this.exists(this.serial) ? readFileSync(this.serial, 'latin1') : ''
  }

  /** Resolves when the monitor can be reached. */
  async isUp(): Promise<void> {
    await until(`a monitor at ${this.monitor}`, () => this.exists(this.monitor))
  }

  async saysMore(numbers = 1): Promise<void> {
    const bytes = this.heard().length + LINE_BYTES * numbers
    await until(`${numbers} more numbers`, () => this.heard().length > bytes)
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await exited(this.child)
  }

  private exists(path: string): boolean {
    if (this.child.exitCode !== null) throw new Error(`QEMU ended: ${readFileSync(this.log, 'utf8')}`)
    try {
      readFileSync(path)
      return true
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'ENXIO') return true
      if (code === 'ENOENT') return false
      throw error
    }
  }
}
