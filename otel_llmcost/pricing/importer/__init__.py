"""Builds the compiled rate table from the genai-prices package; a developer's tool, never imported at run time.

    python -m otel_llmcost.pricing.importer

It walks the package's price objects, since asking it for prices hides what it does not know: a tier it never heard
of comes back as the standard price. Three of its habits are undone here.

Names. It matches by prefix and substring; we keep the names that those clauses spell out, each checked to lead the
package itself to the same model, and leave dates to our own rule.
History. It takes the last price whose condition holds, and the first if none does; we write closed spans of time
that never overlap, and windows of the week beside the rest of it.
Tiers. It overlays a variant's few prices on the standard ones at each call; we write whole cards.
"""
