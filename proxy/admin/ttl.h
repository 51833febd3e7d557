/*
 * ttl: changes that go back by themselves: what each one made, and how that is taken back.
 *
 * Not for when (ttl_timer.c). Pure functions on JSON.
 * Glossary: a part is what is taken back as a whole: who gets a rule's requests (weights, stable,
 * sticky, match, switched_off: they only make sense together), one mirror of a rule, any other
 * setting of it, a whole rule that came or went, the order of rules, a mode. An entry is a change
 * with a ttl that is still to go back, with those of its parts that no later revision touched.
 * Shapes: {"revision": 17, "until": RFC 3339, "length_ms": 1800000, "parts": [PART …]}; a part:
 * {"rule": "main", "key": "traffic" | "mirror green" | "guard" …} ("key" left out: the whole rule),
 * {"mode": "green/1"} or {"order": true}, each with "before" (null: it was not there). A part that
 * a change with a shorter ttl covers waits "under" that one's: {"revision", "until", "length_ms",
 * "before", "under"?}; one with a longer ttl takes its place.
 * Errors: -ENOMEM, or NULL. Ownership: new references where lists are returned. Threads: any.
 */
#ifndef PX_ADMIN_TTL_H
#define PX_ADMIN_TTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PX_TTL_MAX 32 /* entries at a time */
#define PX_TTL_LENGTH_MIN_MS 1000
#define PX_TTL_LENGTH_MAX_MS (366LL * 86400 * 1000)

struct px_ttl_state {
    const json_t *rules;
    const json_t *modes;
};

/* A change as ttls see it. */
struct px_ttl_change {
    const json_t *ttls; /* before it */
    struct px_ttl_state before, after;
    const json_t *touched; /* parts without "before" that it is about even if they stay as they are;
                            * "key" left out: all of the rule, and what route made for it */
    bool is_end_of_drain;  /* it touches nothing: a drain that ends is still the same drain */
    const json_t *drop;    /* revisions whose entries end with it; may be NULL */
    const json_t *add;     /* entries that come (back) with it; may be NULL */
    /* of a change with a ttl; length_ms 0: it has none */
    uint64_t revision;
    int64_t length_ms;
    uint64_t until_wall_ns;
};

/* The entries after it; a list. NULL: no memory. */
json_t *px_ttl_after(const struct px_ttl_change *change);

/*
 * Takes back what these entries made, in place. add: a list, appended to: entries that waited under
 * them. A part whose rule is gone is skipped.
 */
int px_ttl_take_back(const json_t *entries, json_t *rules, json_t *modes, json_t *add);

/* What a record says, without what makes no sense; NULL in: an empty list. NULL: no memory. */
json_t *px_ttl_parse(const json_t *said);

/* Those whose time is over by this wall clock; the later a change was made, the earlier it is in
 * the list. NULL: no memory. */
json_t *px_ttl_expired(const json_t *ttls, uint64_t wall_ns);

/* "30m", "90s", "36h" into text; returns it. */
#define PX_TTL_LENGTH_SIZE 32
const char *px_ttl_length_text(int64_t length_ms, char text[PX_TTL_LENGTH_SIZE]);

/* The entry of a revision, or NULL; borrowed. */
json_t *px_ttl_find(const json_t *ttls, uint64_t revision);

/* A version that some entry goes back to and that is not among the addresses (modes.h), or NULL;
 * ret_entry, ret_rule: which. Borrowed. */
const char *px_ttl_missing_version(const json_t *ttls, const json_t *addresses,
                                   const json_t **ret_entry, const char **ret_rule);

#endif
