/*
 * events_parts: what the files behind events.h share.
 *
 * Private to events.c, events_text.c, events_seen.c, recent.c. Errors: NULL is "no memory".
 * Ownership: new references and malloc'd texts are the caller's. Threads: control.
 */
#ifndef PX_ADMIN_EVENTS_PARTS_H
#define PX_ADMIN_EVENTS_PARTS_H

#include "lib/api/json.h"
#include "proxy/admin/events.h"

/* --- events_text.c -----------------------------------------------------------------------------
 */

/* "id: 7\nevent: revision\ndata: {…}\n\n"; id NULL: none. Takes over the reference. */
char *px_event_text(const char *name, const uint64_t *id, json_t *data);

/* Who changed what, and why; without the rules themselves, which may be large. */
json_t *px_event_of_change(const struct px_admin *admin, const struct px_change *change);

/* {"revision", "status", "rules"}: as GET /v1/status and /v1/rules, without the time that passes.
 */
json_t *px_event_state(const struct px_admin *admin);

/* --- events_seen.c -----------------------------------------------------------------------------
 */

/* What is compared from one look to the next: {"health": {"green/1": {…}}, "verdict": …}. */
json_t *px_seen_json(const struct px_admin *admin, const json_t *share);

/* tell is called with what is new or other in `after`; how often. */
typedef void(px_seen_fn)(void *context, const char *kind, json_t *data);
size_t px_seen_compare(const json_t *before, const json_t *after, px_seen_fn *tell, void *context);

/* --- recent.c ----------------------------------------------------------------------------------
 */

#define PX_RECENT_SAMPLES 11
#define PX_RECENT_MS 10000

struct px_recent_sample;

/* The last seconds of every rule's versions; zeros are an empty one. */
struct px_recent {
    struct px_recent_sample *samples[PX_RECENT_SAMPLES]; /* oldest first */
    uint32_t count;
};

/*
 * Puts "recent" into each version of a share document: requests and errors a second, p50 and p99
 * of the last ten seconds (or since the first call); null while there is nothing to compare with.
 * Then keeps the counts of now.
 */
void px_recent_add(struct px_recent *recent, const struct px_admin *admin,
                   const struct px_stats *stats, uint64_t now_ms, json_t *share);
void px_recent_clear(struct px_recent *recent);

#endif
