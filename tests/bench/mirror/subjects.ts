import { CannotMeasure } from '../cannot-measure'
import { holdfast, type Executables } from './holdfast-pair'
import { quorum, single } from './storage-daemon'
import type { SubjectKind } from './subject'

/** Everything that can be measured side by side. The storage daemons come in every setting that was the best of some row. */
export const allSubjects = (executables: Executables): readonly SubjectKind[] => [
  holdfast(executables),
  quorum('quorum-tcp', { link: 'tcp', aio: 'threads', cache: 'page' }),
  quorum('quorum-unix', { link: 'unix', aio: 'threads', cache: 'page' }),
  quorum('quorum-unix-uring', { link: 'unix', aio: 'io_uring', cache: 'page' }),
  quorum('quorum-unix-direct', { link: 'unix', aio: 'threads', cache: 'none' }),
  single('single', { aio: 'threads', cache: 'page' }),
  single('single-uring', { aio: 'io_uring', cache: 'page' }),
]

/** Enough for a short look. */
export const QUICK_SUBJECTS = 'holdfast,quorum-tcp,quorum-unix,single'

/** @param names with commas between; empty means all. Throws CannotMeasure. */
export function subjectsNamed(names: string, all: readonly SubjectKind[]): readonly SubjectKind[] {
  const wanted = names.split(',').filter((name) => name !== '')
  const unknown = wanted.filter((name) => !all.some((each) => each.name === name))
  if (unknown.length > 0) {
    throw new CannotMeasure(
      `There is no subject ${unknown.join(', ')}.`,
      'Subjects are chosen by their names.',
      `Choose from ${all.map(({ name }) => name).join(', ')}.`,
    )
  }
  return wanted.length === 0 ? all : all.filter(({ name }) => wanted.includes(name))
}
