/** The looks of a report, light and dark, from a phone's width up. */
export const REPORT_STYLE = `
:root {
  --paper: #f6f7f9; --card: #ffffff; --ink: #16191f; --soft: #5b6472; --line: #e1e5eb;
  --caller: #3457d5; --caller-soft: #e5eafc; --agent: #0c7f6d; --agent-soft: #dbf2ed;
  --bad: #b3261e; --bad-soft: #fbe4e2; --good: #1a7f37; --cursor: #d9480f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #101318; --card: #181c23; --ink: #e9ecf1; --soft: #98a2b3; --line: #2a303b;
    --caller: #8ba4ff; --caller-soft: #232c4d; --agent: #4fd1b5; --agent-soft: #14392f;
    --bad: #ff8a80; --bad-soft: #45201e; --good: #6fdd8b; --cursor: #ffa94d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
.eyebrow { margin: 0; color: var(--soft); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
h1 { margin: .15rem 0 .25rem; font-size: clamp(1.35rem, 4.6vw, 2.1rem); line-height: 1.2; font-variant-numeric: tabular-nums; }
h1 span { overflow-wrap: anywhere; }
.arrow { color: var(--soft); font-weight: 400; }
h2 { margin: 2rem 0 .75rem; font-size: 1.05rem; }
.sub { margin: 0; color: var(--soft); }
.sub b { color: var(--ink); }
.muted { color: var(--soft); }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
button:focus-visible { outline: 2px solid var(--cursor); outline-offset: 2px; }

.tiles { display: flex; flex-wrap: wrap; gap: .5rem 2.25rem; margin: 1.25rem 0 1.5rem; }
.tiles div { display: flex; flex-direction: column; }
.tiles b { font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: .82rem; }

.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow: hidden; }
.player { display: flex; align-items: center; gap: .75rem; padding: .85rem 1rem; border-bottom: 1px solid var(--line); }
#play { width: 2.6rem; height: 2.6rem; flex: none; border-radius: 50%; background: var(--ink); display: grid; place-items: center; }
#play svg { width: 1.4rem; fill: var(--card); }
#play .off, .playing #play .on { display: none; }
.playing #play .off { display: inline; }
.time { color: var(--soft); font-variant-numeric: tabular-nums; }
.time b { color: var(--ink); }
.legend { margin-left: auto; color: var(--soft); font-size: .85rem; white-space: nowrap; }
.legend i { display: inline-block; width: .7rem; height: .7rem; margin: 0 .2rem 0 .6rem; border-radius: 3px; }
.legend .caller { background: var(--caller); }
.legend .agent { background: var(--agent); }

.scroll { overflow-x: auto; }
.timeline { position: relative; padding: 0 0 .4rem; cursor: text; }
.axis { position: relative; height: 1.6rem; border-bottom: 1px solid var(--line); color: var(--soft); font-size: .72rem; overflow: hidden; }
.axis span { position: absolute; bottom: 0; padding: 0 0 .15rem .3rem; border-left: 1px solid var(--line); line-height: 1.2rem; }
.lane { position: relative; padding: .5rem 0 .4rem; border-bottom: 1px solid var(--line); }
.wave { display: block; height: 5rem; margin-bottom: .3rem; }
.caller .wave { fill: var(--caller); }
.agent .wave { fill: var(--agent); }
.spans { position: relative; height: 2.6rem; }
.span {
  position: absolute; top: 0; bottom: 0; padding: .15rem .3rem 0 .4rem; overflow: hidden; text-align: left;
  font-size: .76rem; line-height: 1.15rem;
}
.span i { position: absolute; inset: 0 auto 0 0; min-width: 3px; border-radius: 4px; }
.span span {
  position: relative; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden;
  overflow-wrap: anywhere;
}
.caller .span i { background: var(--caller-soft); box-shadow: inset 3px 0 var(--caller); }
.agent .span i { background: var(--agent-soft); box-shadow: inset 3px 0 var(--agent); }
.span.cut i { border-right: 3px solid var(--bad); border-radius: 4px 0 0 4px; }
.span:hover span { text-decoration: underline; }
.moments { position: relative; overflow: hidden; }
.flag {
  position: absolute; width: 1.2rem; height: 1.2rem; margin-left: -.6rem; border-radius: 4px; background: var(--ink);
  color: var(--card); font: 600 .75rem/1.2rem ui-monospace, Menlo, Consolas, monospace; text-align: center;
}
.flag.problem { background: var(--bad); }
.flag.end { margin-left: -1.2rem; }
.cursor { position: absolute; top: 0; bottom: 0; left: 0; width: 2px; margin-left: -1px; background: var(--cursor); pointer-events: none; }

.said { list-style: none; margin: 0; padding: 0; }
.said li { display: flex; gap: .9rem; padding: .5rem .75rem; border-left: 3px solid transparent; border-radius: 4px; }
.said .when { flex: none; width: 2.6rem; text-align: right; align-self: flex-start; color: var(--soft); font-size: .85rem; line-height: 1.6rem; font-variant-numeric: tabular-nums; }
button.when:hover { color: var(--ink); text-decoration: underline; }
.said p { margin: 0; overflow-wrap: anywhere; }
.said div { min-width: 0; }
.said .who { font-size: .85rem; font-weight: 650; margin-right: .5rem; }
.said .caller { border-left-color: var(--caller); }
.said .agent { border-left-color: var(--agent); }
.said .caller .who { color: var(--caller); }
.said .agent .who { color: var(--agent); }
.said .heard { background: var(--card); }
.said li + li { margin-top: .2rem; }
.said s { color: var(--soft); opacity: .85; }
.moment { color: var(--soft); font-size: .88rem; }
.moment div { overflow-wrap: anywhere; }
.moment.problem { color: var(--bad); }
.sign { display: inline-block; min-width: 1rem; font-weight: 600; }
.tag { display: inline-block; margin-right: .4rem; padding: 0 .45rem; border: 1px solid var(--line); border-radius: 99px; color: var(--soft); font-size: .74rem; line-height: 1.25rem; vertical-align: 1px; }
.tag.cut { border-color: transparent; background: var(--bad-soft); color: var(--bad); }
.tag.wait { font-variant-numeric: tabular-nums; }
kbd { padding: .05rem .5rem; border: 1px solid var(--line); border-bottom-width: 3px; border-radius: 6px; background: var(--card); font: 600 1rem ui-monospace, Menlo, Consolas, monospace; }

table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow: hidden; }
td, th { padding: .5rem .9rem; text-align: left; vertical-align: top; font-weight: 400; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
tr:first-child > * { border-top: 0; }
td:first-child { width: 4rem; font-weight: 650; white-space: nowrap; }
.pass td:first-child { color: var(--good); }
.fail td:first-child { color: var(--bad); }
td:last-child { color: var(--soft); }
footer { margin-top: 2rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
footer dt { font-weight: 650; }
footer dd { margin: 0 0 .5rem; }
@media (max-width: 40rem) {
  main { padding: 1.25rem .85rem 2rem; }
  .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7rem, 1fr)); gap: .75rem; }
  .said li { gap: .6rem; padding: .45rem .4rem; }
  .said .when { width: 2.1rem; }
  tr { display: grid; grid-template-columns: 4rem 1fr; border-top: 1px solid var(--line); }
  tr:first-child { border-top: 0; }
  td, th { padding: .4rem .7rem; border: 0; }
  td:last-child { grid-column: 2; padding-top: 0; }
}
`;
