/** SMAPIv3 volume plug-in: Plugin.Query, SR.*, Volume.* */
import { VOLUME_CALLS } from '../../lib/dom0/smapi/volume-calls'
import { storageCall } from '../storage-call'

void storageCall(VOLUME_CALLS)
