import { table } from '../../../plugin/commander/table'
import type { Section } from './tables'

/** For a terminal. */
export const plainText = (sections: readonly Section[]): string =>
  sections
    .map((section) => {
      if ('heading' in section) return `${section.heading}\n${'-'.repeat(section.heading.length)}\n`
      return 'text' in section ? `${section.text}\n` : table(section.head, section.rows)
    })
    .join('\n')

/** As it is committed to the documentation. */
export const markdown = (sections: readonly Section[]): string =>
  sections
    .map((section) => {
      if ('heading' in section) return `### ${section.heading}\n`
      if ('text' in section) return `${section.text}\n`
      const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
      const rule = section.head.map((_, column) => (column === 0 ? '---' : '---:'))
      return [section.head, rule, ...section.rows].map(line).join('')
    })
    .join('\n')
