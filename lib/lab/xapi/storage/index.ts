import type { MethodTable } from '../../contract'
import { pbdMethods } from './pbd'
import { srMethods } from './sr'
import { vdiMethods } from './vdi'

/** SR, PBD and VDI messages that are more than a field's getter or setter. */
export const storageMethods: MethodTable = { ...srMethods, ...pbdMethods, ...vdiMethods }
