/*
 * round: one look at everything, one question to the planner, its commands, and the record.
 *
 * Glossary: round (from a look to what was done about it), order (what a person asked for), told
 * (what the last round left to say). Not for waiting: a round ends within seconds whatever hangs.
 * Shapes: a round may be cut off at any point; the next one, of this process or another, goes on
 * from what it sees. Orders are answered by the round that took them. Units: ms of en_now_ms().
 * Errors: in `told`, for people; what failed is tried again, later each time. Ownership: the
 * engine's; JSON of `told` is made anew by each round. Threads: `core` belongs to the round while
 * one runs, to the loop between two.
 */
#ifndef EN_ROUND_H
#define EN_ROUND_H

#include "engine/hooks.h"
#include "engine/store.h"
#include "engine/update.h"
#include "lib/base/list.h"

struct en_order {
    struct tn_list node;
    const char *verb; /* "start", "plan", "pause" ...: a constant */
    json_t *body;     /* owned */
    void *context;    /* of whoever asked */

    unsigned status; /* of the answer, as HTTP says it */
    json_t *answer;  /* owned */
};

/* How long a mode has been so, as far as this engine has seen it. */
struct en_since {
    enum strategy_mode mode;
    uint64_t since_ms;
};

struct en_told {
    char why[400];     /* what failed last, or "" */
    uint32_t failures; /* in a row */
    uint64_t again_ms; /* not before */
    bool is_proxy_known, is_platform_known;
    uint64_t leased_ms; /* when the lease was renewed last; 0: there is none */
};

struct en_core {
    const struct en_config *config;
    struct en_store *store;
    struct en_platform *platform;
    struct en_proxy proxy;
    const struct tn_clock *clock;
    char boot[40];           /* which run of the machine this is */
    int64_t clock_offset_ms; /* what en_now_ms() adds to CLOCK_BOOTTIME */

    struct en_view view;
    struct en_proxy_view seen;
    struct en_update *update; /* the last one, over or not; NULL: none yet */
    struct strategy_observation observation;
    struct strategy_action action;
    bool has_action;
    struct en_told told;
    struct en_since version_since[EN_VERSIONS];
    struct en_since since[EN_VERSIONS][EN_INSTANCES_MAX];
    struct tn_list orders; /* taken by this round */
    struct en_hooks *hooks;
    uint32_t did;   /* commands that this round carried out */
    json_t *ended;  /* of updates that are over, newest last */
    json_t *totals; /* {"canary done": 3} */
    uint64_t next_id;
    void (*say)(const char *line); /* one JSON line an action */
};

uint64_t en_now_ms(const struct en_core *core);

/* From the store; 0 with or without an update in it. */
int en_core_restore(struct en_core *core, char **ret_why);
int en_core_keep(struct en_core *core, char **ret_why);
void en_core_deinit(struct en_core *core);

/* The whole. Returns when to do it again, in ms. */
uint64_t en_round(struct en_core *core);

/* --- observe.c ----------------------------------------------------------------------------------
 */

/* False: too little is known to ask the planner. */
bool en_observe(struct en_core *core);

/* --- owner.c ------------------------------------------------------------------------------------
 */

/* Whose the rule is now, from what was seen and what we did; also what of the modes is ours. */
enum strategy_owner en_owner(struct en_core *core);
bool en_mode_is_held(const struct en_core *core, uint32_t version, uint32_t index,
                     enum strategy_mode seen);

/* The name of a mode: "blue" (index STRATEGY_WHOLE_VERSION) or "blue/1". */
void en_mode_name(const struct en_core *core, uint32_t version, uint32_t index,
                  char name[EN_NAME_SIZE + 12]);

/* --- lease.c ------------------------------------------------------------------------------------
 */

/* Renews the lease of what users see of the new build, or gives it back when they see none. */
void en_lease(struct en_core *core);

/* --- ask.c --------------------------------------------------------------------------------------
 */

/* Starts a hook of the update; what it says comes with a later round. */
int en_ask(struct en_core *core, const struct strategy_command *command, char **ret_why);

/* What hooks have said since the last round. */
void en_ask_hear(struct en_core *core);

/* Tells the hook `notify`, if there is one; nothing waits for it. */
void en_notify(struct en_core *core, const char *event);

/* --- act.c --------------------------------------------------------------------------------------
 */

/* One command of the planner. */
int en_act(struct en_core *core, const struct strategy_command *command, char **ret_why);

/* "set-build green 2", for logs and problems. */
void en_command_text(const struct en_core *core, const struct strategy_command *command, char *text,
                     size_t size);

/* --- orders.c -----------------------------------------------------------------------------------
 */

/* What has to be answered before the planner is asked; others wait for its action. */
void en_orders_take(struct en_core *core);
void en_orders_finish(struct en_core *core);

/* --- tell.c: JSON for people and programs ------------------------------------------------------
 */

json_t *en_status_json(const struct en_core *core);
/* The sentence for the incident channel; malloc'd. */
char *en_sentence(const struct en_core *core);
char *en_metrics_text(const struct en_core *core);

#endif
