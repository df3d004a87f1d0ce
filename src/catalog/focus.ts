/** The pairs of FOCUS ServiceCategory and ServiceSubcategory this catalog uses; each subcategory has one category. */

/** Besides those listed, every category has `Other (CATEGORY)`. */
export const focusSubcategories: { readonly [category: string]: readonly string[] } = {
  "AI and Machine Learning": ["Machine Learning"],
  Analytics: [],
  "Business Applications": ["Productivity and Collaboration"],
  Compute: ["Virtual Machines", "Containers"],
  Databases: ["Relational Databases", "Caching"],
  "Developer Tools": ["Developer Platforms"],
  Identity: ["Identity and Access Management"],
  Integration: ["Messaging"],
  "Internet of Things": [],
  "Management and Governance": [],
  Media: [],
  Migration: [],
  Mobile: [],
  Multicloud: [],
  Networking: ["Application Networking"],
  Security: [],
  Storage: ["Object Storage", "Block Storage", "Backup Storage"],
  Web: [],
  Other: [],
};

/** All subcategories a category may go with; undefined if FOCUS has no such category. */
export function subcategoriesOf(category: string): readonly string[] | undefined {
  const own = Object.hasOwn(focusSubcategories, category) ? focusSubcategories[category] : undefined;
  return own === undefined ? undefined : [...own, `Other (${category})`];
}
