import type { CallRow } from '../../store/port.ts';
import type { Screen } from '../screen.ts';

const HEAD = ['began', 'call', 'from', 'to', 'agent', 'duration', 'end'];

/** Calls as a table, newest first, as wide as its widest cells. */
export function showTable(screen: Screen, calls: readonly CallRow[]): void {
  const rows = calls.map(cells);
  const widths = HEAD.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => cell.padEnd(i === row.length - 1 ? 0 : (widths[i] ?? 0))).join('  ');
  screen.line(screen.style('dim', line(HEAD)));
  for (const [i, row] of rows.entries()) {
    const call = calls[i];
    const isLive = call?.endReason === null;
    screen.line(isLive ? screen.style('green', line(row)) : line(row));
  }
}

function cells(call: CallRow): string[] {
  return [
    localTime(call.createdAt),
    call.id,
    call.from,
    call.to,
    call.agent,
    call.durationMs === null ? '' : seconds(call.durationMs),
    call.endReason === null ? call.status : words(call.endReason),
  ].map(printable);
}

/** What callers send must not move the cursor. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\uFFFD');
}

/** `2026-01-05 09:00:00`, on this machine's clock. */
export function localTime(wallMs: number): string {
  const at = new Date(wallMs);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[two(at.getHours()), two(at.getMinutes()), two(at.getSeconds())].join(':')}`;
}

/** `4.2 s`, `1:05 min`. */
export function seconds(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} min`;
}

/** `caller_hangup` -> `caller hangup` */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}
