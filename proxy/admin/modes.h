/*
 * modes: which versions and endpoints are draining or cut, as JSON, and what a snapshot gets of it.
 *
 * Not for changing them (edit_mode.c) and not for what they do to requests (route, strategies).
 * Shapes: an object by name, "green" or "green/1"; whoever is not in it is active. {"mode": "cut"}
 * or {"mode": "draining", "until": RFC 3339, "timeout_ms": 30000}; an endpoint's also has its
 * "address", by which it is found again when the list of endpoints changes. `addresses` is {"blue":
 * ["10.0.0.7:80", …]}. Units: wall time in ns. Errors: NULL or -ENOMEM: no memory. Ownership: new
 * references where they are returned. Threads: control.
 */
#ifndef PX_ADMIN_MODES_H
#define PX_ADMIN_MODES_H

#include "proxy/config/snapshot.h"
#include "proxy/route/selection.h"

#define PX_MODE_NAME_SIZE 160

/* "active", "draining", "cut" */
const char *px_mode_word(enum strategy_mode mode);

/* Of this very name: a version's own, or an endpoint's. */
enum strategy_mode px_mode_of(const json_t *modes, const char *name);

/* Of a version, its endpoints' taken into account. */
enum strategy_mode px_mode_of_version(const json_t *modes, const json_t *addresses,
                                      const char *version);

/* When its drain ends (RFC 3339; borrowed), or NULL. */
const char *px_mode_until(const json_t *modes, const char *name);

/* "green/1" into buffer. */
char *px_mode_endpoint_name(const char *version, uint32_t index, char buffer[PX_MODE_NAME_SIZE]);

json_t *px_addresses_of(const struct px_config *config);

/* What a record says, without what makes no sense. NULL in: an empty object. */
json_t *px_modes_parse(const json_t *said);

/*
 * The modes as they are with other versions and endpoints: those of an endpoint go with its
 * address, else they stay with its index, else they are gone; notes say so.
 */
json_t *px_modes_fit(const json_t *modes, const json_t *addresses, json_t *notes);

/* Drains whose time ran out by now are cut. 1: some were; 0: none. */
int px_modes_expire(json_t *modes, uint64_t wall_ns);

/* Into a snapshot that is not published yet, and its endpoints. */
void px_modes_apply(const json_t *modes, struct px_snapshot *snapshot);

/* Session bindings of these rules ({"main": 18}) that were made before hold no more. */
void px_unbound_apply(const json_t *unbound, struct px_snapshot *snapshot);

/* What a name stands for in this snapshot; false: it is gone meanwhile. */
bool px_mode_select(const struct px_snapshot *snapshot, const char *name,
                    struct px_selection *ret_selection);

/* "2026-11-03T07:12:33.123Z", as tn_clock_rfc3339 writes it. */
bool px_time_parse(const char *text, uint64_t *ret_wall_ns);

#endif
