import { analysisSuite } from './analysis-suite.ts';

analysisSuite('postgres');
