import { describeSilentWorkers } from '../e2e/silent-worker-suite.ts';

describeSilentWorkers('postgres');
