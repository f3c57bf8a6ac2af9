import { analysisSuite } from './analysis-suite.ts';

analysisSuite('redis');
