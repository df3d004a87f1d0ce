/** The report for machines. Its schema is report.schema.json; within one `format` members are only ever added. */
import type { Report } from "./report.ts";

export const writeJson = (report: Report): string => `${JSON.stringify(report, undefined, 2)}\n`;
