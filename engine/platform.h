/*
 * platform: the one seam between the engine and whatever runs instances (processes, pods).
 *
 * Not for deciding (strategies/updates) and not for traffic (proxy.h).
 * Shapes: two versions with instances at their index. What a platform is told is a wish that it
 * keeps durably before it returns, and works towards with every observe(); nothing here waits for
 * an instance. Each call may be repeated: the same wish twice is one. New instances get the
 * version's build; those that are there keep their own until replaced, also over a crash.
 * Units: ms of CLOCK_BOOTTIME. Errors: 0 or negative errno with *ret_why (malloc'd, a sentence in
 * the platform's own words); what failed has changed nothing and is tried again by the engine.
 * Ownership: ops->close() frees. Threads: one call at a time, on any thread; they may block for a
 * few seconds.
 */
#ifndef EN_PLATFORM_H
#define EN_PLATFORM_H

#include "engine/config.h"

#define EN_WHY_SIZE 240
#define EN_ID_SIZE 40

enum en_phase {
    EN_ABSENT,
    EN_STARTING,
    EN_READY,
    EN_STOPPING,
    EN_FAILED /* ended by itself, or never got ready; `why` says it */
};

struct en_instance {
    enum en_phase phase;
    char build[EN_NAME_SIZE]; /* "" when absent */
    char id[EN_ID_SIZE];      /* of this very process or pod; another one has another */
    char address[64];
    uint64_t since_ms; /* it has this phase */
    uint32_t restarts; /* since it was last ready for a minute */
    char why[EN_WHY_SIZE];
};

struct en_version {
    char build[EN_NAME_SIZE]; /* what new instances get; "" none yet */
    uint32_t replicas;        /* how many are wanted: those with an index below it */
    struct en_instance instances[EN_INSTANCES_MAX];
};

struct en_view {
    struct en_version versions[EN_VERSIONS];
};

struct en_platform;

struct en_platform_ops {
    const char *name;
    /* What is there now; also where the platform does what it owes (starts, kills, restarts). */
    int (*observe)(struct en_platform *platform, struct en_view *ret_view, char **ret_why);
    int (*set_build)(struct en_platform *platform, uint32_t version, const char *build,
                     char **ret_why);
    int (*scale)(struct en_platform *platform, uint32_t version, uint32_t replicas, char **ret_why);
    /* This very process or pod (id) goes, and one of the version's build comes in its place. */
    int (*replace)(struct en_platform *platform, uint32_t version, uint32_t index, const char *id,
                   char **ret_why);
    /* Only with no instance there (-EBUSY). *ret_names: malloc'd, what is about to go or went. */
    int (*reset_disks)(struct en_platform *platform, uint32_t version, bool dry_run,
                       char **ret_names, char **ret_why);
    /* 0, or -ENOENT with the builds that there are. */
    int (*check_build)(struct en_platform *platform, const char *build, char **ret_why);
    /* NULL is fine. Instances go on running. */
    void (*close)(struct en_platform *platform);
};

struct en_platform {
    const struct en_platform_ops *ops;
};

extern const char *const en_phase_words[];

/* Sets *ret_why (unless NULL) and returns error. */
int en_fail(char **ret_why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
