import { describeProducers } from './producer-suite.ts';

describeProducers('redis');
