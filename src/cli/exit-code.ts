/** What a command ends with: 0 done, 1 done and something is wrong, 2 it was asked for something impossible. */
export type ExitCode = 0 | 1 | 2;
