import packageJson from '../../package.json' with { type: 'json' };

/** Name and version, e.g. `landline 0.1.0`. */
export const SOFTWARE: string = `landline ${packageJson.version}`;
export const VERSION: string = packageJson.version;
