import { describeKilledWorkers } from './relay-workers-suite.ts';

describeKilledWorkers('redis');
