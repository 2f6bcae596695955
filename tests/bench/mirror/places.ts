import { randomFillSync } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CannotMeasure } from '../cannot-measure'
import { runToEnd } from '../child'
import type { BenchDisk, Setting } from './subject'

export type PlaceName = Setting['place']

/** Where the files are while they are measured. */
export interface Place {
  readonly name: PlaceName
  readonly folder: string
  /** As findmnt calls it. */
  readonly fileSystem: string
}

const MIB = 1024 * 1024

/** A new folder in the given place. Throws CannotMeasure when it is not what it should be, or too full. */
export async function openPlace(name: PlaceName, neededBytes: number, diskFolder = tmpdir()): Promise<Place> {
  const parent = name === 'tmpfs' ? '/dev/shm' : diskFolder
  const fileSystem = (await runToEnd('findmnt', ['-n', '-o', 'FSTYPE', '-T', parent])).trim().split('\n').at(-1) ?? ''
  if ((fileSystem === 'tmpfs') !== (name === 'tmpfs')) {
    throw new CannotMeasure(
      `${parent} does not do as ${name === 'tmpfs' ? 'memory' : 'a disk'}.`,
      `Its file system is ${fileSystem}.`,
      name === 'tmpfs' ? 'Use --place disk.' : 'Name a folder on a disk with --disk-folder, or use --place tmpfs.',
    )
  }
  const { bavail, bsize } = statfsSync(parent)
  if (bavail * bsize < neededBytes) {
    throw new CannotMeasure(
      `There is too little room in ${parent}.`,
      `${neededBytes / MIB} MiB are needed, ${Math.floor((bavail * bsize) / MIB)} MiB are free.`,
      'Make room, choose another --place or --disk-folder, or measure with smaller disks (--size-mib).',
    )
  }
  return { name, folder: mkdtempSync(join(parent, 'hf-bench-')), fileSystem }
}

/** Incompressible, so that nobody can leave a block out. */
export function writeTemplate(path: string, sizeBytes: number): void {
  const chunk = Buffer.alloc(4 * MIB)
  const file = openSync(path, 'w')
  try {
    for (let done = 0; done < sizeBytes; done += chunk.length) {
      randomFillSync(chunk)
      writeSync(file, chunk, 0, Math.min(chunk.length, sizeBytes - done))
    }
  } finally {
    closeSync(file)
  }
}

/** Every block of the copy is its own, written once. */
export async function copyTemplate({ folder, template }: BenchDisk, name: string): Promise<string> {
  const path = join(folder, name)
  await runToEnd('cp', ['--reflink=never', '--sparse=never', template, path])
  return path
}

/** Leaves no earlier write for the kernel to bring to the disk while the next subject is measured. */
export async function settle({ name, folder }: Place): Promise<void> {
  if (name === 'disk') await runToEnd('sync', ['-f', folder])
}
