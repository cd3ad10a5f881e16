// The cart of one office: kept in the browser, for each office its own. It holds nothing on the
// ledger's side; what is in a cart can be bought by anybody.

const NAME = "bursar-cart";
const GONE = "not_on_sale";

function read(office) {
  try {
    const kept = JSON.parse(localStorage.getItem(`${NAME}:${office}`) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => typeof each?.id === "string") : [];
  } catch {
    return [];  // Storage may be switched off; then the cart lasts as long as the page.
  }
}

/** Leads that an office means to buy: { id, title, price }, and what stands in the way of some. */
export class Cart {
  #office = "";
  #leads = [];
  onChange = () => {};
  /** By lead: { reason, words }. */
  conflicts = new Map();

  constructor() {
    window.addEventListener("storage", (event) => {
      if (event.key === `${NAME}:${this.#office}`) this.open(this.#office);
    });
  }

  /** Take up the cart of an office. */
  open(office) {
    if (office !== this.#office) this.conflicts.clear();
    this.#office = office;
    this.#leads = read(office);
    this.onChange();
  }

  get leads() {
    return this.#leads;
  }

  get total() {
    return this.#leads.reduce((sum, lead) => sum + lead.price, 0);
  }

  has(id) {
    return this.#leads.some((lead) => lead.id === id);
  }

  add({ id, title, price }) {
    if (!this.has(id)) this.#keep([...this.#leads, { id, title, price }]);
  }

  remove(ids) {
    for (const id of ids) this.conflicts.delete(id);
    this.#keep(this.#leads.filter((lead) => !ids.includes(lead.id)));
  }

  /**
   * What is on sale costs what it costs now; a price that moved is said, and, where all that is on
   * sale was read, what is no longer among it.
   */
  price(onSale, isAll) {
    const now = new Map(onSale.map((lead) => [lead.id, lead.price]));
    for (const lead of this.#leads) {
      const known = this.conflicts.get(lead.id)?.reason;
      if (!now.has(lead.id) && isAll && !known) this.conflicts.set(lead.id, { reason: GONE });
      if (now.has(lead.id) && known === GONE) this.conflicts.delete(lead.id);
      const price = now.get(lead.id) ?? lead.price;
      if (price !== lead.price) {
        this.conflicts.set(lead.id, { reason: "price_changed", price, was: lead.price });
      }
    }
    const isMoved = ({ id, price }) => now.has(id) && now.get(id) !== price;
    // Without need it is not written: another window may have put something in meanwhile.
    if (!this.#leads.some(isMoved)) this.onChange();
    else this.#keep(this.#leads.map((lead) => ({ ...lead, price: now.get(lead.id) ?? lead.price })));
  }

  /** Note what the ledger said of each lead that it would not sell. */
  refuse(conflicts) {
    this.conflicts.clear();
    for (const each of conflicts) {
      const lead = this.#leads.find(({ id }) => id === each.lead_id);
      if (lead) this.conflicts.set(lead.id, { ...each, was: lead.price });
    }
    this.onChange();
  }

  forgive() {
    this.conflicts.clear();
    this.onChange();
  }

  #keep(leads) {
    this.#leads = leads;
    try {
      if (leads.length) localStorage.setItem(`${NAME}:${this.#office}`, JSON.stringify(leads));
      else localStorage.removeItem(`${NAME}:${this.#office}`);
    } catch {
      // Not kept, then.
    }
    this.onChange();
  }
}
