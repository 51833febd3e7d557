#include "proxy/health/health.h"

#include "lib/base/log.h"
#include "lib/net/control.h"
#include "proxy/health/prober.h"

#include <errno.h>
#include <stdlib.h>

struct px_health {
    struct px_health_options options;
    struct tn_list probers;
    uint32_t prober_count; /* closing ones included */
    bool is_settled;
    bool is_closing;
    struct tn_timer turn; /* gets callbacks out of the calls that lead to them */
    bool is_turn_closed;
    void (*on_closed)(void *context);
    void *on_closed_context;
};

struct tn_loop *px_health_loop(struct px_health *health)
{
    return health->options.loop;
}

uint64_t px_health_random(struct px_health *health)
{
    return tn_random_u64(health->options.random);
}

static void check_closed(struct px_health *health)
{
    if (!health->is_closing || !health->is_turn_closed || health->prober_count > 0)
        return;
    if (health->on_closed)
        health->on_closed(health->on_closed_context);
    free(health);
}

static bool all_probed(const struct px_health *health)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &health->probers) {
        const struct px_prober *prober = TN_CONTAINER_OF(node, struct px_prober, node);

        if (!prober->is_closing && !prober->verdict.is_probed)
            return false;
    }
    return true;
}

static void check_settled(struct px_health *health)
{
    if (health->is_settled || health->is_closing || !all_probed(health))
        return;
    health->is_settled = true;
    tn_timer_start(&health->turn, 0, 0);
}

static void on_turn(struct tn_timer *timer)
{
    struct px_health *health = TN_CONTAINER_OF(timer, struct px_health, turn);

    if (health->options.on_settled)
        health->options.on_settled(health->options.context);
}

static void on_turn_closed(struct tn_timer *timer)
{
    struct px_health *health = TN_CONTAINER_OF(timer, struct px_health, turn);

    health->is_turn_closed = true;
    check_closed(health);
}

void px_health_result(struct px_prober *prober, bool ok)
{
    struct px_endpoint *endpoint = prober->endpoint;
    struct px_health *health = prober->health;
    bool was_probed = prober->verdict.is_probed;
    bool is_news =
        px_health_judge(&prober->verdict, ok, prober->config.up_after, prober->config.down_after);

    if (is_news) {
        if (prober->verdict.is_up)
            atomic_store(&endpoint->up_since_ms, tn_loop_now_ms(health->options.loop));
        atomic_store(&endpoint->up, prober->verdict.is_up);
        atomic_store(&endpoint->probed, true);
        if (prober->verdict.is_up)
            tn_log(TN_LOG_INFO, "health", "%s is up (%s)", endpoint->label, endpoint->address.text);
        else
            tn_log(TN_LOG_WARNING, "health", "%s is down (%s): %s", endpoint->label,
                   endpoint->address.text, prober->detail);
    }
    if (!was_probed)
        check_settled(health);
}

void px_health_forget(struct px_prober *prober)
{
    struct px_health *health = prober->health;

    tn_list_remove(&prober->node);
    health->prober_count--;
    check_closed(health);
}

int px_health_new(const struct px_health_options *options, struct px_health **ret_health)
{
    struct px_health *health = calloc(1, sizeof(*health));
    int error;

    if (!health)
        return -ENOMEM;
    health->options = *options;
    tn_list_init(&health->probers);
    error = tn_timer_open(&health->turn, options->loop, on_turn);
    if (error) {
        free(health);
        return error;
    }
    *ret_health = health;
    return 0;
}

struct px_prober *px_health_find(const struct px_health *health, const struct px_endpoint *endpoint)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &health->probers) {
        struct px_prober *prober = TN_CONTAINER_OF(node, struct px_prober, node);

        if (prober->endpoint == endpoint)
            return prober;
    }
    return NULL;
}

static int add_prober(struct px_health *health, struct px_endpoint *endpoint,
                      const struct px_health_config *config)
{
    struct px_prober *prober;
    int error = px_prober_new(health, endpoint, config, &prober);

    if (error)
        return error;
    prober->is_seen = true;
    tn_list_push_back(&health->probers, &prober->node);
    health->prober_count++;
    px_prober_start(prober);
    return 0;
}

int px_health_prepare(struct px_health *health, const struct px_snapshot *snapshot)
{
    int error = 0;

    for (uint32_t v = 0; v < snapshot->version_count; v++) {
        const struct px_snapshot_version *version = &snapshot->versions[v];

        for (uint32_t e = 0; e < version->endpoint_count && !error; e++) {
            struct px_prober *prober = px_health_find(health, version->endpoints[e]);

            error = prober ? px_prober_prepare(prober, &version->health)
                           : add_prober(health, version->endpoints[e], &version->health);
        }
    }
    return error;
}

static int update_endpoint(struct px_health *health, struct px_endpoint *endpoint,
                           const struct px_health_config *config)
{
    struct px_prober *prober = px_health_find(health, endpoint);

    if (!prober)
        return add_prober(health, endpoint, config);
    prober->is_seen = true;
    return px_prober_configure(prober, config);
}

static void close_unseen(struct px_health *health)
{
    struct tn_list *node;
    struct tn_list *next;

    for (node = health->probers.next; node != &health->probers; node = next) {
        struct px_prober *prober = TN_CONTAINER_OF(node, struct px_prober, node);

        next = node->next;
        if (!prober->is_seen && !prober->is_closing)
            px_prober_close(prober);
    }
}

int px_health_update(struct px_health *health, const struct px_snapshot *snapshot)
{
    struct tn_list *node;
    int error = 0;

    TN_LIST_FOR_EACH (node, &health->probers) {
        TN_CONTAINER_OF(node, struct px_prober, node)->is_seen = false;
    }
    for (uint32_t v = 0; v < snapshot->version_count; v++) {
        const struct px_snapshot_version *version = &snapshot->versions[v];

        for (uint32_t e = 0; e < version->endpoint_count; e++) {
            int one = update_endpoint(health, version->endpoints[e], &version->health);

            if (one)
                error = one;
        }
    }
    close_unseen(health);
    check_settled(health);
    return error;
}

const char *px_health_detail(const struct px_health *health, const struct px_endpoint *endpoint)
{
    const struct px_prober *prober = px_health_find(health, endpoint);

    return prober ? prober->detail : "";
}

void px_health_close(struct px_health *health, void (*on_closed)(void *context), void *context)
{
    struct tn_list *node;

    health->is_closing = true;
    health->on_closed = on_closed;
    health->on_closed_context = context;
    TN_LIST_FOR_EACH (node, &health->probers) {
        TN_CONTAINER_OF(node, struct px_prober, node)->is_seen = false;
    }
    close_unseen(health);
    tn_timer_close(&health->turn, on_turn_closed);
}
