/** Where the services of a cloud are, read from the catalog that Keystone hands out with every token. */

/** Keystone's catalog, as in the body of a token. */
export interface CatalogEntry {
  readonly type: string;
  readonly endpoints?: readonly {
    readonly interface: string;
    readonly url: string;
    readonly region_id?: string | null;
    readonly region?: string | null;
  }[];
}

export type Service = "compute" | "image" | "network" | "volume" | "object-store";

/** Types under which clouds list a service, best first, and the version in the path where the catalog leaves it out. */
const known: Readonly<Record<Service, { readonly types: readonly string[]; readonly version: string }>> = {
  compute: { types: ["compute"], version: "v2.1" },
  image: { types: ["image"], version: "v2" },
  network: { types: ["network"], version: "v2.0" },
  volume: { types: ["volumev3", "block-storage", "block-store", "volume"], version: "v3" },
  "object-store": { types: ["object-store"], version: "v1" },
};

/** Address of the service in the region, without a slash at its end; undefined where the cloud has none. */
export function endpointOf(
  catalog: readonly CatalogEntry[],
  service: Service,
  region: string,
  face: string,
): string | undefined {
  const { types, version } = known[service];
  for (const type of types)
    for (const entry of catalog)
      for (const endpoint of entry.type === type ? (entry.endpoints ?? []) : [])
        if (endpoint.interface === face && (endpoint.region_id ?? endpoint.region) === region)
          return versioned(endpoint.url.replace(/\/+$/, ""), version);
  return undefined;
}

function versioned(url: string, version: string): string {
  return /\/v\d+(\.\d+)?(\/|$)/.test(new URL(url).pathname) ? url : `${url}/${version}`;
}

/** Names of the regions that have the service, or any at all, in alphabetical order. */
export function regionsOf(catalog: readonly CatalogEntry[], face: string, service?: Service): readonly string[] {
  const regions = catalog
    .filter(({ type }) => service === undefined || known[service].types.includes(type))
    .flatMap(({ endpoints = [] }) => endpoints.filter((endpoint) => endpoint.interface === face))
    .flatMap(({ region_id, region }) => region_id ?? region ?? []);
  return [...new Set(regions)].sort();
}
