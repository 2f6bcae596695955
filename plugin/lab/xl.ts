/** `xl` of a lab host, on the same records as its toolstack. */
import { createDomainManager } from '../../lib/lab/guest/domain-manager'
import { runXl } from '../../lib/lab/guest/xl'

runXl(process.argv.slice(2), createDomainManager()).then(
  ({ exit, stdout, stderr }) => {
    process.stdout.write(stdout)
    process.stderr.write(stderr)
    process.exitCode = exit
  },
  (error: unknown) => {
    process.stderr.write(`xl: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
