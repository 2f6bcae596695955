import type { PoolInventory } from '../../core/domain/inventory'
import type { PlannedStep } from '../../core/domain/plan'
import { stepText } from '../../core/policy/plan-text'

/** One line of a plan for the operator. */
export const describeStep = (step: PlannedStep, inventory: PoolInventory): string => stepText(step, inventory)
