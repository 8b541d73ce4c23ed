import { PHONE_SCRIPT } from './page-script.ts';
import { PHONE_STYLE } from './page-style.ts';
import { PHONE_WORKLET } from './worklet.ts';

const KEYS: readonly (readonly [key: string, letters: string])[] = [
  ...([
    ['1', ''],
    ['2', 'ABC'],
    ['3', 'DEF'],
    ['4', 'GHI'],
    ['5', 'JKL'],
    ['6', 'MNO'],
  ] as const),
  ...([
    ['7', 'PQRS'],
    ['8', 'TUV'],
    ['9', 'WXYZ'],
    ['*', ''],
    ['0', '+'],
    ['#', ''],
  ] as const),
];
const NUMBER = '+13125550178';

/** The page `/phone`: keypad, microphone, recorded callers, live transcript; one HTML text that loads nothing else. */
export function phonePage(samples: readonly { readonly name: string; readonly transcript: string }[]): string {
  const keys = KEYS.map(
    ([key, letters]) => `<button type="button" class="key" data-key="${key}">${key}<small>${letters}</small></button>`,
  );
  const callers = samples.map(
    ({ name, transcript }) =>
      `<button type="button" class="sample" data-sample="${escape(name)}">“${escape(transcript)}”</button>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Landline phone</title>
<link rel="icon" href="data:,">
<style>${PHONE_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>Landline phone</h1>
<p>A telephone for this gateway. No real call is made: the line is the embedded Telnyx emulator.</p>
</header>
<section class="card" aria-label="Phone">
<input id="to" value="${NUMBER}" aria-label="Number to call" inputmode="tel" autocomplete="off">
<p id="state" role="status">not connected</p>
<div class="keys">${keys.join('')}</div>
<div class="main"><button type="button" id="call">Call</button><button type="button" id="hangup">Hang up</button></div>
<label class="option"><input type="checkbox" id="microphone" checked> use the microphone</label>
<div class="level"><span>you</span><div class="bar" id="you-level" role="meter" aria-label="Your level" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"></div></div>
<div class="level"><span>agent</span><div class="bar" id="agent-level" role="meter" aria-label="Level of the agent" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"></div></div>
</section>
<div class="right">
<section class="card" aria-label="Conversation">
<h2>Conversation</h2>
<ol id="said"><li id="empty">Press “Call”. The agent speaks first; then talk, press keys, or let a recorded caller speak.</li><li id="partial" hidden></li></ol>
</section>
<section class="card" aria-label="Recorded callers">
<h2>No microphone? Let a recorded caller speak</h2>
<div class="samples">${callers.join('')}</div>
</section>
</div>
</main>
<script type="text/plain" id="worklet">${PHONE_WORKLET}</script>
<script>${PHONE_SCRIPT}</script>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
