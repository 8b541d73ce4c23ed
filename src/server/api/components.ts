import type { z } from 'zod';
import { callSchema, callSummarySchema, legSchema, turnSchema } from './call-schemas.ts';

/** Schemas that have a name in the OpenAPI document. */
export const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  Call: callSchema,
  Leg: legSchema,
  Summary: callSummarySchema,
  Turn: turnSchema,
};
