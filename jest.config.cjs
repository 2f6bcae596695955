/** Transform with swc (types are checked by tsc separately); one worker per core by default. */
const swc = ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } }]
const project = (name, match) => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: match.map((m) => `<rootDir>/tests/${m}`),
  transform: { '^.+\\.ts$': swc },
  testEnvironment: 'node',
})
module.exports = {
  projects: [
    project('house', ['house/**/*.test.ts']),
    project('unit', ['unit/**/*.test.ts', 'wire/**/*.test.ts', 'contracts/**/*.test.ts']),
    project('integration', ['integration/**/*.test.ts']),
  ],
}
