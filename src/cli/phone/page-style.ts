/** The looks of the page `/phone`, light and dark, from a phone's width up. */
export const PHONE_STYLE = `
:root {
  --paper: #f3f4f7; --card: #ffffff; --ink: #16191f; --soft: #5b6472; --line: #dfe3e9; --key: #f3f5f8;
  --you: #3457d5; --agent: #0c7f6d; --go: #1a7f37; --stop: #c2261b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1216; --card: #181c23; --ink: #e9ecf1; --soft: #98a2b3; --line: #2a303b; --key: #222833;
    --you: #8ba4ff; --agent: #4fd1b5; --go: #2ea04f; --stop: #e5534b;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main {
  max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem; display: grid; gap: 1.25rem;
  grid-template-columns: minmax(17rem, 20rem) 1fr; align-items: start;
}
header { grid-column: 1 / -1; }
h1 { margin: 0; font-size: 1.5rem; }
header p { margin: .2rem 0 0; color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 18px; padding: 1.1rem; }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; border: 0; border-radius: 12px; background: var(--key); }
button:disabled { opacity: .45; cursor: default; }
button:focus-visible, input:focus-visible { outline: 2px solid var(--you); outline-offset: 2px; }
#to {
  width: 100%; padding: .4rem .6rem; border: 1px solid var(--line); border-radius: 10px; background: none;
  text-align: center; font-size: 1.15rem; font-variant-numeric: tabular-nums;
}
#state { margin: .4rem 0 .6rem; text-align: center; color: var(--soft); min-height: 1.5em; }
.up #state { color: var(--go); }
.keys { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; }
.key { padding: .45rem 0 .35rem; font-size: 1.3rem; line-height: 1.15; }
.key small { display: block; min-height: 1em; color: var(--soft); font-size: .6rem; letter-spacing: .12em; }
.key.down { background: var(--you); color: var(--card); }
.main { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; margin-top: .75rem; }
.main button { padding: .65rem 0; font-weight: 650; color: #ffffff; }
#call { background: var(--go); }
#hangup { background: var(--stop); }
.option { display: flex; gap: .5rem; align-items: center; margin: .8rem 0 .2rem; color: var(--soft); font-size: .9rem; }
.level { display: flex; align-items: center; gap: .6rem; margin-top: .4rem; font-size: .82rem; color: var(--soft); }
.level span { width: 2.8rem; }
.bar { flex: 1; height: .5rem; border-radius: 99px; background: var(--key); overflow: hidden; }
.bar::before { content: ""; display: block; height: 100%; width: var(--level, 0%); border-radius: 99px; transition: width 60ms linear; }
#you-level::before { background: var(--you); }
#agent-level::before { background: var(--agent); }
h2 { margin: 0 0 .6rem; font-size: 1rem; }
#said { list-style: none; margin: 0; padding: 0; height: 21rem; overflow-y: auto; }
#said li { margin-bottom: .55rem; overflow-wrap: anywhere; }
#said b { margin-right: .25rem; }
#said small { color: var(--soft); white-space: nowrap; }
.caller b { color: var(--you); }
.agent b { color: var(--agent); }
.note, #partial, #empty { color: var(--soft); font-size: .92rem; }
.samples { display: flex; flex-wrap: wrap; gap: .5rem; }
.sample { padding: .35rem .8rem; font-size: .92rem; text-align: left; }
.sample.playing { background: var(--you); color: var(--card); opacity: 1; }
.right { display: grid; gap: 1.25rem; }
@media (max-width: 46rem) {
  main { grid-template-columns: 1fr; padding: 1.25rem .85rem; }
  #said { height: 15rem; }
}
`;
