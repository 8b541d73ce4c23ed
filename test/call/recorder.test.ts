import { describe, expect, it } from 'vitest';
import { Recorder } from '../../src/call/recorder.ts';
import { createTrackParser, MAX_TRACK_PAYLOAD, type TrackRecord } from '../../src/journal/tracks.ts';

function recording(samples = 0): {
  recorder: Recorder;
  read: () => TrackRecord[];
  side: (kind: 'caller' | 'agent') => [number, number][];
} {
  const parser = createTrackParser();
  const records: TrackRecord[] = [];
  const recorder = new Recorder(samples, (bytes) => {
    for (const record of parser.push(bytes)) {
      if (record.kind === 'damage') throw new Error('damage');
      records.push(record);
    }
  });
  const read = (): TrackRecord[] => {
    recorder.flush();
    return records;
  };
  return {
    recorder,
    read,
    side: (kind) => read().flatMap((record) => (record.kind === kind ? [[record.at, record.bytes.length]] : [])),
  };
}

const frame = (value = 1): Uint8Array => new Uint8Array(160).fill(value);

describe('the recorder', () => {
  it('keeps nothing before it is started, but its clock moves', () => {
    const { recorder, side } = recording();
    recorder.caller(frame());
    recorder.agent(frame());
    recorder.start();
    recorder.start();
    recorder.caller(frame());

    expect(side('caller')).toEqual([[160, 160]]);
    expect(side('agent')).toEqual([]);
    expect(recorder.samples).toBe(320);
  });

  it('tells the format of both sides when it starts, and again when one changes', () => {
    const { recorder, read } = recording();
    recorder.format('caller', { codec: 'PCMA', sampleRate: 8000 });
    recorder.start();
    recorder.caller(frame());
    recorder.format('caller', { codec: 'PCMU', sampleRate: 8000 });

    const formats = read().flatMap((one) => (one.kind === 'format' ? [[one.at, one.side, one.codec]] : []));
    expect(formats).toEqual([
      [0, 'caller', 'PCMA'],
      [0, 'agent', 'PCMU'],
      [160, 'caller', 'PCMU'],
    ]);
    expect(read().map((one) => one.kind)).toEqual(['format', 'format', 'caller', 'format']);
  });

  it('writes 400 ms at a time and lays them end to end', () => {
    const { recorder, side } = recording();
    recorder.start();
    for (let n = 0; n < 50; n++) recorder.caller(frame());

    expect(side('caller')).toEqual([
      [0, 3200],
      [3200, 3200],
      [6400, 1600],
    ]);
  });

  it('lays agent audio where it was heard, and joins what a late mark has moved a little', () => {
    const { recorder, side } = recording();
    recorder.start();
    for (let n = 0; n < 20; n++) recorder.caller(frame());
    recorder.agent(new Uint8Array(1600));
    for (let n = 0; n < 12; n++) recorder.caller(frame());
    recorder.agent(new Uint8Array(1600));

    expect(side('agent')).toEqual([[1600, 3200]]);
  });

  it('leaves a hole where the agent was silent, and never lays audio over audio', () => {
    const { recorder, side } = recording();
    recorder.start();
    for (let n = 0; n < 10; n++) recorder.caller(frame());
    recorder.agent(new Uint8Array(800));
    for (let n = 0; n < 50; n++) recorder.caller(frame());
    recorder.agent(new Uint8Array(800));
    recorder.agent(new Uint8Array(800));

    expect(side('agent')).toEqual([
      [800, 800],
      [8800, 1600],
    ]);
  });

  it('takes a minute of agent audio in one piece, as when no mark came back', () => {
    const { recorder, side } = recording();
    recorder.start();
    for (let n = 0; n < 3000; n++) recorder.caller(frame());
    recorder.agent(new Uint8Array(60 * 8000));

    const pieces = side('agent');
    expect(pieces.every(([, bytes]) => bytes <= MAX_TRACK_PAYLOAD)).toBe(true);
    expect(pieces[0]?.[0]).toBe(0);
    expect(pieces.reduce((at, [start, bytes]) => (expect(start).toBe(at), at + bytes), 0)).toBe(60 * 8000);
  });

  it('counts the clock of a 16 kHz stream in samples of 8 kHz', () => {
    const { recorder, side } = recording();
    recorder.format('caller', { codec: 'L16', sampleRate: 16000, byteOrder: 'little' });
    recorder.start();
    recorder.caller(new Uint8Array(640));
    recorder.caller(new Uint8Array(640));

    expect(recorder.samples).toBe(320);
    expect(side('caller')).toEqual([[0, 1280]]);
  });

  it('goes on where the clock stood before a restart', () => {
    const { recorder, side } = recording(80_000);
    recorder.start();
    recorder.caller(frame());

    expect(side('caller')).toEqual([[80_000, 160]]);
  });

  it('copies what it keeps: the buffer is the giver’s again', () => {
    const { recorder, read } = recording();
    recorder.start();
    const buffer = frame(7);
    recorder.caller(buffer);
    buffer.fill(9);

    const caller = read().find((one) => one.kind === 'caller');
    expect(caller?.kind === 'caller' && [...caller.bytes]).toEqual([...frame(7)]);
  });
});
