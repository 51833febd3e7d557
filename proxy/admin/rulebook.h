/*
 * rulebook: the rules that are in force, and the one way to change them.
 *
 * Not for HTTP (resources.c) and not for what an edit does (edit.h).
 * A change is: compute → check → build a snapshot → have all memory that it needs set aside →
 * append to the store and fdatasync (on another thread) → publish to every loop → collect the
 * counters that the new shares start from → answer. Changes wait in a queue and are computed one by
 * one, each from what the one before it left. What can't be recorded is not applied. An urgent
 * change (abort, cut, drain) waits for no disk: it goes ahead of the queue, sends away a change
 * that is just being recorded (412), is published first and recorded then (recorder.h). Shapes: the
 * revision grows by one with each change (or reload). Without a store nothing survives a restart.
 * Units: ns. Errors: 0 or negative errno with a text (malloc'd); a change is answered with a
 * status as HTTP has it: 200, 412 stale, 422 not possible, 500, 503 stopping or full queue, 507
 * full disk. Ownership: px_rulebook_open … px_rulebook_close; the current snapshot is the book's
 * until then. Callbacks: from the loop, never from inside the call. Threads: control.
 */
#ifndef PX_ADMIN_RULEBOOK_H
#define PX_ADMIN_RULEBOOK_H

#include "lib/base/clock.h"
#include "proxy/admin/edit.h"
#include "proxy/admin/store.h"
#include "proxy/route/selection.h"
#include "proxy/stats/stats.h"

#define PX_CHANGES_MAX 64 /* waiting */

struct px_rulebook;
/* What happens to a snapshot: px_workers_prepare, _publish, _collect and _break_off, or a test's.
 */
struct px_publisher {
    void (*prepare)(void *workers, struct px_snapshot *snapshot,
                    void (*on_prepared)(void *context, int error), void *context);
    void (*publish)(void *workers, struct px_snapshot *snapshot, void (*on_switched)(void *context),
                    void *context);
    void (*collect)(void *workers, void (*on_stats)(void *context, struct px_stats *stats),
                    void *context);
    /* The same with ledgers; may be NULL in a test. */
    void (*collect_ledgers)(void *workers, void (*on_stats)(void *context, struct px_stats *stats),
                            void *context);
    void (*break_off)(void *workers, const struct px_selection *selection,
                      void (*on_done)(void *context, uint32_t count), void *context);
    void *workers;
};

struct px_rulebook_options {
    struct tn_loop *control;
    const struct tn_clock *clock;
    struct px_registry *registry;
    struct px_config *config; /* as loaded; a reference of its own is taken */
    /* A snapshot may be published: what it or its config needs is set aside. An error, as out of
     * memory or with a sentence (malloc'd), refuses the change. on_snapshot follows. May be NULL.
     */
    int (*on_prepare)(void *context, const struct px_snapshot *snapshot, char **ret_why);
    /* This one is in force: the prober's turn, before others go. May be NULL. */
    void (*on_snapshot)(void *context, const struct px_snapshot *snapshot);
    void *context;
    const json_t *inheritance; /* of another process (handover.h), or NULL */
    int lock_fd;               /* of its store, taken over in any case; or -1 */
};

/* Reads the store, joins it with the file, builds the first snapshot and records it. */
int px_rulebook_open(const struct px_rulebook_options *options, char **ret_why,
                     struct px_rulebook **ret_book);

/* From here on changes are taken. */
void px_rulebook_attach(struct px_rulebook *book, const struct px_publisher *publisher);

/* The workers gave a snapshot back. */
void px_rulebook_unused(struct px_rulebook *book, struct px_snapshot *snapshot);

struct px_snapshot *px_rulebook_snapshot(const struct px_rulebook *book);
const struct px_config *px_rulebook_config(const struct px_rulebook *book);
/* The rules as JSON; borrowed, until the next change. */
json_t *px_rulebook_rules(const struct px_rulebook *book);
/* Which versions and endpoints are draining or cut (modes.h); borrowed, until the next change. */
const json_t *px_rulebook_modes(const struct px_rulebook *book);

/* Changes that are to go back, as openapi.yaml has them; a new reference, NULL: no memory. */
json_t *px_rulebook_ttls(const struct px_rulebook *book);
/* Of the next one (wall time); 0: none. */
uint64_t px_rulebook_next_ttl(const struct px_rulebook *book);

/* The last count revisions, as openapi.yaml has them; a new reference, NULL: no memory. */
json_t *px_rulebook_history(const struct px_rulebook *book, size_t count);

struct px_rulebook_state {
    uint64_t revision;
    uint64_t applied_wall_ns;
    bool is_durable;
    bool has_store;
    bool is_reload_ok;         /* the last one; the start counts as one */
    uint64_t reloaded_wall_ns; /* the last good one */
};
struct px_rulebook_state px_rulebook_state(const struct px_rulebook *book);

/* --- shadow data --------------------------------------------------------------------------------
 */

/* Copies of requests were sent to this version: what it has on its disks is not only its own. */
void px_rulebook_mirrored(struct px_rulebook *book, const char *version);

/* Since when (RFC 3339; borrowed), restarts included, or NULL: never. */
const char *px_rulebook_shadowed_since(const struct px_rulebook *book, const char *version);

/* {"main": {"owner": "update 42", "on_lost": "abort", "length_ms": 15000}}; borrowed, kept. */
const json_t *px_rulebook_owners(const struct px_rulebook *book);

/* The entry is taken over; NULL: nobody's any more. A change by another author is refused (409)
 * unless it is an abort, a mode, or takes over. */
void px_rulebook_set_owner(struct px_rulebook *book, const char *rule, json_t *entry);

/* --- counts since the weights were set ---------------------------------------------------------
 */

struct px_baseline {
    uint64_t since_wall_ns; /* of the cells; 0: since the start */
    struct px_stats_cell cells[PX_VERSIONS_MAX + 1];
    struct px_stats_mirror mirrors[PX_VERSIONS_MAX];
};

/* What to take off the counters of a rule (its stat number); NULL: nothing, since the start. */
const struct px_baseline *px_rulebook_baseline(const struct px_rulebook *book, uint32_t rule_stat);

/* --- changes -----------------------------------------------------------------------------------
 */

struct px_change {
    /* the submitter's */
    const char *what; /* "weights"; a constant */
    px_edit_fn *edit; /* NULL: a reload */
    json_t *request;  /* the body, taken over; NULL for a reload and for yaml */
    char *yaml;       /* a list of rules as text instead (malloc'd, taken over), or NULL */
    size_t yaml_len;
    char *author; /* malloc'd, taken over, or NULL */
    char *reason;
    json_t *peer;         /* peer.h, taken over; NULL: turnout itself */
    int64_t ttl_ms;       /* it goes back by itself after that; 0: never */
    bool is_take_over;    /* rules in somebody's care, too */
    bool is_of_successor; /* was made by the process that took over */
    bool is_urgent;
    bool is_dry_run;
    bool has_if_revision;
    uint64_t if_revision;
    void (*on_done)(struct px_change *change); /* frees it: px_change_free() */
    void *context;

    /* the answer */
    unsigned status;
    char *detail;          /* of a refusal */
    json_t *errors;        /* several messages of the parser, or NULL */
    json_t *answer;        /* of 200 */
    uint64_t revision;     /* that is in force now */
    bool is_for_successor; /* refused: ask that one */

    struct px_change_work *work; /* private */
    struct tn_list node;
};

/* A change of zeros, or NULL. */
struct px_change *px_change_new(void);
void px_change_free(struct px_change *change);

/* How long it is to stay: whole ms; NULL: without end. -EINVAL: it is refused, with detail. */
int px_change_set_ttl(struct px_change *change, const json_t *ttl_ms);
int px_change_set_ttl_text(struct px_change *change, const char *ttl_ms);

/* The answer of a change that is done, for when there is no memory for the whole: JSON. A dry run
 * too has no more to say. Returns text. */
#define PX_CHANGE_BRIEF_SIZE 256
const char *px_change_brief(const struct px_change *change, char text[PX_CHANGE_BRIEF_SIZE]);

/* on_done follows in any case. */
void px_rulebook_submit(struct px_rulebook *book, struct px_change *change);

/*
 * Abort of one rule (and what route made for it) by the process itself, as `turnout abort --rule`
 * does it: urgent, in force with the next turns of the loops, whatever the disk does. author:
 * "guard". reason: with the figures; goes into log and record. on_done may be NULL; else it is told
 * once every loop has switched: status 200 (changed says whether there was something to abort), or
 * 422 (no such rule). All texts are copied. -ENOMEM: nothing was started.
 */
typedef void(px_aborted_fn)(void *context, unsigned status, bool is_changed, const char *detail);
int px_rulebook_abort(struct px_rulebook *book, const char *rule, const char *author,
                      const char *reason, px_aborted_fn *on_done, void *context);

/* on_changed: a change is in force in every loop; NULL: nobody listens any more. From inside a turn
 * of the book: nothing may be submitted. */
void px_rulebook_listen(struct px_rulebook *book,
                        void (*on_changed)(void *context, const struct px_change *change),
                        void *context);

/* No further changes; on_idle once the last one was answered. */
void px_rulebook_stop(struct px_rulebook *book, void (*on_idle)(void *context), void *context);

/* After the workers gave back every snapshot and when nobody is left to submit; then on_closed (may
 * be NULL), and the memory is gone. */
void px_rulebook_close(struct px_rulebook *book, void (*on_closed)(void *context), void *context);

#endif
