import type { StandInClock } from '../clock.ts';
import type { Drive } from './contract.ts';
import type { Drives } from './files.ts';
import { createDrive, type StoredDrive } from './store.ts';

/** The drives of all accounts. My Drive is there when it is first asked for. */
export function createDrives(clock: StandInClock) {
  const own = new Map<string, StoredDrive>();
  const shared = new Map<string, StoredDrive>();
  return {
    of(email: string): Drives {
      const drive = own.get(email) ?? createDrive({ key: email, name: 'My Drive', clock, isShared: false });
      own.set(email, drive);
      return { own: drive, shared };
    },
    addShared(name: string): Drive & { readonly id: string } {
      const drive = createDrive({ key: `shared:${shared.size}:${name}`, name, clock, isShared: true });
      const id = drive.rootId;
      shared.set(id, drive);
      return Object.assign(drive, { id });
    },
  };
}
