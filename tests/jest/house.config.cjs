module.exports = require('./project.cjs')('house', 'house')
