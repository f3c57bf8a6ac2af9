import { describeSilentWorkers } from './silent-worker-suite.ts';

describeSilentWorkers('redis');
