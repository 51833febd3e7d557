/*
 * change: the steps of a change, between rulebook.c (the queue), apply.c (the store, the loops) and
 * the pure parts (edit.h, reload.h).
 *
 * Private to rulebook.c, apply.c, open.c, change.c, outcome.c, baseline.c. Ownership: the work
 * belongs to its change.
 */
#ifndef PX_ADMIN_CHANGE_H
#define PX_ADMIN_CHANGE_H

#include "lib/net/control.h"
#include "proxy/admin/handover.h"
#include "proxy/admin/history.h"
#include "proxy/admin/modes.h"
#include "proxy/admin/recorder.h"
#include "proxy/admin/reload.h"
#include "proxy/admin/rulebook.h"
#include "proxy/admin/ttl.h"

struct px_rulebook {
    struct px_rulebook_options options;
    struct px_publisher publisher;
    struct px_config *config;
    struct px_recorder recorder; /* its store is NULL: nothing is kept */
    struct px_snapshot *snapshot;
    json_t *rules;           /* of the snapshot */
    json_t *unbound;         /* of the snapshot: {"main": 18}, as edit.h says */
    json_t *modes;           /* of the snapshot: modes.h */
    json_t *deadlines;       /* of drains: {"green": {"until": …, "at": ns of CLOCK_BOOTTIME}} */
    bool has_lost_deadlines; /* no memory for them: again at the next look */
    struct tn_timer drains;
    json_t *ttls;          /* changes that are to go back: ttl.h */
    json_t *ttl_deadlines; /* {"17": {"until": …, "at": ns of CLOCK_BOOTTIME}} */
    bool has_lost_ttls;    /* as has_lost_deadlines */
    struct tn_timer ttl_timer;
    json_t *hashes;   /* of the file when it was last applied */
    json_t *shadowed; /* {"green": "RFC 3339"}: since when it gets copies */
    json_t *owners;   /* {"main": {"owner", "on_lost", "length_ms"}}: rules in somebody's care */
    bool had_owners;  /* since the start */
    bool is_shadowed_unsaved; /* a note of these two */
    struct px_history history;
    uint64_t revision;
    uint64_t burnt_revision; /* of a record that was withdrawn, but may be on the disk */
    uint64_t applied_wall_ns;
    bool is_reload_ok;
    uint64_t reloaded_wall_ns;
    struct px_baseline *baselines[PX_RULES_MAX];
    struct tn_list waiting;
    uint32_t waiting_count;
    struct px_change *current;
    bool is_recording;     /* the current change waits for the disk */
    uint32_t parked_count; /* changes that are in force and wait for their record */
    struct tn_list done;   /* answers that go out with the next turn */
    struct tn_timer turn;
    void (*on_changed)(void *context, const struct px_change *change); /* may be NULL */
    void *on_changed_context;
    bool is_attached;
    struct px_passing passing;
    bool is_stopping;
    void (*on_idle)(void *context);
    void *on_idle_context;
    void (*on_closed)(void *context);
    void *on_closed_context;
};

/* What a change has come to so far. */
struct px_change_work {
    struct px_config *config; /* that will be in force; a reference */
    json_t *hashes;           /* a reference */
    struct px_rule **rules;   /* parsed; NULL once the snapshot has them */
    uint32_t rule_count;
    json_t *after;     /* rules as JSON */
    json_t *unbound;   /* after; a reference */
    json_t *modes;     /* after; a reference */
    json_t *ttls;      /* after */
    json_t *ttls_drop; /* as edit.h */
    json_t *ttls_add;
    json_t *modes_changed; /* a list for the answer */
    json_t *closing;       /* names whose open exchanges are to be ended */
    size_t closing_done;
    uint64_t closed_count; /* exchanges that were */
    char accepted[128];    /* as edit.h */
    json_t *notes;
    json_t *reload;         /* of a dry run of one: file, settings, kept (against.h); else NULL */
    json_t *touched_before; /* rules that differ */
    json_t *touched_after;
    char rule[128];
    bool is_changed;
    bool is_note; /* rules stay: only the record is written */
    struct px_snapshot *snapshot;
    json_t *record;            /* for the store, made before anything is done */
    struct px_revision *entry; /* for the history; NULL: no new revision */
    uint64_t revision;         /* of the snapshot */
    uint64_t previous;         /* that was in force before it */
    uint64_t to_revision;      /* an undo went there; 0: none */
    uint64_t wall_ns;
    struct px_rulebook *book; /* of a parked change */
    char *not_durable;        /* why it is in force but not recorded, or NULL */
};

/* --- rulebook.c: the queue ----------------------------------------------------------------------
 */

/* Here because open.c makes the timer and the recorder. */
void px_rulebook_on_turn(struct tn_timer *timer);
void px_rulebook_on_written(void *context, const json_t *record);
void px_rulebook_on_recorder_idle(void *context);

void px_rulebook_start_turn(struct px_rulebook *book);
/* Tells whoever waits for it that nothing is under way any more. */
void px_rulebook_check_idle(struct px_rulebook *book);

/* --- apply.c: one change, from its turn to its answer -------------------------------------------
 */

/* The current change, from its request to the moment where somebody has to be waited for. */
void px_apply_run(struct px_rulebook *book);

/* The current change waits for the disk; the urgent one does not wait for it. */
void px_apply_give_way(struct px_rulebook *book, const struct px_change *urgent);

/* Sets the answer of a change to a refusal; returns -EINVAL. */
int px_change_refuse(struct px_change *change, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* That a change which changes something will be. */
uint64_t px_change_next_revision(const struct px_rulebook *book);

/* From the request to parsed rules and what differs. 0, or the change is refused. */
int px_change_compute(struct px_rulebook *book, struct px_change *change);

/* Parses rules (JSON) against a config into the work; errors go to the change. origin: what
 * messages call it. */
int px_change_parse(struct px_change *change, const json_t *rules, const struct px_config *config,
                    const char *origin);

/* --- outcome.c: parsed rules, to what differs, to the answer ------------------------------------
 */

int px_change_compare(const struct px_rulebook *book, struct px_change *change);

/* The answer to a change that was applied, or would be. Asked for once before anything is done, so
 * that it is there when memory runs out later; NULL then: none for that. */
void px_change_set_answer(const struct px_rulebook *book, struct px_change *change);

/* There is something to record; a reload may leave all as it is. */
bool px_change_has_news(const struct px_rulebook *book, const struct px_change_work *work);

/* What goes to the store and into the history, made early: later there may be no memory for it. */
int px_change_make_record(struct px_rulebook *book, struct px_change *change);

/* The record of the store; NULL: no memory. */
json_t *px_change_record(const struct px_rulebook *book, const struct px_change *change);

/* --- shadowed.c ---------------------------------------------------------------------------------
 */

/* What a record says, without what makes no sense; an empty object for NULL. NULL: no memory. */
json_t *px_shadowed_parse(const json_t *said);

/* The last moment: what could not be recorded before. */
void px_shadowed_save(struct px_rulebook *book);

/* The record of what is in force, for a note; NULL: no memory. */
json_t *px_shadowed_record(const struct px_rulebook *book);

/* --- drain.c -----------------------------------------------------------------------------------
 */

/* The modes in force are others, or the book was attached: which drains end when. */
void px_drains_update(struct px_rulebook *book);
void px_drains_on_timer(struct tn_timer *timer);

/* What is left on CLOCK_BOOTTIME of a time that ends then, at most its length; as a moment of it.
 */
uint64_t px_deadline_ns(const struct px_rulebook *book, const char *until, uint64_t length_ns);

/* --- baseline.c --------------------------------------------------------------------------------
 */

/* The loops have switched: where a rule's weights or mirrors are new, counting starts here. */
void px_baseline_set(struct px_rulebook *book, const struct px_change_work *work,
                     const struct px_stats *stats);

#endif
