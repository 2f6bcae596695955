module.exports = require('./project.cjs')('unit', 'unit', 'wire', 'contracts')
