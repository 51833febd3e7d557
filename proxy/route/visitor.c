#include "proxy/route/visitor.h"

#include "proxy/route/newcomer.h"

static void read_cookie(const struct px_route_context *context, struct px_visitor *visitor)
{
    const struct px_snapshot_rule *rule = context->rule;
    const struct px_sticky *sticky = &rule->rule->sticky;
    struct tn_str name = tn_str_of(sticky->name);
    struct tn_str text;

    if (tn_http_find_cookie(context->request->head, name, &text) == 0)
        return;
    visitor->state = px_cookie_parse(text, name, rule->cookie_keys, &visitor->cookie);
    if (visitor->state < PX_COOKIE_VALID)
        return;
    visitor->has_key = true;
    visitor->key = px_key_of_id(visitor->cookie.id, rule->seed);
    if (!sticky->affinity_session || !visitor->cookie.has_binding)
        return;
    for (uint32_t i = 0; i < rule->version_count; i++) {
        if ((rule->ids[i] ^ rule->binding_mask) == visitor->cookie.binding)
            visitor->bound = i;
    }
}

static void say_visitor(const struct px_route_context *context, const struct px_visitor *visitor)
{
    static const char *const bys[] = {"none", "cookie", "header", "cookie", "client_ip"};
    static const char *const states[] = {"not given", "malformed, taken as absent",
                                         "bad signature, taken as absent", "valid",
                                         "valid, signed with an older key"};
    const struct px_sticky *sticky = &context->rule->rule->sticky;
    bool is_ours = sticky->by == PX_STICKY_COOKIE;

    px_route_say(context->explain, "sticky by %s%s%s: %s", bys[sticky->by],
                 is_ours ? " " : (sticky->name ? ":" : ""), sticky->name ? sticky->name : "",
                 is_ours ? states[visitor->state] : (visitor->has_key ? "given" : "not given"));
    if (visitor->has_key)
        px_route_say(context->explain, "the key is %016llx, by the seed \"%s\"",
                     (unsigned long long)visitor->key,
                     sticky->seed ? sticky->seed : context->rule->rule->name);
    if (visitor->bound != STRATEGY_NONE)
        px_route_say(context->explain, "affinity session: bound to %s",
                     px_route_version_name(context, visitor->bound));
}

struct px_visitor px_visitor_find(const struct px_route_context *context)
{
    const struct px_snapshot_rule *rule = context->rule;
    struct px_visitor visitor = {.state = PX_COOKIE_ABSENT, .bound = STRATEGY_NONE};

    if (rule->rule->sticky.by == PX_STICKY_NONE)
        return visitor;
    if (rule->rule->sticky.by == PX_STICKY_COOKIE) {
        read_cookie(context, &visitor);
        visitor.is_newcomer = !visitor.has_key;
    } else {
        visitor.has_key =
            px_key_find(&rule->rule->sticky, rule->seed, context->request, &visitor.key);
    }
    if (context->explain)
        say_visitor(context, &visitor);
    return visitor;
}

/*
 * Not when the answer goes to a stand-in without weight: no id lands there, and it is meant to be
 * for a short time.
 */
static void welcome(const struct px_route_context *context,
                    struct strategy_version_question *question,
                    struct strategy_version_answer *answer, struct px_visitor *visitor,
                    struct px_decision *decision)
{
    const struct px_snapshot_rule *rule = context->rule;
    const struct px_snapshot_version *answering;
    const struct strategy_candidate *wanted;
    struct px_newcomer_question newcomer = {.question = question,
                                            .wanted = answer->wanted,
                                            .has_stand_in =
                                                answer->reason == STRATEGY_REASON_FAILOVER,
                                            .stand_in = answer->index,
                                            .seed = rule->seed};

    if (answer->index == STRATEGY_NONE)
        return;
    wanted = &question->candidates[answer->wanted];
    if (wanted->weight == 0 || wanted->mode != STRATEGY_ACTIVE)
        return;
    if (context->explain) {
        px_route_say(context->explain, "a cookie would be issued with a new id that lands in %s",
                     px_route_version_name(context, answer->wanted));
        decision->gets_key = true;
        return;
    }
    /* A key that decides the endpoint too must not lead a new user to one that takes nobody new. */
    answering = px_route_version(context, answer->index);
    if (rule->rule->sticky.scope_endpoint || answering->balance == STRATEGY_HASH)
        newcomer.home = answering;
    if (!px_newcomer_draw(&newcomer, &context->loop->random, visitor->cookie.id, &visitor->key)) {
        answer->reason = STRATEGY_REASON_SLOT;
        return;
    }
    visitor->has_key = true;
    if (answer->reason == STRATEGY_REASON_FAILOVER) {
        question->has_key = true;
        question->is_newcomer = false;
        question->key = visitor->key;
        strategy_choose_version(question, answer);
    }
}

/* Issues the cookie, or issues it anew: other binding, older key. */
static void set_cookie(const struct px_route_context *context,
                       const struct strategy_version_answer *answer, struct px_visitor *visitor,
                       struct px_decision *decision)
{
    const struct px_snapshot_rule *rule = context->rule;
    const struct px_sticky *sticky = &rule->rule->sticky;
    bool is_new = visitor->is_newcomer;
    bool is_bindable = answer->wanted != STRATEGY_NONE &&
                       (answer->wanted == visitor->bound || rule->weights[answer->wanted] > 0);

    if (!visitor->has_key || answer->index == STRATEGY_NONE)
        return;
    if (!sticky->affinity_session) {
        visitor->cookie.has_binding = false;
    } else if (is_bindable && answer->wanted != visitor->bound) {
        visitor->cookie.has_binding = true;
        visitor->cookie.binding = rule->ids[answer->wanted] ^ rule->binding_mask;
        is_new = true;
        px_route_say(context->explain, "affinity session: a cookie would bind to %s",
                     px_route_version_name(context, answer->wanted));
    }
    if (context->explain || (!is_new && visitor->state != PX_COOKIE_VALID_OLD_KEY))
        return;
    decision->set_cookie_len =
        (uint16_t)px_cookie_set(&visitor->cookie, sticky, rule->cookie_keys,
                                context->request->https, decision->set_cookie, PX_SET_COOKIE_MAX);
}

void px_visitor_answer(const struct px_route_context *context,
                       struct strategy_version_question *question,
                       struct strategy_version_answer *answer, struct px_visitor *visitor,
                       struct px_decision *decision)
{
    if (context->rule->rule->sticky.by != PX_STICKY_COOKIE)
        return;
    if (visitor->is_newcomer)
        welcome(context, question, answer, visitor, decision);
    set_cookie(context, answer, visitor, decision);
}
