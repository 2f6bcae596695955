/** What the daemon's bundle has of XAPI; one bundle, because errors are told apart by their class. */
export { actOnXapi } from '../../../lib/daemon/host/failover/failover-acts'
export { connectXapi } from '../../../lib/xapi/connect'
