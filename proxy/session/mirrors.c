/* What an exchange tells its mirrors: copies of the request, and the answer that they are compared
 * with. */
#include "proxy/session/exchange.h"
#include "strategies/traffic/strategy.h"

void px_exchange_count_passed_over(const struct px_exchange *exchange, bool is_refused)
{
    const struct px_snapshot_rule *rule = exchange->rule;
    const struct px_snapshot_version *versions = exchange->rules->snapshot->versions;
    struct px_stats *stats = exchange->client->session->stats;

    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        struct px_stats_mirror *counters =
            stats->mirrors[rule->stat][versions[rule->mirrors[i].to].stat];
        uint32_t pass = is_refused ? PX_MIRROR_PASS_REFUSED : exchange->decision.passes[i];

        if (pass != PX_MIRROR_PASS_COUNT)
            counters->passed_over[pass]++;
    }
}

static bool is_selected(const struct px_exchange *exchange, uint32_t i)
{
    return exchange->decision.mirrors & (1u << i);
}

/* --- comparison --------------------------------------------------------------------------------
 */

static void begin_case(struct px_exchange *exchange)
{
    const struct px_snapshot_rule *rule = exchange->rule;
    struct px_session *session = exchange->client->session;
    const struct tn_http_head *head = &exchange->request;
    struct tn_str id = {exchange->request_id, exchange->request_id_len};
    struct px_snapshot_use *owner;
    bool is_compared = false;

    for (uint32_t i = 0; i < rule->mirror_count; i++)
        is_compared = is_compared || (is_selected(exchange, i) && rule->mirrors[i].mirror->compare);
    if (!is_compared)
        return;
    owner = px_snapshot_use_take(exchange->rules);
    exchange->compared =
        px_mirror_case_begin(session->mirrors, tn_http_view(head, head->path), id, owner);
    if (!exchange->compared)
        px_snapshot_use_give(owner);
}

void px_exchange_compare_head(struct px_exchange *exchange)
{
    uint64_t us = UINT64_MAX;

    if (exchange->upstream_first_ns > exchange->upstream_started_ns)
        us = (exchange->upstream_first_ns - exchange->upstream_started_ns) / 1000;
    px_mirror_case_head(exchange->compared, &exchange->response, us);
}

void px_exchange_compare_end(struct px_exchange *exchange, bool is_whole)
{
    if (exchange->compared)
        px_mirror_case_end(exchange->compared, is_whole);
    exchange->compared = NULL;
}

/* --- copies ------------------------------------------------------------------------------------
 */

static struct px_mirror_begin begin_of(struct px_exchange *exchange,
                                       const struct tn_http_forward_request *primary, uint32_t i)
{
    const struct px_snapshot *snapshot = exchange->rules->snapshot;
    const struct px_snapshot_mirror *mirror = &exchange->rule->mirrors[i];

    return (struct px_mirror_begin){
        .head = &exchange->request,
        .how = primary,
        .mirror = mirror->mirror,
        .rule = exchange->rule->stat,
        .to = snapshot->versions[mirror->to].stat,
        .revision = snapshot->revision,
        .compared = mirror->mirror->compare ? exchange->compared : NULL,
        .place = i,
        .config_id = mirror->compare_id,
    };
}

/* Each copy keeps the snapshot, and with it the endpoint, alive until px_mirrors_options.on_end. */
static void send_copy(struct px_exchange *exchange, uint32_t slot, struct px_mirror_begin *begin,
                      const struct px_snapshot_version *version, uint32_t place)
{
    begin->endpoint = place == STRATEGY_NONE ? NULL : version->endpoints[place];
    begin->owner = px_snapshot_use_take(exchange->rules);
    exchange->mirrors[slot] = px_mirror_begin(exchange->client->session->mirrors, begin);
}

static bool wants_baseline(const struct px_exchange *exchange, uint32_t i)
{
    const struct px_mirror *mirror = exchange->rule->mirrors[i].mirror;
    uint8_t method = exchange->request.method;
    struct px_session *session = exchange->client->session;

    if (!is_selected(exchange, i) || !mirror->compare || mirror->baseline.ppm == 0)
        return false;
    if ((method != TN_HTTP_GET && method != TN_HTTP_HEAD) || tn_http_has_body(&exchange->request))
        return false;
    return px_mirror_case_wants_baseline(exchange->compared, mirror) &&
           strategy_mirror_sample(exchange->rule->seed, mirror->baseline.ppm,
                                  session->baseline_n++);
}

/* The same request once more, to another endpoint of the version that answers; or to the only one.
 */
static void send_baseline(struct px_exchange *exchange,
                          const struct tn_http_forward_request *primary)
{
    const struct px_decision *decision = &exchange->decision;
    const struct px_snapshot *snapshot = exchange->rules->snapshot;
    const struct px_snapshot_version *version = &snapshot->versions[decision->version];
    struct px_mirror_begin begin;
    uint32_t place;
    uint32_t i = 0;

    while (i < exchange->rule->mirror_count && !wants_baseline(exchange, i))
        i++;
    if (i == exchange->rule->mirror_count)
        return;
    place = px_route_endpoint(snapshot, &exchange->client->session->route, decision,
                              &decision->endpoint, 1);
    begin = begin_of(exchange, primary, i);
    begin.to = version->stat;
    begin.is_baseline = true;
    send_copy(exchange, PX_MIRRORS_MAX, &begin, version,
              place == STRATEGY_NONE ? decision->endpoint : place);
}

void px_exchange_begin_mirrors(struct px_exchange *exchange,
                               const struct tn_http_forward_request *primary)
{
    const struct px_snapshot *snapshot = exchange->rules->snapshot;
    struct px_session *session = exchange->client->session;

    begin_case(exchange);
    for (uint32_t i = 0; i < exchange->rule->mirror_count; i++) {
        struct px_mirror_begin begin = begin_of(exchange, primary, i);

        if (is_selected(exchange, i))
            send_copy(exchange, i, &begin, &snapshot->versions[exchange->rule->mirrors[i].to],
                      px_route_mirror_endpoint(snapshot, &session->route, &exchange->decision, i));
    }
    if (exchange->compared)
        send_baseline(exchange, primary);
}

void px_exchange_feed_mirrors(struct px_exchange *exchange, const struct tn_http_step *step)
{
    for (uint32_t i = 0; i < PX_EXCHANGE_COPIES; i++) {
        if (exchange->mirrors[i] &&
            !px_mirror_body(exchange->mirrors[i], step->body, step->body_count))
            exchange->mirrors[i] = NULL;
    }
}

void px_exchange_end_mirrors(struct px_exchange *exchange)
{
    if (exchange->decision.mirrors == 0 && !exchange->compared)
        return; /* as with most requests */
    for (uint32_t i = 0; i < PX_EXCHANGE_COPIES; i++) {
        if (exchange->mirrors[i])
            px_mirror_end(exchange->mirrors[i]);
        exchange->mirrors[i] = NULL;
    }
}

void px_exchange_abort_mirrors(struct px_exchange *exchange)
{
    for (uint32_t i = 0; i < PX_EXCHANGE_COPIES; i++) {
        if (exchange->mirrors[i])
            px_mirror_abort(exchange->mirrors[i]);
        exchange->mirrors[i] = NULL;
    }
}
