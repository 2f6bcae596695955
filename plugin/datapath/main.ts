/** SMAPIv3 datapath plug-in: open, attach, activate (refused without the claim), deactivate, detach, close. */
import { DATAPATH_CALLS } from '../../lib/dom0/smapi/datapath-calls'
import { storageCall } from '../storage-call'

void storageCall(DATAPATH_CALLS)
