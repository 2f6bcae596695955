/** How the power switches of a lab are reached, told to both of their ends. */
import type { PowerSwitch } from '../../wire/power-settings'
import { BMC_ADDRESS } from '../net/plan'

const BMC_USER = 'holdfast'
/** Of a lab that nobody outside it can reach. */
export const BMC_PASSWORD = 'Sim5alabim'
/** In each host's root. */
export const BMC_PASSWORD_FILE = '/etc/holdfast/bmc.password'
const FIRST_PORT = 6230

/** How the product is told to reach the controller of host number 0, 1, ... of the pool. */
export const bmcSwitch = (index: number): PowerSwitch => ({
  kind: 'ipmi',
  address: `${BMC_ADDRESS}:${FIRST_PORT + index}`,
  user: BMC_USER,
  passwordFile: BMC_PASSWORD_FILE,
  // The simulator does not tell which suites it knows; it knows this one.
  cipherSuite: 3,
})

/** The simulator's own configuration. `chassis`: the program that looks at the power, and switches it. */
export const lanConf = (index: number, chassis: string): string => `name "holdfast"
set_working_mc 0x20
  startlan 1
    addr ${BMC_ADDRESS} ${FIRST_PORT + index}
    priv_limit admin
    allowed_auths_admin md5
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "${chassis} 0x20"
  user 2 true "${BMC_USER}" "${BMC_PASSWORD}" admin 10
`
