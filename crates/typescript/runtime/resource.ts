/** What all resources of an API have in common. */

import type { Client } from "./client.js";

/** A group of operations. It can be made alone, so that a bundle holds only what it uses. */
export abstract class Resource {
  protected readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }
}
