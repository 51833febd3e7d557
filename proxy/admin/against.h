/*
 * against: what a dry run of a reload tells beside rules that change: settings that change, and
 * rules that stay although the file says something else.
 *
 * Not for what a reload does (reload.h). Pure. Shapes: as ReloadPreview of openapi.yaml.
 * Errors: NULL: no memory. Ownership: new references. Threads: control.
 */
#ifndef PX_ADMIN_AGAINST_H
#define PX_ADMIN_AGAINST_H

#include "proxy/admin/history.h"
#include "proxy/config/config.h"

/* Listeners, metrics, log, trusted proxies, limits, versions, as texts: [{"name", "before",
 * "after"}], null where there is none. Empty exactly when px_reload_changes_config says no. */
json_t *px_reload_settings(const struct px_config *old, const struct px_config *fresh);

/*
 * Rules in which `after` (what would be in force) differs from the file: [{"rule", "state",
 * "members", "revision", "what", "author"}]. state: changed (in these members), removed or added at
 * run time; revision: the last one that touched it, null when the history does not go back to it.
 */
json_t *px_reload_kept(const struct px_history *history, const json_t *file, const json_t *after);

#endif
