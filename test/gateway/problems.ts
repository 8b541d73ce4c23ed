import { expect } from 'vitest';
import { ERROR_CODES } from '../../src/core/errors.ts';
import type { Answer } from './world.ts';

/** Every refusal is an RFC 9457 document with the five members of the contract, and its code is a documented one. */
export function expectProblem(answer: Answer, status: number, code: string, detail = /\S/): void {
  expect(answer.headers.get('content-type'), answer.text).toMatch(/^application\/problem\+json/);
  const { errors, ...problem } = JSON.parse(answer.text) as Record<string, unknown>;
  if (errors !== undefined) {
    expect(code).toBe('request_invalid');
    const told = { path: expect.stringMatching(/\S/) as unknown, message: expect.stringMatching(/\S/) as unknown };
    expect(errors).toEqual((errors as unknown[]).map(() => told));
    expect(errors).not.toEqual([]);
  }
  expect(problem).toEqual({
    type: expect.stringMatching(new RegExp(`^(https?|urn):\\S+[#:]${code}$`)) as unknown,
    title: expect.stringMatching(/\S/) as unknown,
    status,
    detail: expect.stringMatching(detail) as unknown,
    code,
  });
  expect(answer.status).toBe(status);
  expect(ERROR_CODES).toContain(code);
}
