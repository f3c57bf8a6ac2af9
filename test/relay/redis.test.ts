import { describeRelay } from './suite.ts';

describeRelay('redis');
