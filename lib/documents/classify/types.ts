import type { Workstream } from '../../jobs/document-processing.ts';

/** What documents of a deal room are called. The list is closed: what fits none is `other`. */
export const DOCUMENT_TYPES = [
  // The deal itself.
  'letter of intent',
  'non-disclosure agreement',
  'share purchase agreement',
  'asset purchase agreement',
  'merger agreement',
  'information memorandum',
  'due diligence report',
  // The company.
  'articles of association',
  'shareholders agreement',
  'joint venture agreement',
  'board minutes',
  'resolution',
  'power of attorney',
  // Money.
  'annual report',
  'financial statements',
  'management accounts',
  'budget or forecast',
  'audit report',
  'valuation',
  'loan agreement',
  'guarantee',
  'invoice',
  'tax return',
  'tax ruling or assessment',
  // Trade.
  'supply agreement',
  'distribution agreement',
  'services agreement',
  'customer agreement',
  'agency agreement',
  'franchise agreement',
  'marketing agreement',
  'outsourcing agreement',
  'purchase order',
  'price list',
  'market study',
  'business plan',
  'presentation',
  // People.
  'employment agreement',
  'consulting agreement',
  'benefit plan',
  'staff list',
  // Technology and rights.
  'licence agreement',
  'development agreement',
  'maintenance agreement',
  'hosting agreement',
  'patent',
  'trademark registration',
  'technical documentation',
  'data processing agreement',
  'privacy policy',
  'security report',
  // Property, environment, insurance.
  'lease',
  'permit',
  'environmental report',
  'insurance policy',
  // Law.
  'legal opinion',
  'court document',
  'regulatory filing',
  // Anything else.
  'policy',
  'correspondence',
  'news article',
  'press release',
  'form',
  'spreadsheet',
  'other',
] as const;
export type DocumentType = (typeof DOCUMENT_TYPES)[number];

/** Who of a due diligence team reads it. */
export const WORKSTREAM_MEANINGS: Readonly<Record<Workstream, string>> = {
  legal: 'corporate documents, contracts as such, disputes, compliance and regulation',
  financial: 'accounts, results, debt, liquidity, accounting policies, investments',
  tax: 'returns, rulings, audits, deferred taxes, transfer pricing',
  hr: 'employees, pay, pensions, unions, management',
  it: 'systems, software in use, hosting, information security',
  commercial: 'products, customers, suppliers, sales, marketing, markets, competition',
  ip: 'patents, trademarks, copyrights, licences, know-how',
  environmental: 'contamination, permits, emissions, climate, safety of sites',
  other: 'what no workstream of a deal is about',
};
