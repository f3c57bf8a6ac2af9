import { describeRelay } from './suite.ts';

describeRelay('postgres');
