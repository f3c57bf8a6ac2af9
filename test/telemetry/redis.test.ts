import { traceSuite } from './suite.ts';

traceSuite('redis');
