/** What a risk is about, in the words of a deal room, and what each covers. The list is closed: what fits none is `other`. */
export const RISK_CATEGORY_MEANINGS = {
  change_of_control: 'a sale, merger or change of ownership lets somebody end, consent to, accelerate or be paid',
  assignment: 'the contract or its rights cannot be assigned or transferred without consent',
  termination: 'the other side can end the contract early, or it ends soon',
  exclusivity: 'exclusive dealing, minimum purchases, most favoured customer, right of first refusal',
  non_compete: 'non-compete, non-solicitation',
  indemnity: 'indemnities and warranties given',
  liability_cap: 'liability without a limit, or limits on what can be claimed',
  litigation: 'lawsuits, claims, investigations, pending or threatened',
  regulatory: 'licences, permits, breaches of law, sanctions, corruption',
  data_protection: 'personal data, security of information, breaches',
  ip: 'ownership, infringement or loss of intellectual property',
  employment: 'key people, unions, severance, pensions, misclassification',
  tax: 'tax claims, audits, exposures',
  financial: 'debt, covenants, going concern, impairment, control weaknesses, liquidity',
  customer_concentration: 'dependence on few customers or suppliers',
  environmental: 'contamination, remediation, emissions, climate rules',
  insurance: 'cover that is missing, short or ends',
  related_party: 'dealings with owners, directors or their families',
  other: 'any other risk to a buyer',
} as const;

export type RiskCategory = keyof typeof RISK_CATEGORY_MEANINGS;
// Object.keys is typed for objects with more keys than are known; this one is written above.
export const RISK_CATEGORIES = Object.keys(RISK_CATEGORY_MEANINGS) as [RiskCategory, ...RiskCategory[]];

/** The least first. */
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];
