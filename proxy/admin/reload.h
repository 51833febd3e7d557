/*
 * reload: what of a configuration file applies to rules that were changed at run time.
 *
 * Not for reading the file (config) and not for applying anything (rulebook.h). Pure.
 * Shapes: rules are lists of JSON rules; the hashes of a file are an object {name: hash} in the
 * file's order. A rule is taken from the file only if its own text changed since the file was last
 * applied; a rule that the file lost is removed; everything else keeps what was set at run time.
 * Errors: -ENOMEM. Ownership: as named. Threads: any.
 */
#ifndef PX_ADMIN_RELOAD_H
#define PX_ADMIN_RELOAD_H

#include "proxy/config/config.h"

struct px_merge {
    json_t *current;     /* the rules that are in force */
    json_t *applied;     /* hashes of the file when it was last applied */
    json_t *file;        /* the rules of the file now */
    json_t *hashes;      /* and their hashes */
    json_t *notes;       /* a list of sentences, appended to */
    bool *has_lost_note; /* out: there was no memory for one; may be NULL */
};

/* ret_rules: a new list. */
int px_merge_rules(const struct px_merge *merge, json_t **ret_rules);

/* {name: 16 hex digits of px_rule_hash} of a file's rules; NULL: no memory. */
json_t *px_hashes_of(const struct px_config *config);

/* A list of rules as JSON; NULL: no memory. */
json_t *px_rules_to_json(struct px_rule *const *rules, uint32_t count);

/* Sentences about what cannot change while the process runs; empty: nothing of it did. NULL: no
 * memory. */
json_t *px_reload_needs_restart(const struct px_config *old, const struct px_config *fresh);

/* Listeners, metrics, log, versions, endpoints, health, limits or trusted proxies differ. */
bool px_reload_changes_config(const struct px_config *old, const struct px_config *fresh);

#endif
