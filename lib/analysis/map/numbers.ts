const counted = new Intl.NumberFormat('en');
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
const finePercent = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** 1,234 */
export function countOf(count: number): string {
  return counted.format(count);
}

/** 0 to 1 as a percentage: 42%, 4.2% */
export function percentOf(share: number): string {
  return (share < 0.0995 ? finePercent : percent).format(share);
}
