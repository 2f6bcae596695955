const { join } = require('node:path')

/** swc transforms; types are checked by tsc separately. */
const swc = ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }]
const rootDir = join(__dirname, '..', '..')

/** Runs the tests in these folders of tests/. */
module.exports = (name, ...folders) => ({
  displayName: name,
  rootDir,
  testMatch: folders.map((folder) => `<rootDir>/tests/${folder}/**/*.test.ts`),
  transform: { '^.+\\.ts$': swc },
  testEnvironment: 'node',
})
