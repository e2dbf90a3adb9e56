/** What R4 asks of an answer beside the resource: versions, addresses, pages. */

const PAGE = '100';

/** How many a page holds: as many as were asked for, none where the count alone is wanted. */
export function pageSize(criteria) {
  return criteria.get('_summary') === 'count' ? '0' : (criteria.get('_count') ?? PAGE);
}

/** ETag, Last-Modified and, for what was created, Location: https://hl7.org/fhir/R4/http.html#versions. */
export function headersOf(resource, status, baseAddress) {
  if (!resource.meta?.versionId) {
    return {};
  }
  const { resourceType, id, meta } = resource;
  return {
    etag: etag(resource),
    'last-modified': new Date(meta.lastUpdated).toUTCString(),
    ...(status === 201 && { location: `${baseAddress}/${resourceType}/${id}/_history/${meta.versionId}` }),
  };
}

/** The same for each entry of a batch or transaction. */
export function describeEntries(bundle, repository) {
  for (const { resource, response } of bundle.entry) {
    if (resource?.meta?.versionId && response?.status.startsWith('2')) {
      response.status = repository.hasCreated(resource) ? '201' : response.status;
      response.location = `${resource.resourceType}/${resource.id}/_history/${resource.meta.versionId}`;
      response.etag = etag(resource);
      response.lastModified = resource.meta.lastUpdated;
    }
  }
}

/** A search's page with addresses and the link to the next one; anything else as it is. */
export function pageOf(resource, url, baseAddress) {
  if (resource.resourceType !== 'Bundle' || resource.type !== 'searchset') {
    return resource;
  }
  const count = Number(url.searchParams.get('_count'));
  const next = Number(url.searchParams.get('_offset') ?? 0) + count;
  const link = [{ relation: 'self', url: address(url, baseAddress) }];
  if (count > 0 && next < resource.total) {
    const following = new URL(url);
    following.searchParams.set('_offset', String(next));
    link.push({ relation: 'next', url: address(following, baseAddress) });
  }
  const entry = resource.entry?.map((each) => ({ fullUrl: `${baseAddress}/${each.resource.resourceType}/${each.resource.id}`, ...each }));
  return { ...resource, link, ...(entry && { entry }) };
}

function etag(resource) {
  return `W/"${resource.meta.versionId}"`;
}

function address(url, baseAddress) {
  return new URL(baseAddress).origin + url.pathname + url.search;
}
