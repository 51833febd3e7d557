/*
 * local: instances as processes on this machine.
 *
 * Not for other machines. Shapes: each instance runs in a session of its own, its output is
 * appended to LOGS/VERSION-INDEX.log, its folder is DATA/INDEX. It outlives the engine and is
 * adopted again by pid and start time. One that ends by itself is started again, at once the first
 * time, then after 1, 2, 4 ... 30 s; one that is asked to end gets SIGTERM and, after `grace`,
 * SIGKILL to its whole session. Units: ms. Errors, threads: as platform.h; what the store can't
 * keep is not begun. Ownership: close() frees; config, store and os are the caller's.
 */
#ifndef EN_LOCAL_LOCAL_H
#define EN_LOCAL_LOCAL_H

#include "engine/local/os.h"
#include "engine/platform.h"
#include "engine/store.h"
#include "lib/base/clock.h"

struct en_local_options {
    const struct en_config *config;
    struct en_store *store;
    const struct tn_clock *clock;
    struct en_os *os;
};

int en_local_open(const struct en_local_options *options, char **ret_why,
                  struct en_platform **ret_platform);

/* Ends every instance: asks, waits up to `grace`, kills. For `turnout engine --stop-instances`. */
int en_local_stop_all(struct en_platform *platform, void (*sleep_ms)(uint64_t ms), char **ret_why);

#endif
