/*
 * lease: a rule in somebody's care for a while: if they are not heard of again, it goes back.
 *
 * Not for the abort itself (rulebook.h). Shape: one lease for each rule, by its name: owner,
 * length, and what is to happen at its end: `abort` (as `turnout abort --rule` does it) or `hold`
 * (nothing, but it is told). Renewed by asking for it again; given back with length 0. Who holds
 * one is recorded (not each renewal): after a restart it begins anew with its length. Units: ms of
 * CLOCK_BOOTTIME. Errors: negative errno. Ownership: px_leases_new … px_leases_close. Threads:
 * control.
 */
#ifndef PX_ADMIN_LEASE_H
#define PX_ADMIN_LEASE_H

#include "lib/net/control.h"
#include "proxy/admin/admin.h"

#define PX_LEASE_OWNER_SIZE 64
#define PX_LEASE_MS_MAX 3600000u

struct px_leases;

/* admin: its book and clock are used; outlives the leases. */
int px_leases_new(struct tn_loop *loop, struct px_admin *admin, struct px_leases **ret_leases);

/*
 * Begins, renews, or (ms 0) gives back. -EEXIST: somebody else has it, *ret_owner (borrowed) says
 * who; a lease given back by somebody else stays. -ENOSPC: too many.
 */
int px_leases_take(struct px_leases *leases, const char *rule, const char *owner, uint64_t ms,
                   bool is_abort, const char **ret_owner);

/* {"leases": [{"rule", "owner", "on_lost", "left_ms"}]}; NULL: no memory. */
json_t *px_leases_json(const struct px_leases *leases);

/* NULL is fine. The memory goes with the loop's next turns. */
void px_leases_close(struct px_leases *leases);

#endif
