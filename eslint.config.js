import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'out/', 'data/', 'node_modules/', 'fixtures/', '*.config.js', 'bin/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers and booleans read well in messages; objects do not.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Node runs the files as they are: a type-only import must vanish.
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Arrow shorthands that return void are the idiom of sinks and emitters here.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-deprecated': 'error',
      // Fastify handlers and ports are async by contract, whether or not this one has to wait.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    // Pure rooms take time and chance from the ports in core/, never from the air.
    files: [
      'src/agent/**/*.ts',
      'src/call/**/*.ts',
      'src/audio/**/*.ts',
      'src/telnyx/**/*.ts',
      'src/providers/**/*.ts',
      'src/server/**/*.ts',
      'src/journal/**/*.ts',
    ],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate', 'Date', 'performance'].map((name) => ({
          name,
          message: 'Take time from the Clock port (core/clock.ts).',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take chance from core/ids.ts.' },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
);
