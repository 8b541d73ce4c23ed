/** The public API. Everything else may change without notice. */
export { defineAgent, defineConfig } from './config.ts';
export type { AgentInput, ConfigInput } from './config.ts';
export { ERROR_CODES, LandlineError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';
export { readJournal } from './journal/reader.ts';
export type { Journal } from './journal/reader.ts';
export { createGateway } from './library/landline.ts';
export type {
  GatewayListenOptions,
  Landline,
  LandlineEvent,
  LandlineEventType,
  LandlineGateway,
  LandlineOptions,
} from './library/landline.ts';
export type { Call, CallFilters, CallList, Calls, DialRequest, TransferRequest } from './library/calls.ts';
export { landlinePlugin } from './library/plugin.ts';
export type { LandlinePluginOptions } from './library/plugin.ts';
export { verifyWebhook } from './tools/verify-webhook.ts';
export type { VerifyWebhookOptions, WebhookEvent, WebhookHeaders } from './tools/verify-webhook.ts';
export { defineTool, ToolError } from './tools/define-tool.ts';
export type { CodeTool, ToolDefinition } from './tools/define-tool.ts';
export type { ToolContext } from './tools/tool.ts';
