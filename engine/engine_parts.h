/*
 * engine_parts: the process around the rounds: loop, listeners, signals, orders that wait.
 *
 * Private to engine.c and api.c. Shapes: while `is_working` the core belongs to the round; what
 * readers get then is what was told after the round before. Ownership: engine.c's. Threads: the
 * loop's.
 */
#ifndef EN_ENGINE_PARTS_H
#define EN_ENGINE_PARTS_H

#include "engine/engine.h"
#include "engine/local/local.h"
#include "engine/round.h"
#include "lib/api/json.h"
#include "lib/net/control.h"

#define EN_ORDERS_MAX 32

struct en_engine_signal {
    struct tn_signal signal;
    struct en_engine *engine;
};

struct en_engine {
    struct tn_loop loop;
    struct en_config *config;
    struct en_store *store;
    struct en_os os;
    struct en_core core;
    struct tn_work work;
    struct tn_timer timer;
    bool has_timer;
    struct en_engine_signal signals[2];
    size_t signal_count;
    struct tn_api_server *admin;
    struct tn_api_server *metrics;
    struct tn_list waiting; /* orders for the next round */
    uint32_t waiting_count;
    uint64_t delay_ms; /* until the next round, as the last one said */
    bool is_working, is_stopping, has_looked;
    json_t *status;     /* as of the last round */
    char *metrics_text; /* the same */
};

/* A round as soon as there is none. */
void en_engine_kick(struct en_engine *engine);

/* --- api.c -------------------------------------------------------------------------------------
 */

extern const struct tn_api_route en_admin_routes[];
extern const size_t en_admin_route_count;
extern const struct tn_api_route en_metrics_routes[];
extern const size_t en_metrics_route_count;

/* Answers and frees an order that a round has taken, or that none will take any more. */
void en_api_answer(struct en_order *order);

#endif
