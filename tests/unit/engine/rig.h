/*
 * rig: an engine's core between a simulated platform and a proxy on paper, whose process may die
 * between any two changes.
 *
 * Shapes: replicas 3; the platform works one turn with each look; a process is ready after
 * `ready_after` looks. The proxy is a view that changes as the real one would. `die_in` counts
 * changes (of platform and proxy) down: at 0 the change is made and the engine dies, by longjmp out
 * of its round. Everything that must be kept is kept in a real store. Errors fail the test.
 * Ownership: rig_open, rig_close. Threads: one.
 */
#ifndef TEST_ENGINE_RIG_H
#define TEST_ENGINE_RIG_H

#include "engine/round.h"

#include <setjmp.h>

#define RIG_REPLICAS 3

struct rig_instance {
    bool exists, is_going;
    char build[16];
    unsigned number, looks;
};

struct rig {
    struct en_platform platform;
    struct en_core core;
    struct en_config *config;
    struct tn_clock clock;
    uint64_t now_ns;
    char path[64];

    /* the platform */
    char builds[EN_VERSIONS][16];
    uint32_t replicas[EN_VERSIONS];
    struct rig_instance instances[EN_VERSIONS][RIG_REPLICAS];
    unsigned made;
    unsigned ready_after;
    const char *never_ready; /* a build */
    int platform_error;      /* of changes */

    /* the proxy */
    struct en_proxy_view proxy;
    bool is_proxy_gone;
    int proxy_error;    /* of changes */
    char changes[4000]; /* "PUT /v1/mode;..." */

    int die_in; /* -1: never */
    jmp_buf death;
    unsigned deaths;

    /* what was true at every look */
    unsigned least_ready, most_there;
    bool were_builds_mixed;
};

extern struct rig rig;

void rig_open(void);
void rig_close(void);

/* One round; an engine that died in it comes back. False: it died. */
bool rig_round(void);

/* An order, answered by a round. Its status. body: JSON with ' for ". */
unsigned rig_order(const char *verb, const char *body);

/* Rounds until the update is over, or a person is needed, at most so many; its course. */
enum strategy_course rig_run(unsigned rounds);

/* All instances of the version that serves have this build, and nothing else is there. */
bool rig_serves(const char *version, const char *build);

/* A person at the proxy. */
void rig_person_abort(void);

#endif
