module.exports = require('./project.cjs')('integration', 'integration')
