/**
 * Medplum's MemoryRepository, made as strict and as predictable as a server that keeps its data.
 *
 * Every write is validated; versions count 1, 2, 3; a transaction is all or nothing; a deleted
 * resource is gone (410) but keeps its history; and what a request changed can be journalled and
 * restored, versions and times included.
 */
import { OperationOutcomeError, deepClone, gone, notFound, preconditionFailed, validateResource } from '@medplum/core';
import { MemoryRepository } from '@medplum/fhir-router';
import { flattened } from './search.mjs';

export class Repository extends MemoryRepository {
  /** What the request at hand has changed so far, oldest first, with what stood there before. */
  #written = [];

  constructor(baseAddress) {
    super();
    this.baseAddress = baseAddress;
    this.seeding = true; // versions and times are set below, so that a replay can set the same ones
  }

  /** The one way by which MemoryRepository writes: create, update, and both conditionally. */
  createResourceSync(resource, options, update = false) {
    validateResource(resource);
    // https://hl7.org/fhir/R4/http.html#create: the server ignores an id that the client gives.
    const id = (update || options?.assignedId ? resource.id : undefined) ?? this.generateId();
    const { resourceType } = resource;
    const previous = this.resources.get(resourceType)?.get(id);
    const meta = { ...resource.meta, ...this.#nextVersion(resourceType, id) };
    const result = super.createResourceSync({ ...resource, id, meta }, options, update);
    this.#written.push({ change: { put: deepClone(result) }, previous });
    return result;
  }

  /** A version that is not there is not the current one: RFC 9110 Section 13.1.1. */
  async updateResource(resource, options) {
    if (options?.ifMatch && !this.resources.get(resource.resourceType)?.has(resource.id)) {
      throw new OperationOutcomeError(preconditionFailed);
    }
    return super.updateResource(resource, options);
  }

  /** Deleting what is not there has no effect: https://hl7.org/fhir/R4/http.html#delete. */
  async deleteResource(resourceType, id, options) {
    const previous = this.resources.get(resourceType)?.get(id);
    if (!previous && !options?.ifMatch) {
      return;
    }
    await super.deleteResource(resourceType, id, options);
    const tombstone = { resourceType, id, meta: this.#nextVersion(resourceType, id) };
    this.#bury(tombstone);
    this.#written.push({ change: { delete: tombstone }, previous });
  }

  async readResource(resourceType, id) {
    if (!this.resources.get(resourceType)?.has(id) && this.#versions(resourceType, id).length) {
      throw new OperationOutcomeError(gone);
    }
    return super.readResource(resourceType, id);
  }

  /** The one way by which MemoryRepository searches, conditions of writes included. */
  searchSync(request) {
    const found = (other) => (this.searchSync(other).entry ?? []).map(({ resource }) => resource);
    return super.searchSync(flattened(request, this.baseAddress, found));
  }

  /** Newest first; MemoryRepository's own turns the list it keeps round at every call. */
  async readHistory(resourceType, id) {
    const versions = this.#versions(resourceType, id);
    if (!versions.length) {
      throw new OperationOutcomeError(notFound);
    }
    const entry = versions.toReversed().map((version) =>
      isTombstone(version)
        ? { request: { method: 'DELETE', url: `${resourceType}/${id}` }, response: { status: '200', lastModified: version.meta.lastUpdated } }
        : { resource: deepClone(version) }
    );
    return { resourceType: 'Bundle', type: 'history', total: entry.length, entry };
  }

  async readVersion(resourceType, id, versionId) {
    const version = this.#versions(resourceType, id).find((each) => each.meta.versionId === versionId);
    if (!version || isTombstone(version)) {
      throw new OperationOutcomeError(version ? gone : notFound);
    }
    return deepClone(version);
  }

  /** Run `callback`; if it fails, take back what it wrote. Transactions may nest. */
  async withTransaction(callback) {
    const start = this.#written.length;
    try {
      return await callback(this);
    } catch (error) {
      this.#written.splice(start).reverse().forEach((written) => this.#takeBack(written));
      throw error;
    }
  }

  /** The changes since the last call, for the journal. */
  takeChanges() {
    return this.#written.splice(0).map(({ change }) => change);
  }

  /** Whether the request at hand has brought this resource into being. */
  hasCreated(resource) {
    return this.#written.some(({ change, previous }) => !previous && change.put?.id === resource.id && change.put.resourceType === resource.resourceType);
  }

  /** Apply a change that the journal kept. */
  restore(change) {
    if (change.put) {
      super.createResourceSync(change.put, undefined, true);
    } else {
      this.resources.get(change.delete.resourceType)?.delete(change.delete.id);
      this.#bury(change.delete);
    }
  }

  #versions(resourceType, id) {
    return this.history.get(resourceType)?.get(id) ?? [];
  }

  #nextVersion(resourceType, id) {
    return { versionId: String(this.#versions(resourceType, id).length + 1), lastUpdated: new Date().toISOString() };
  }

  #bury(tombstone) {
    this.#versions(tombstone.resourceType, tombstone.id).push({ ...tombstone, [TOMBSTONE]: true });
  }

  #takeBack({ change, previous }) {
    const { resourceType, id } = change.put ?? change.delete;
    this.#versions(resourceType, id).pop();
    if (previous) {
      this.resources.get(resourceType).set(id, previous);
    } else {
      this.resources.get(resourceType).delete(id);
    }
  }
}

const TOMBSTONE = Symbol('deleted');

function isTombstone(version) {
  return Boolean(version[TOMBSTONE]);
}
