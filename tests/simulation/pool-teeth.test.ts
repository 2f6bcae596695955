import { POOL_TEETH } from './pool-teeth'
import { testTeeth } from './teeth-table'

testTeeth({ world: 'pool', title: 'Teeth of the pool', teeth: POOL_TEETH, seedsMax: 600 })
