import type { MethodTable } from '../../contract'
import { lifecycleMethods } from './lifecycle'
import { powerMethods } from './power'
import { resetMethods } from './reset'
import { settingMethods } from './settings'
import { vbdMethods } from './vbd'
import { vifMethods } from './vif'

/** VM, VBD and VIF messages that are more than a field's getter or setter, and host.declare_dead. */
export const vmMethods: MethodTable = {
  ...lifecycleMethods,
  ...powerMethods,
  ...resetMethods,
  ...settingMethods,
  ...vbdMethods,
  ...vifMethods,
}
