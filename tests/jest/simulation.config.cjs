module.exports = require('./project.cjs')('simulation', 'simulation')
