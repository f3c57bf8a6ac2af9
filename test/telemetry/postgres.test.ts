import { traceSuite } from './suite.ts';

traceSuite('postgres');
