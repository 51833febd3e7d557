#include "engine/engine_parts.h"

#include <stdlib.h>
#include <string.h>

void en_api_answer(struct en_order *order)
{
    struct tn_api_call *call = order->context;

    if (order->status == 0) {
        tn_api_problem(call, 503, "the engine is stopping");
    } else if (order->status >= 400) {
        const char *detail = json_string_value(json_object_get(order->answer, "detail"));

        tn_api_problem(call, order->status, "%s", detail ? detail : "failed");
    } else {
        tn_api_answer_json(call, order->status, order->answer);
        order->answer = NULL;
    }
    json_decref(order->answer);
    json_decref(order->body);
    free(order);
}

static void submit(struct tn_api_call *call, struct en_engine *engine, const char *verb)
{
    struct en_order *order;
    json_t *body;

    if (engine->is_stopping) {
        tn_api_problem(call, 503, "the engine is stopping");
        return;
    }
    if (engine->waiting_count >= EN_ORDERS_MAX) {
        tn_api_problem(call, 503, "too many are waiting already");
        return;
    }
    body = tn_api_body_json(call);
    if (!body)
        return;
    order = calloc(1, sizeof(*order));
    if (!order) {
        json_decref(body);
        tn_api_problem(call, 500, "out of memory");
        return;
    }
    order->verb = verb;
    order->body = body;
    order->context = call;
    tn_list_push_back(&engine->waiting, &order->node);
    engine->waiting_count++;
    en_engine_kick(engine);
}

static void post_updates(struct tn_api_call *call, void *context)
{
    submit(call, context, "start");
}

static void post_plan(struct tn_api_call *call, void *context)
{
    submit(call, context, "plan");
}

static void post_pause(struct tn_api_call *call, void *context)
{
    submit(call, context, "pause");
}

static void post_resume(struct tn_api_call *call, void *context)
{
    submit(call, context, "resume");
}

static void post_promote(struct tn_api_call *call, void *context)
{
    submit(call, context, "promote");
}

static void post_abort(struct tn_api_call *call, void *context)
{
    submit(call, context, "abort");
}

static void post_retry(struct tn_api_call *call, void *context)
{
    submit(call, context, "retry");
}

static void post_undo(struct tn_api_call *call, void *context)
{
    submit(call, context, "undo");
}

static void get_status(struct tn_api_call *call, void *context)
{
    struct en_engine *engine = context;

    if (!engine->status)
        tn_api_problem(call, 503, "the engine has not looked yet");
    else
        tn_api_answer_json(call, 200, json_incref(engine->status));
}

static void get_updates(struct tn_api_call *call, void *context)
{
    struct en_engine *engine = context;
    json_t *ended = json_object_get(engine->status, "ended");
    json_t *update = json_object_get(engine->status, "update");

    if (!engine->status) {
        tn_api_problem(call, 503, "the engine has not looked yet");
        return;
    }
    tn_api_answer_json(call, 200,
                       json_pack("{s:O, s:O, s:O}", "ended", ended, "update", update, "sentence",
                                 json_object_get(engine->status, "sentence")));
}

const struct tn_api_route en_admin_routes[] = {
    {TN_HTTP_GET, "/v1/status", TN_API_READ, 0, get_status},
    {TN_HTTP_GET, "/v1/updates", TN_API_READ, 0, get_updates},
    {TN_HTTP_POST, "/v1/updates", TN_API_OPERATE, TN_API_JSON, post_updates},
    {TN_HTTP_POST, "/v1/plan", TN_API_READ, TN_API_JSON, post_plan},
    {TN_HTTP_POST, "/v1/pause", TN_API_OPERATE, TN_API_JSON, post_pause},
    {TN_HTTP_POST, "/v1/resume", TN_API_OPERATE, TN_API_JSON, post_resume},
    {TN_HTTP_POST, "/v1/promote", TN_API_OPERATE, TN_API_JSON, post_promote},
    {TN_HTTP_POST, "/v1/abort", TN_API_OPERATE, TN_API_JSON, post_abort},
    {TN_HTTP_POST, "/v1/retry", TN_API_OPERATE, TN_API_JSON, post_retry},
    {TN_HTTP_POST, "/v1/undo", TN_API_OPERATE, TN_API_JSON, post_undo},
};
const size_t en_admin_route_count = sizeof(en_admin_routes) / sizeof(en_admin_routes[0]);

/* --- read-only ---------------------------------------------------------------------------------
 */

static void get_metrics(struct tn_api_call *call, void *context)
{
    const struct en_engine *engine = context;

    if (!engine->metrics_text)
        tn_api_problem(call, 503, "the engine has not looked yet");
    else
        tn_api_answer(call, 200, "text/plain; version=0.0.4; charset=utf-8",
                      tn_str_of(engine->metrics_text));
}

static void get_healthz(struct tn_api_call *call, void *context)
{
    (void)context;
    tn_api_answer(call, 200, "text/plain", TN_STR("ok\n"));
}

static void get_readyz(struct tn_api_call *call, void *context)
{
    const struct en_engine *engine = context;

    if (engine->has_looked && !engine->is_stopping)
        tn_api_answer(call, 200, "text/plain", TN_STR("ready\n"));
    else
        tn_api_answer(call, 503, "text/plain", TN_STR("not ready\n"));
}

const struct tn_api_route en_metrics_routes[] = {
    {TN_HTTP_GET, "/metrics", TN_API_READ, 0, get_metrics},
    {TN_HTTP_GET, "/healthz", TN_API_READ, 0, get_healthz},
    {TN_HTTP_GET, "/readyz", TN_API_READ, 0, get_readyz},
    {TN_HTTP_GET, "/status", TN_API_READ, 0, get_status},
};
const size_t en_metrics_route_count = sizeof(en_metrics_routes) / sizeof(en_metrics_routes[0]);
