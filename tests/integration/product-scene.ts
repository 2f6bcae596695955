/** What most tests with a guest begin with. The lab is opened by themselves, so that it is closed whatever fails here. */
import { makeVm } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import type { ProductLab } from './product-lab'

/** For tests that do not assert these; the demonstration waits as long as the real xapi makes it wait. */
export const SHORT_TIMES = { promotionFuseMs: 1000, promotionRestartMs: 300, recoverSlavesMs: 1000 }

/** VM `orders` runs on a host, and its client writes. */
export async function ordersOn(product: ProductLab, host: string, diskBytes?: number): Promise<GuestVm> {
  const orders = await makeVm(product.stage, 'orders', diskBytes)
  await product.startOn(orders.vm, host)
  await product.startWriting()
  await product.moreWritten()
  return orders
}

/** The same, protected, with both copies of its disk up-to-date. */
export async function protectedOrdersOn(product: ProductLab, host: string, level: 'restart' | 'redirect'): Promise<GuestVm> {
  const orders = await ordersOn(product, host)
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level })
  await product.redundant('h1', orders.vmUuid)
  return orders
}
