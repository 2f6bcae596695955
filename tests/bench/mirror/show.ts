import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CannotMeasure } from '../cannot-measure'
import { markdown, plainText } from './print'
import type { Report } from './report'
import { sectionsOf } from './tables'

/** Prints a measurement again that --json has kept. */
export function registerShow(program: Command): void {
  program
    .command('show <file>')
    .description('print the table of a run that --json has kept')
    .option('--markdown', 'as it is kept in the documentation')
    .action((file: string, options: { markdown?: true }) => {
      process.stdout.write((options.markdown === true ? markdown : plainText)(sectionsOf(reportIn(file))))
    })
}

function reportIn(file: string): Report {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  if ((report.format as number) === 1) return report
  throw new CannotMeasure(`${file} cannot be shown.`, 'It is not a report of this program.', 'Name a file that --json has made.')
}
