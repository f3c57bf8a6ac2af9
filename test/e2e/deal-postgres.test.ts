import { dealSuite } from './deal-suite.ts';

dealSuite('postgres');
