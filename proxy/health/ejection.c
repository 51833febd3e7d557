#include "proxy/health/ejection.h"

#include "lib/base/log.h"
#include "proxy/health/prober.h"

#include <assert.h>

bool px_ejection_is_allowed(const struct px_ejection_question *question)
{
    return (question->ejected + 1) * 2 <= question->endpoints && question->open > 1;
}

uint64_t px_ejection_length_ms(uint32_t n, uint64_t first_ms, uint64_t max_ms)
{
    uint64_t length_ms = first_ms;

    while (n-- > 0 && length_ms < max_ms)
        length_ms *= 2;
    return length_ms < max_ms ? length_ms : max_ms;
}

static const struct px_snapshot_version *version_of(const struct px_snapshot *snapshot,
                                                    const struct px_endpoint *endpoint)
{
    for (uint32_t v = 0; v < snapshot->version_count; v++) {
        for (uint32_t e = 0; e < snapshot->versions[v].endpoint_count; e++) {
            if (snapshot->versions[v].endpoints[e] == endpoint)
                return &snapshot->versions[v];
        }
    }
    return NULL;
}

static struct px_ejection_question count(const struct px_snapshot_version *version)
{
    struct px_ejection_question question = {.endpoints = version->endpoint_count};

    for (uint32_t e = 0; e < version->endpoint_count; e++) {
        const struct px_endpoint *endpoint = version->endpoints[e];
        bool is_ejected = atomic_load(&endpoint->ejected);

        question.ejected += is_ejected;
        question.open += !is_ejected && atomic_load(&endpoint->up);
    }
    return question;
}

/* Back in. Its first request that goes well clears the count of failures; its first failures count
 * anew. */
static void let_in(struct px_prober *prober)
{
    atomic_store(&prober->endpoint->failures, 0);
    atomic_store(&prober->endpoint->up_since_ms, tn_loop_now_ms(px_health_loop(prober->health)));
    atomic_store(&prober->endpoint->ejected, false);
    tn_log(TN_LOG_INFO, "health", "%s takes requests again", prober->endpoint->label);
}

static void on_ejection_over(struct tn_deadline *deadline)
{
    struct px_prober *prober = TN_CONTAINER_OF(deadline, struct px_prober, ejection);

    let_in(prober);
}

void px_ejection_init(struct px_prober *prober)
{
    tn_deadline_init(&prober->ejection, on_ejection_over);
}

void px_ejection_end(struct px_prober *prober)
{
    tn_deadline_clear(px_health_loop(prober->health), &prober->ejection);
    atomic_store(&prober->endpoint->ejected, false); /* nobody would let it in later */
}

bool px_health_eject(struct px_health *health, const struct px_snapshot *snapshot,
                     struct px_endpoint *endpoint)
{
    const struct px_snapshot_version *version = version_of(snapshot, endpoint);
    const struct px_limits *limits = snapshot->limits;
    struct px_prober *prober = px_health_find(health, endpoint);
    struct px_ejection_question question;
    uint64_t now_ms = tn_loop_now_ms(px_health_loop(health));
    uint64_t length_ms;

    if (!version || !prober || atomic_load(&endpoint->ejected))
        return false;
    question = count(version);
    if (!px_ejection_is_allowed(&question)) {
        atomic_store(&endpoint->failures, 0); /* asked again after as many more */
        return false;
    }
    if (now_ms > prober->forgiven_ms)
        prober->ejections_in_a_row = 0;
    length_ms = px_ejection_length_ms(prober->ejections_in_a_row++, limits->ejection_ms,
                                      limits->ejection_max_ms);
    prober->forgiven_ms = now_ms + 2 * length_ms;
    endpoint->ejections++;
    atomic_store(&endpoint->ejected, true);
    tn_deadline_after(px_health_loop(health), &prober->ejection, length_ms);
    tn_log(TN_LOG_WARNING, "health", "%s gets no requests for %.1f s: %u failed in a row",
           endpoint->label, (double)length_ms / 1000, limits->ejection_failures);
    return true;
}
