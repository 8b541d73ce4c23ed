import { readFileSync, writeFileSync } from 'node:fs';
import { readJournal } from '../src/journal/reader.ts';
import { callStory } from '../src/records/call-story.ts';
import { renderReport } from '../src/records/report.ts';
import { readWav } from '../src/audio/wav.ts';
const story = callStory(await readJournal('/tmp/ph/out/journal.jsonl'));
const w = readWav(readFileSync('/tmp/ph/out/call.wav'));
writeFileSync('/tmp/ph/out/report.html', renderReport({ story, recording: { caller: w.channels[0]!, agent: w.channels[1]! }, sources: { caller: {tag:'recognition', explanation:'x'}, agent: {tag:'script', explanation: 'y'} }, checks: [{name:'no holes in what was heard', passed:true, detail:'27.4 s the same, sample by sample; believed only 0 ms, heard only 2 ms, places differ by 12.3 ms (at most 20 ms, 20 ms, 100 ms)'},{name:'keys arrived', passed:false, detail:'none'}] }));
