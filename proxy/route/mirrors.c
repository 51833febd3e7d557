#include "proxy/route/context.h"
#include "proxy/route/pick.h"

/* "turnout-shadow", also spelled with '_': this request is a copy already. */
static bool is_shadow(const struct tn_http_head *head)
{
    static const char shadow[] = "shadow";

    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_str name = tn_http_view(head, head->fields[i].name);

        if (head->fields[i].id == TN_HTTP_FIELD_TURNOUT &&
            name.len == sizeof("turnout-shadow") - 1 &&
            tn_str_equal_nocase((struct tn_str){name.ptr + sizeof("turnout-") - 1, 6},
                                (struct tn_str){shadow, 6}))
            return true;
    }
    return false;
}

static const char *const obstacles[PX_MIRROR_PASS_COUNT] = {
    [PX_MIRROR_PASS_SAME_VERSION] = "the same version answers",
    [PX_MIRROR_PASS_MODE] = "the version is draining or cut",
    [PX_MIRROR_PASS_METHOD] = "not a method that is mirrored",
    [PX_MIRROR_PASS_UPGRADE] = "an upgrade",
    [PX_MIRROR_PASS_SIZE] = "its body is larger than max_body",
    [PX_MIRROR_PASS_SHADOW] = "it is a mirrored request itself",
};

/* PX_MIRROR_PASS_COUNT, or why not. */
static enum px_mirror_pass find_obstacle(const struct px_route_context *context,
                                         const struct px_snapshot_mirror *mirror,
                                         const struct px_decision *decision)
{
    const struct tn_http_head *head = context->request->head;

    if (decision->version == mirror->to)
        return PX_MIRROR_PASS_SAME_VERSION;
    if (context->snapshot->versions[mirror->to].mode != STRATEGY_ACTIVE)
        return PX_MIRROR_PASS_MODE;
    if (!(mirror->mirror->methods >> head->method & 1))
        return PX_MIRROR_PASS_METHOD;
    if (head->upgrade)
        return PX_MIRROR_PASS_UPGRADE;
    if (head->content_length >= 0 &&
        (uint64_t)head->content_length > mirror->mirror->max_body_bytes)
        return PX_MIRROR_PASS_SIZE;
    if (is_shadow(head))
        return PX_MIRROR_PASS_SHADOW;
    return PX_MIRROR_PASS_COUNT;
}

static bool is_sampled(const struct px_route_context *context,
                       const struct px_snapshot_mirror *mirror, const struct px_decision *decision)
{
    uint32_t ppm = mirror->mirror->ppm;

    if (mirror->mirror->sample_key && decision->has_key) {
        /* of the rule's seed, not the deal's: it stays, so more percent only adds users */
        uint64_t seed = context->rule->seed ^ context->snapshot->versions[mirror->to].id;

        return strategy_mirror_sample_key(strategy_mix(seed), ppm, decision->key);
    }
    return strategy_mirror_sample(mirror->deal->seed, ppm, px_route_take(context, mirror->deal));
}

void px_route_mirrors(const struct px_route_context *context, struct px_decision *decision)
{
    for (uint32_t i = 0; i < context->rule->mirror_count; i++) {
        const struct px_snapshot_mirror *mirror = &context->rule->mirrors[i];
        const char *name = context->snapshot->versions[mirror->to].name;
        enum px_mirror_pass pass = find_obstacle(context, mirror, decision);
        const char *obstacle = pass == PX_MIRROR_PASS_COUNT ? NULL : obstacles[pass];
        bool is_chosen = !obstacle && is_sampled(context, mirror, decision);

        if (context->explain && !obstacle && mirror->mirror->sample_key && decision->gets_key) {
            px_route_say(context->explain, "mirror to %s, %g%%: as the new id falls (sample key)",
                         name, mirror->mirror->ppm / 1e4);
            continue;
        }
        if (is_chosen)
            decision->mirrors |= 1u << i;
        else if (!obstacle)
            pass = PX_MIRROR_PASS_NOT_SAMPLED;
        decision->passes[i] = (uint8_t)pass;
        if (!context->explain)
            continue;
        if (obstacle)
            px_route_say(context->explain, "mirror to %s: not eligible, %s", name, obstacle);
        else
            px_route_say(context->explain, "mirror to %s, %g%%: %s (sampled by %s)", name,
                         mirror->mirror->ppm / 1e4, is_chosen ? "yes" : "not this one",
                         mirror->mirror->sample_key && decision->has_key ? "key" : "request");
    }
}

uint32_t px_route_mirror_endpoint(const struct px_snapshot *snapshot, struct px_route_loop *loop,
                                  const struct px_decision *decision, uint32_t i)
{
    const struct px_snapshot_rule *rule = &snapshot->rules[decision->rule];
    struct px_pick_question question = {.version = &snapshot->versions[rule->mirrors[i].to],
                                        .loop = loop,
                                        .has_key = decision->has_endpoint_key,
                                        .is_keyed = decision->has_endpoint_key,
                                        .ignores_room = true,
                                        .key = decision->endpoint_key};

    return px_pick_endpoint(&question);
}
