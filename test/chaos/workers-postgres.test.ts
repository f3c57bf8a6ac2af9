import { describeWorkers } from './workers-suite.ts';

describeWorkers('postgres');
