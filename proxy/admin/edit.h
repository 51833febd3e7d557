/*
 * edit: what a change request makes of the rules, as pure functions on JSON.
 *
 * Not for checking what the configuration parser checks: versions that do not exist, weights out of
 * range and the like are found when the result is parsed, in the words of the configuration.
 * Shapes: `rules` is a list as in the configuration file and is changed in place; `request` is the
 * body as openapi.yaml says. `file_rules` are the rules that the configuration file has now: what
 * `route` goes back to. Notes are sentences for the person who asked. Units: ppm.
 * Errors: -EINVAL with `detail` (422 to the client), -ENOMEM; `rules` is worthless then.
 * Ownership: the caller's; edits borrow. Threads: any.
 */
#ifndef PX_ADMIN_EDIT_H
#define PX_ADMIN_EDIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct px_history;

struct px_edit {
    json_t *rules;
    json_t *request;
    json_t *file_rules;
    json_t *notes;      /* a list, appended to */
    bool has_lost_note; /* out: there was no memory for a note */
    /* {"main": 18}: session bindings of this rule made before this revision hold no more */
    json_t *unbound;
    json_t *modes;     /* modes.h; changed in place like rules */
    json_t *addresses; /* modes.h */
    json_t *shadowed;  /* {"green": RFC 3339}: versions with data of copies */
    json_t *closing;   /* a list, appended to: names whose open exchanges are to be ended */
    const struct px_history *history; /* of undo */
    const json_t *ttls;               /* ttl.h; in force */
    json_t *ttls_drop;                /* a list, appended to: revisions whose entries end */
    json_t *ttls_add;                 /* a list, appended to: entries that come back */
    uint64_t revision;                /* in force */
    uint64_t next_revision;           /* that the change will be, if it changes something */
    uint64_t wall_ns;
    char accepted[128];   /* out: a version whose shadow data is its own from now on, or "" */
    uint64_t to_revision; /* out: of undo; 0: none */
    char rule[128];       /* out: the rule that was edited; "" for several */
    char detail[512];     /* out: why it was refused */
};

typedef int(px_edit_fn)(struct px_edit *edit);

px_edit_fn px_edit_rules;   /* {"rules": […]}: the whole list */
px_edit_fn px_edit_weights; /* {"rule"?, "weights": {…}, "stable"?}: the whole vector */
px_edit_fn px_edit_share;   /* {"rule"?, "share": {"green": ppm}}: the others are scaled */
px_edit_fn px_edit_mirror;  /* {"rule"?, "to", "ppm"}: 0 is off */
px_edit_fn px_edit_route;   /* {"rule"?, "strategy", …} */
px_edit_fn px_edit_abort;   /* {"rule"?}: each rule, or this one, back to its stable */
px_edit_fn px_edit_promote; /* {"rule"?, "version"?, "accept_shadow_data"?} */
px_edit_fn px_edit_mode;    /* {"version", "endpoint"?, "mode", "timeout_ms"?, "abort_open"?} */
px_edit_fn px_edit_undo;    /* {"to_revision"?}: all as it was then, or one revision ago */
px_edit_fn px_edit_ttl; /* {"revisions": [17], "give_up"?}: what these made goes back (or stays) */
px_edit_fn
    px_edit_drained; /* {"modes": {NAME: UNTIL}}: these drains have ended, if no other began */

/* --- edit.c: what the edits share --------------------------------------------------------------
 */

int px_edit_refuse(struct px_edit *edit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void px_edit_note(struct px_edit *edit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Any member of the request that is not in names, a list that ends with NULL, nor one that every
 * change may have, is refused. */
int px_edit_check_members(struct px_edit *edit, const char *const *names);

/* The rule that the request names, or the last. */
int px_edit_find_rule(struct px_edit *edit, size_t *ret_index, json_t **ret_rule);

/* A member of the request that must be a text, not empty. */
int px_edit_text(struct px_edit *edit, const char *name, const char **ret_text);

/* A whole number between 0 and a million. */
int px_edit_ppm(struct px_edit *edit, const char *name, const json_t *value, unsigned *ret_ppm);

json_t *px_edit_find_by_name(const json_t *rules, const char *name);

/* How many versions have weight, and one of them. */
size_t px_edit_count_positive(const json_t *rule, const char **ret_one);

/* Two or more versions share: abort must know where to go back to. */
int px_edit_need_stable(struct px_edit *edit, json_t *rule, const json_t *before);

/* A match rule that an abort switched off is arranged anew: it is on again. */
void px_edit_switch_on(struct px_edit *edit, json_t *rule);

/* Did `route` make the rule for this one ("main/ab-1" for "main")? */
bool px_edit_is_made_for(const json_t *rule, const char *parent);

/* Takes over the value. */
int px_edit_set(json_t *object, const char *key, json_t *value);

/* --- edit_sticky.c -----------------------------------------------------------------------------
 */

/*
 * Stickiness without what `route` itself made of it: the rule's own, unless that is one `route`
 * could have made, and then that of the file. Borrowed; NULL: none.
 */
const json_t *px_edit_users_sticky(const struct px_edit *edit, const json_t *rule);

#endif
