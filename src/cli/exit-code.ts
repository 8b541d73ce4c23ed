/**
 * What a command ends with: 0 done, 1 done and something is wrong, 2 it was asked for something impossible. `landline call`
 * says more: 3 no answer, 4 busy, 5 rejected, 6 a machine.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6;
