import { createEmulator, type Emulator, type SeedConfig } from 'emulate';
import { onTestFinished } from 'vitest';
import { type GoogleOptions, type GoogleStandIn, startGoogle } from '../../demo/stand-ins/google/server.ts';
import { freePort } from './port.ts';

/** The stand-in for Google, stopped when the test ends. Outside a test use `startGoogle` itself. */
export async function withGoogle(options?: GoogleOptions): Promise<GoogleStandIn> {
  const google = await startGoogle(options);
  onTestFinished(google.stop);
  return google;
}

/** An emulator that nobody here wrote, stopped when the test ends. It takes any access token and knows no batches, no profile and no quota. */
export async function startEmulator(seed: SeedConfig, service: 'google' | 'microsoft' = 'google'): Promise<Emulator> {
  const emulator = await createEmulator({ service, port: await freePort(), seed });
  onTestFinished(() => emulator.close());
  return emulator;
}
