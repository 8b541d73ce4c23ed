import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createDecoder } from '../../audio/codec.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { ProviderFailure, SttEvent, SttOptions, SttProvider, SttStream } from '../ports.ts';
