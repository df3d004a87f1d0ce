/** What the vendor sells. */
import { Problem } from "./http.ts";

export interface Product {
  readonly name: string;
  /** Setting one up takes a while; otherwise it is there at once. */
  readonly slow: boolean;
}

const products: ReadonlyMap<string, Product> = new Map([
  ["dmessenger", { name: "dMessenger", slow: true }],
  ["ddatabox", { name: "dDatabox", slow: false }],
  ["whiteboard", { name: "Online-Whiteboard", slow: false }],
  ["virtual-office", { name: "Virtuelles Amt", slow: true }],
  ["e-recruiting", { name: "KM-Personal.E-Recruiting", slow: true }],
  ["video", { name: "Videokonferenz", slow: false }],
  ["forms", { name: "Antrags- und Formularserver", slow: true }],
  ["trade-register", { name: "Gewerberegister", slow: true }],
  ["building-permits", { name: "Bauantrag digital", slow: true }],
]);

export function productOf(product: string): Product {
  const known = products.get(product);
  if (known === undefined) throw new Problem(422, "product", "This product is not sold here.");
  return known;
}
