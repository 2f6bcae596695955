import { LOCKSTEP_TEETH } from './lockstep-teeth'
import { testTeeth } from './teeth-table'

testTeeth({ world: 'lockstep', title: 'Teeth of lockstep', teeth: LOCKSTEP_TEETH, seedsMax: 1500 })
