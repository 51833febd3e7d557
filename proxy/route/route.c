#include "proxy/route/route.h"

#include "proxy/route/context.h"
#include "proxy/route/match.h"
#include "proxy/route/pick.h"
#include "proxy/route/visitor.h"
#include "strategies/traffic/modes.h"

/* Only these users stay on a draining endpoint. */
static bool is_keyed_by_endpoint(const struct px_snapshot_rule *rule,
                                 const struct px_snapshot_version *version, bool has_key)
{
    return has_key && (rule->rule->sticky.scope_endpoint || version->balance == STRATEGY_HASH);
}

static void list_candidates(const struct px_route_context *context, bool has_key,
                            struct strategy_candidate *candidates)
{
    const struct px_snapshot_rule *rule = context->rule;

    for (uint32_t i = 0; i < rule->version_count; i++) {
        const struct px_snapshot_version *version = px_route_version(context, i);
        bool is_kept = is_keyed_by_endpoint(rule, version, has_key);

        candidates[i].id = rule->ids[i];
        candidates[i].weight = rule->weights[i];
        candidates[i].mode =
            (uint8_t)(is_kept || version->mode > version->loose_mode ? version->mode
                                                                     : version->loose_mode);
        candidates[i].up = px_pick_any_open(version, is_kept);
    }
}

static struct strategy_version_question ask(const struct px_route_context *context,
                                            const struct px_visitor *visitor,
                                            struct strategy_candidate *candidates)
{
    const struct px_snapshot_rule *rule = context->rule;

    list_candidates(context, visitor->has_key, candidates);
    return (struct strategy_version_question){
        .candidates = candidates,
        .count = rule->version_count,
        .seed = rule->deal->seed,
        .has_key = visitor->has_key,
        .is_newcomer = visitor->is_newcomer,
        .key = visitor->key,
        .bound = visitor->bound,
        .on_unhealthy = (uint8_t)rule->rule->on_unhealthy,
        .stable = rule->stable,
    };
}

/* Cut is stronger than matches: where no version of the rule may take the request, the rules below
 * are asked. No slot is taken. */
static bool is_passed_over(const struct px_route_context *context)
{
    struct px_route_context quiet = *context;
    struct strategy_candidate candidates[STRATEGY_VERSIONS_MAX];
    struct strategy_version_question question;
    struct px_visitor visitor;

    quiet.explain = NULL;
    visitor = px_visitor_find(&quiet);
    question = ask(&quiet, &visitor, candidates);
    return !strategy_has_taker(&question);
}

static void say_passed_over(const struct px_route_context *context)
{
    static const char *const modes[] = {"active", "draining", "cut"};

    for (uint32_t i = 0; i < context->rule->version_count; i++)
        px_route_say(context->explain, "version %s is %s", px_route_version_name(context, i),
                     modes[px_route_version(context, i)->mode]);
    px_route_say(context->explain,
                 "rule %s: none of its versions may take this request: passed over",
                 context->rule->rule->name);
}

/* Sets context->rule; NULL: no rule matches. */
static void find_rule(struct px_route_context *context)
{
    const struct px_snapshot *snapshot = context->snapshot;

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        context->rule = &snapshot->rules[i];
        if (!px_match_rule(context->rule->rule, context->loop, context->request, context->explain))
            continue;
        if (!context->rule->is_restricted || i + 1 == snapshot->rule_count ||
            !is_passed_over(context))
            return;
        if (context->explain)
            say_passed_over(context);
    }
    context->rule = NULL;
}

static void say_version(const struct px_route_context *context,
                        const struct strategy_version_question *question,
                        const struct strategy_version_answer *answer,
                        const struct px_decision *decision)
{
    static const char *const modes[] = {"active", "draining", "cut"};
    char weights[256];

    px_route_say(context->explain, "weights %s",
                 px_route_weights_text(context, weights, sizeof(weights)));
    for (uint32_t i = 0; i < question->count; i++) {
        const struct strategy_candidate *candidate = &question->candidates[i];

        if (candidate->mode != STRATEGY_ACTIVE || !candidate->up)
            px_route_say(context->explain, "version %s is %s and %s",
                         px_route_version_name(context, i), modes[candidate->mode],
                         candidate->up ? "up" : "has no endpoint up");
    }
    if (decision->has_slot)
        px_route_say(context->explain, "the next slot is number %llu: %s",
                     (unsigned long long)decision->slot,
                     answer->wanted == STRATEGY_NONE
                         ? "nobody"
                         : px_route_version_name(context, answer->wanted));
    if (answer->index == STRATEGY_NONE)
        px_route_say(context->explain, "version: none can answer (%s, on_unhealthy %s): 503",
                     strategy_reason_word(answer->reason),
                     question->on_unhealthy == STRATEGY_FAIL ? "fail" : "failover");
    else
        px_route_say(context->explain, "version: %s (%s)",
                     px_route_version_name(context, answer->index),
                     strategy_reason_word(answer->reason));
}

static void choose_version(const struct px_route_context *context, struct px_decision *decision)
{
    const struct px_snapshot_rule *rule = context->rule;
    struct strategy_candidate candidates[STRATEGY_VERSIONS_MAX];
    struct px_visitor visitor = px_visitor_find(context);
    struct strategy_version_question question = ask(context, &visitor, candidates);
    struct strategy_version_answer answer;

    if (!visitor.has_key && rule->only == STRATEGY_NONE) {
        decision->has_slot = true;
        decision->slot = question.n = px_route_take(context, rule->deal);
    }
    strategy_choose_version(&question, &answer);
    if (context->explain)
        say_version(context, &question, &answer, decision);
    px_visitor_answer(context, &question, &answer, &visitor, decision);
    decision->has_key = visitor.has_key;
    decision->key = visitor.key;
    decision->reason = answer.reason;
    if (answer.wanted != STRATEGY_NONE)
        decision->wanted = rule->versions[answer.wanted];
    if (answer.index != STRATEGY_NONE)
        decision->version = rule->versions[answer.index];
}

/* Sets endpoint_key and is_spilled. STRATEGY_NONE: this user's endpoint is gone, and no other will
 * do; or none is up. */
static uint32_t choose_endpoint(const struct px_route_context *context,
                                struct px_decision *decision)
{
    const struct px_snapshot_version *version = &context->snapshot->versions[decision->version];
    const struct px_sticky *sticky = &context->rule->rule->sticky;
    struct px_pick_question question = {
        .version = version, .loop = context->loop, .is_dry = context->explain != NULL};
    uint32_t home;

    if (decision->has_key) {
        decision->has_endpoint_key = sticky->scope_endpoint || version->balance == STRATEGY_HASH;
        decision->endpoint_key = decision->key;
    } else if (version->balance == STRATEGY_HASH && !decision->gets_key) {
        decision->has_endpoint_key = px_key_of_client(context->request->client, context->rule->seed,
                                                      &decision->endpoint_key);
    }
    question.has_key = decision->has_endpoint_key;
    question.is_keyed = decision->has_endpoint_key;
    question.key = decision->endpoint_key;
    if (!decision->has_key || !sticky->scope_endpoint)
        return px_pick_endpoint(&question);
    home = px_pick_home(version, decision->key);
    if (home == STRATEGY_NONE || px_pick_is_open(version, home, true)) {
        decision->is_pinned = home != STRATEGY_NONE;
        return home;
    }
    decision->is_spilled = true;
    px_route_say(context->explain, "scope endpoint: the user's endpoint %s is gone, on_missing %s",
                 version->endpoints[home]->label, sticky->on_missing_fail ? "fail" : "spill");
    return sticky->on_missing_fail ? STRATEGY_NONE : px_pick_endpoint(&question);
}

static void refuse(struct px_decision *decision)
{
    memset(decision->passes, PX_MIRROR_PASS_REFUSED, sizeof(decision->passes));
    decision->version = STRATEGY_NONE;
    decision->endpoint = STRATEGY_NONE;
    decision->reason = STRATEGY_REASON_UNAVAILABLE;
    decision->refused_status = 503;
    decision->set_cookie_len = 0;
}

static void clear(struct px_decision *decision)
{
    /* all but the last member, which nobody reads beyond set_cookie_len */
    memset(decision, 0, offsetof(struct px_decision, set_cookie));
    decision->rule = STRATEGY_NONE;
    decision->version = STRATEGY_NONE;
    decision->wanted = STRATEGY_NONE;
    decision->endpoint = STRATEGY_NONE;
}

void px_route_decide(const struct px_snapshot *snapshot, struct px_route_loop *loop,
                     const struct px_route_request *request, const struct px_explain *explain,
                     struct px_decision *ret_decision)
{
    struct px_route_context context = {snapshot, NULL, loop, request, explain};
    const struct px_snapshot_version *version;

    clear(ret_decision);
    find_rule(&context);
    if (!context.rule) {
        px_route_say(explain, "no rule matches: 503");
        refuse(ret_decision);
        return;
    }
    ret_decision->rule = (uint32_t)(context.rule - snapshot->rules);
    choose_version(&context, ret_decision);
    if (explain && ret_decision->wanted != STRATEGY_NONE &&
        ret_decision->wanted != ret_decision->version)
        px_route_tell_health(&context, &snapshot->versions[ret_decision->wanted]);
    if (ret_decision->version == STRATEGY_NONE) {
        refuse(ret_decision);
        return;
    }
    version = &snapshot->versions[ret_decision->version];
    if (explain)
        px_route_tell_health(&context, version);
    ret_decision->endpoint = choose_endpoint(&context, ret_decision);
    if (ret_decision->endpoint == STRATEGY_NONE) {
        px_route_say(explain, "endpoint: none of %s can answer: 503", version->name);
        refuse(ret_decision);
        return;
    }
    if (explain)
        px_route_tell_endpoint(&context, ret_decision);
    px_route_mirrors(&context, ret_decision);
}

bool px_route_is_open(const struct px_snapshot *snapshot, const struct px_decision *decision)
{
    const struct px_snapshot_version *version = &snapshot->versions[decision->version];

    return px_pick_is_open(version, decision->endpoint, decision->has_endpoint_key);
}

uint32_t px_route_endpoint(const struct px_snapshot *snapshot, struct px_route_loop *loop,
                           const struct px_decision *decision, const uint32_t *tried,
                           uint32_t tried_count)
{
    const struct px_sticky *sticky;
    struct px_pick_question question = {.loop = loop,
                                        .has_key = decision->has_endpoint_key,
                                        .is_keyed = decision->has_endpoint_key,
                                        .key = decision->endpoint_key,
                                        .tried = tried,
                                        .tried_count = tried_count};

    if (decision->version == STRATEGY_NONE)
        return STRATEGY_NONE;
    sticky = &snapshot->rules[decision->rule].rule->sticky;
    if (tried_count > 0 && decision->has_key && sticky->scope_endpoint && sticky->on_missing_fail)
        return STRATEGY_NONE;
    question.version = &snapshot->versions[decision->version];
    return px_pick_endpoint(&question);
}
