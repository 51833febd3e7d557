#include "proxy/route/match.h"
#include "proxy/session/exchange.h"

/*
 * What a request says about the version that it was meant for: counts for verdicts and guards. An
 * error is a status of 5xx, an answer that broke off, or none because of the version (failure.c); a
 * request that another version answered instead is its error too. What the client is to blame for,
 * or left before there was an answer, says nothing.
 */
enum judgement { NOTHING, GOOD, BAD };

static enum judgement judge(const struct px_exchange *exchange)
{
    const struct px_decision *decision = &exchange->decision;

    if (decision->version == STRATEGY_NONE || decision->reason == STRATEGY_REASON_FAILOVER)
        return BAD;
    if (px_failure_is_upstreams(exchange->failure))
        return BAD;
    /* either side may let an exchange idle: it is the service's fault as long as it owes an answer
     */
    if (exchange->failure == PX_FAILURE_IDLE_TIMEOUT && exchange->request_state == PX_REQUEST_DONE)
        return BAD;
    if (exchange->upstream_first_ns == 0 || exchange->status == 0)
        return NOTHING;
    return exchange->status >= 500 ? BAD : GOOD;
}

/* The version that was asked for is charged, whoever answered. STRATEGY_NONE: none was. */
static uint32_t place_of(const struct px_exchange *exchange)
{
    const struct px_snapshot_rule *rule = exchange->rule;
    const struct px_decision *decision = &exchange->decision;
    uint32_t version = decision->wanted == STRATEGY_NONE ? decision->version : decision->wanted;

    for (uint32_t i = 0; i < rule->version_count; i++) {
        if (rule->versions[i] == version)
            return i;
    }
    return STRATEGY_NONE;
}

static void note_evenness(const struct px_exchange *exchange)
{
    const struct px_snapshot_rule *rule = exchange->rule;
    const struct px_snapshot_version *versions = exchange->rules->snapshot->versions;

    for (uint32_t i = 0; i < rule->version_count; i++) {
        if (rule->weights[i] > 0 && versions[rule->versions[i]].mode != STRATEGY_ACTIVE)
            atomic_store_explicit(&rule->trial->is_uneven, true, memory_order_relaxed);
    }
}

void px_judge_decision(struct px_exchange *exchange, const struct px_route_request *request)
{
    struct px_session *session = exchange->client->session;
    const struct px_snapshot_rule *rule = exchange->rule;
    struct px_stats_trial *trial = px_stats_trial(session->stats, rule);
    uint32_t place = place_of(exchange);

    for (uint32_t i = 0; i < rule->rule->goal_count; i++) {
        if (px_match_goal(&rule->rule->goals[i].match, &session->route, request))
            exchange->goals |= (uint8_t)(1u << i);
    }
    if (!trial || place == STRATEGY_NONE || !exchange->decision.has_slot)
        return;
    note_evenness(exchange);
    trial->arms[place].dealt++;
    if (exchange->decision.set_cookie_len > 0)
        trial->arms[place].issued++;
}

static void count(struct strategy_counts *counts, bool is_error)
{
    counts->of++;
    counts->events += is_error;
}

/* Stable's users are compared with those of each other version, these only with stable's. */
static void count_compared(struct px_stats_trial *trial, const struct px_snapshot_rule *rule,
                           uint32_t place, uint64_t key, bool is_error)
{
    uint32_t bucket = strategy_user_bucket(key);
    uint32_t stable = rule->stable;

    if (stable == STRATEGY_NONE)
        return;
    if (place != stable) {
        if (strategy_user_is_kept(key, rule->weights[place], rule->weights[stable]))
            count(&trial->arms[place].crowd->own[bucket], is_error);
        return;
    }
    for (uint32_t i = 0; i < rule->version_count; i++) {
        if (i != stable && strategy_user_is_kept(key, rule->weights[stable], rule->weights[i]))
            count(&trial->arms[i].crowd->stable[bucket], is_error);
    }
}

static void count_user(struct px_stats_trial *trial, const struct px_exchange *exchange,
                       uint32_t place, bool is_error)
{
    const struct px_decision *decision = &exchange->decision;
    struct px_stats_crowd *crowd = trial->arms[place].crowd;
    /* who has no key is a user of his own: he was dealt, and will be again */
    uint64_t key = decision->has_key ? decision->key
                                     : strategy_mix(decision->slot ^ strategy_mix(trial->number));

    px_stats_bits_set(&crowd->seen, key);
    count(&crowd->buckets[strategy_user_bucket(key)], is_error);
    count_compared(trial, exchange->rule, place, key, is_error);
}

static void count_goals(struct px_stats_trial *trial, const struct px_exchange *exchange,
                        uint32_t place)
{
    const struct px_rule *rule = exchange->rule->rule;
    struct px_stats_arm *arm = &trial->arms[place];

    for (uint32_t i = 0; i < trial->goal_count; i++) {
        if (!(exchange->goals & (1u << i)) || exchange->status < rule->goals[i].status_low ||
            exchange->status > rule->goals[i].status_high)
            continue;
        arm->goals[i]++;
        if (arm->crowd && exchange->decision.has_key)
            px_stats_bits_set(&arm->crowd->reached[i], exchange->decision.key);
    }
}

/* Failures in a row over all loops. While nothing fails this is one look. */
static void count_row(const struct px_snapshot_rule *rule, uint32_t place, bool is_error)
{
    _Atomic uint32_t *failures = &rule->trial->failures[place];

    if (!is_error) {
        if (atomic_load_explicit(failures, memory_order_relaxed) > 0)
            atomic_store_explicit(failures, 0, memory_order_relaxed);
    } else if (atomic_fetch_add_explicit(failures, 1, memory_order_relaxed) + 1 >=
               rule->rule->guard.consecutive_failures) {
        atomic_store_explicit(&rule->trial->is_row_full[place], true, memory_order_relaxed);
    }
}

void px_judge_answer(struct px_exchange *exchange, uint64_t duration_us)
{
    struct px_session *session = exchange->client->session;
    const struct px_snapshot_rule *rule = exchange->rule;
    struct px_stats_trial *trial = px_stats_trial(session->stats, rule);
    enum judgement judgement = judge(exchange);
    uint32_t place = place_of(exchange);
    struct px_stats_arm *arm;
    uint32_t bucket = 0;

    if (!trial || judgement == NOTHING || place == STRATEGY_NONE)
        return;
    arm = &trial->arms[place];
    arm->requests++;
    arm->errors += judgement == BAD;
    while (bucket < PX_STATS_BUCKETS - 1 && duration_us > px_stats_bucket_us[bucket])
        bucket++;
    if (!exchange->is_tunnel)
        arm->buckets[bucket]++;
    if (arm->crowd)
        count_user(trial, exchange, place, judgement == BAD);
    if (exchange->goals && judgement == GOOD)
        count_goals(trial, exchange, place);
    if (!rule->rule->guard.is_set || place == rule->stable)
        return;
    if (rule->rule->guard.consecutive_failures > 0)
        count_row(rule, place, judgement == BAD);
    if (judgement == BAD && session->on_suspect)
        session->on_suspect(session);
}
