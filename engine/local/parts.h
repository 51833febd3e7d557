/*
 * parts: what the files of the local platform share: its state and how it is kept.
 *
 * Private to engine/local. Shapes: `kept` is what the store has as "local": who runs where, and
 * what was asked for. Units, errors, ownership, threads: as local.h.
 */
#ifndef EN_LOCAL_PARTS_H
#define EN_LOCAL_PARTS_H

#include "engine/local/local.h"

struct en_local_instance {
    /* kept */
    struct en_process process;
    char build[EN_NAME_SIZE]; /* of the process, or of the one before that ended by itself */
    bool is_going;            /* was asked to end; whoever comes next has the version's build */

    /* of this engine's life */
    uint64_t asked_ms;   /* SIGTERM was sent */
    uint64_t started_ms; /* or adopted */
    uint64_t ready_ms;   /* 0: not ready */
    uint64_t probed_ms;
    uint64_t ended_ms; /* by itself */
    uint64_t again_ms; /* not before */
    uint32_t restarts;
    uint32_t missed;    /* probes in a row since it was ready */
    bool is_failed;     /* since it was last ready */
    enum en_phase told; /* phase of the last view, and since when */
    uint64_t told_ms;
    char why[EN_WHY_SIZE];
};

struct en_local_version {
    char build[EN_NAME_SIZE];
    uint32_t replicas;
    struct en_local_instance instances[EN_INSTANCES_MAX];
};

struct en_local {
    struct en_platform platform;
    struct en_local_options options;
    struct en_local_version versions[EN_VERSIONS];
};

uint64_t en_local_now_ms(const struct en_local *local);

/* --- kept.c ------------------------------------------------------------------------------------
 */

/* From the store; what was never kept is as the configuration says. */
int en_local_restore(struct en_local *local, char **ret_why);
int en_local_keep(struct en_local *local, char **ret_why);

/* --- run.c: one instance ------------------------------------------------------------------------
 */

/* What is owed to it now: start, end, kill, start again. */
int en_local_turn(struct en_local *local, uint32_t version, uint32_t index, char **ret_why);

/* Asks all that are due for it whether they are ready. */
void en_local_probe(struct en_local *local);

/* Malloc'd; NULL: no memory, or no disks. */
char *en_local_data(const struct en_local *local, uint32_t version, uint32_t index);
char *en_local_output(const struct en_local *local, uint32_t version, uint32_t index);

#endif
