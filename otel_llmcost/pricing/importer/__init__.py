"""Builds the compiled rate table from two packages; a developer's tool, never imported at run time.

    make rates

`genai` walks the price objects of genai-prices, since asking that package for prices hides what it does not know: a
tier it never heard of comes back as the standard price. Three of its habits are undone.

Names. It matches by prefix and substring; we keep the names that those clauses spell out, each checked to lead the
package itself to the same model, and leave dates to our own rule.
History. It takes the last price whose condition holds, and the first if none does; we write closed spans of time
that never overlap, and windows of the week beside the rest of it.
Tiers. It overlays a variant's few prices on the standard ones at each call; we write whole cards.

`litellm` reads today's prices from the JSON file of that package. `agree` holds the two against each other, stops where
they differ and `decisions.yaml` does not say who is right, and takes over what only the second knows. `facts` adds
what the providers' pages say and neither package does. `build` writes the table.
"""
