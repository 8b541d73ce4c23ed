/** An MCP server as a program, for the tests: says what its environment told it. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const server = new McpServer({ name: 'greeter', version: '1.0.0' });
server.registerTool('greet', { description: 'Greets.' }, () => ({
  content: [{ type: 'text', text: process.env['GREETING'] ?? 'nothing' }],
}));
await server.connect(new StdioServerTransport());
