#include "proxy/admin/resources.h"

#include "lib/api/query.h"
#include "proxy/admin/peer.h"

#include <errno.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 128
#define REASON_MAX_BYTES 1024

void px_admin_add_etag(struct px_admin *admin, struct tn_api_call *call)
{
    tn_api_add_field(call, "ETag: \"%llu\"\r\n",
                     (unsigned long long)px_rulebook_state(admin->book).revision);
}

/* --- answers that need the loops' counters -----------------------------------------------------
 */

struct collecting {
    struct px_admin *admin;
    struct tn_api_call *call;
    px_admin_render_fn *render;
    px_admin_render_ledgers_fn *render_ledgers; /* or this one */
    void *question;
};

static void check_quiet(struct px_admin *admin)
{
    void (*on_quiet)(void *context) = admin->on_quiet;

    if (!on_quiet || admin->collecting > 0)
        return;
    admin->on_quiet = NULL;
    on_quiet(admin->on_quiet_context);
}

static void on_stats(void *context, struct px_stats *stats)
{
    struct collecting *collecting = context;
    struct px_admin *admin = collecting->admin;

    if (!stats)
        tn_api_problem(collecting->call, 503, "out of memory");
    else if (collecting->render)
        collecting->render(admin, collecting->call, stats);
    else
        collecting->render_ledgers(admin, collecting->call, stats, collecting->question);
    px_stats_free(stats);
    free(collecting->question);
    free(collecting);
    px_admin_collected(admin);
}

void px_admin_collected(struct px_admin *admin)
{
    admin->collecting--;
    check_quiet(admin);
}

/* NULL: the call was answered. */
static struct collecting *new_collecting(struct px_admin *admin, struct tn_api_call *call)
{
    struct collecting *collecting = calloc(1, sizeof(*collecting));

    if (!collecting || admin->is_over) {
        free(collecting);
        tn_api_problem(call, 503, "%s", admin->is_over ? "turnout is stopping" : "out of memory");
        return NULL;
    }
    collecting->admin = admin;
    collecting->call = call;
    admin->collecting++;
    return collecting;
}

void px_admin_with_stats(struct px_admin *admin, struct tn_api_call *call,
                         px_admin_render_fn *render)
{
    struct collecting *collecting = new_collecting(admin, call);

    if (!collecting)
        return;
    collecting->render = render;
    admin->publisher.collect(admin->publisher.workers, on_stats, collecting);
}

void px_admin_with_ledgers(struct px_admin *admin, struct tn_api_call *call,
                           px_admin_render_ledgers_fn *render, void *question)
{
    struct collecting *collecting = new_collecting(admin, call);

    if (!collecting) {
        free(question);
        return;
    }
    collecting->render_ledgers = render;
    collecting->question = question;
    admin->publisher.collect_ledgers(admin->publisher.workers, on_stats, collecting);
}

void px_admin_quiet(struct px_admin *admin, void (*on_quiet)(void *context), void *context)
{
    admin->is_over = true;
    admin->on_quiet = on_quiet;
    admin->on_quiet_context = context;
    check_quiet(admin);
}

/* --- changes -----------------------------------------------------------------------------------
 */

struct asked {
    struct px_admin *admin;
    struct tn_api_call *call;
};

static void on_done(struct px_change *change)
{
    struct asked *asked = change->context;
    char brief[PX_CHANGE_BRIEF_SIZE];

    px_admin_add_etag(asked->admin, asked->call);
    if (change->status == 200) {
        tn_api_answer_json_or(asked->call, 200, change->answer, px_change_brief(change, brief));
        change->answer = NULL;
    } else {
        if (change->is_for_successor)
            tn_api_add_field(asked->call, "Retry-After: 1\r\n");
        tn_api_problem_json(asked->call, change->status,
                            change->detail ? change->detail : "out of memory", change->errors);
        change->errors = NULL;
    }
    free(asked);
    px_change_free(change);
}

static int refuse(struct tn_api_call *call, unsigned status, const char *text)
{
    tn_api_problem(call, status, "%s", text);
    return -EINVAL;
}

static int take_text(struct tn_api_call *call, const char *value, size_t max, char **target)
{
    if (strlen(value) > max) {
        tn_api_problem(call, 422, "more than %zu bytes of text", max);
        return -EINVAL;
    }
    free(*target);
    *target = strdup(value);
    return *target ? 0 : refuse(call, 503, "out of memory");
}

/* What every change may carry, from a JSON body. */
static int take_members(struct tn_api_call *call, struct px_change *change)
{
    const json_t *author = json_object_get(change->request, "author");
    const json_t *reason = json_object_get(change->request, "reason");
    const json_t *dry_run = json_object_get(change->request, "dry_run");
    int error = 0;

    if (px_change_set_ttl(change, json_object_get(change->request, "ttl_ms")) != 0)
        return refuse(call, 422, change->detail);
    if ((author && !json_is_string(author)) || (reason && !json_is_string(reason)))
        return refuse(call, 422, "'author' and 'reason' must be texts");
    if (dry_run && !json_is_boolean(dry_run))
        return refuse(call, 422, "'dry_run' must be true or false");
    change->is_dry_run = json_is_true(dry_run);
    if (author)
        error = take_text(call, json_string_value(author), NAME_MAX_BYTES, &change->author);
    if (!error && reason)
        error = take_text(call, json_string_value(reason), REASON_MAX_BYTES, &change->reason);
    return error;
}

static int take_flag(struct tn_api_call *call, const char *value, const char *why, bool *flag)
{
    *flag = strcmp(value, "true") == 0;
    return *flag || strcmp(value, "false") == 0 ? 0 : refuse(call, 422, why);
}

/* The same beside a YAML body, from the query. */
static int take_query(struct tn_api_call *call, struct px_change *change)
{
    struct tn_str rest = tn_http_view(call->head, call->head->query);
    char buffer[4096];
    const char *name;
    const char *value;
    int r = 0;

    while (!r && (r = tn_api_query_next(&rest, buffer, sizeof(buffer), &name, &value)) == 1) {
        if (strcmp(name, "author") == 0)
            r = take_text(call, value, NAME_MAX_BYTES, &change->author);
        else if (strcmp(name, "reason") == 0)
            r = take_text(call, value, REASON_MAX_BYTES, &change->reason);
        else if (strcmp(name, "dry_run") == 0)
            r = take_flag(call, value, "dry_run is true or false", &change->is_dry_run);
        else if (strcmp(name, "take_over") == 0)
            r = take_flag(call, value, "take_over is true or false", &change->is_take_over);
        else if (strcmp(name, "ttl_ms") == 0)
            r = px_change_set_ttl_text(change, value) ? refuse(call, 422, change->detail) : 0;
        else
            r = refuse(call, 422, "unknown parameter: author, reason, dry_run, ttl_ms, take_over");
        if (r)
            return r;
    }
    return r == 0 ? 0 : refuse(call, 422, "the query is not well encoded");
}

static int take_body(struct tn_api_call *call, struct px_change *change)
{
    if (call->body_type == TN_API_YAML) {
        change->yaml = malloc(call->body.len + 1);
        if (!change->yaml)
            return refuse(call, 503, "out of memory");
        memcpy(change->yaml, call->body.ptr, call->body.len);
        change->yaml_len = call->body.len;
        return take_query(call, change);
    }
    if (call->head->query.len > 0)
        return refuse(call, 422, "a change takes no query: its members are in the body");
    change->request = tn_api_body_json(call);
    return change->request ? take_members(call, change) : -EINVAL;
}

static int take_if_match(struct tn_api_call *call, struct px_change *change)
{
    int r = tn_api_if_match(call, &change->if_revision);

    if (r < 0)
        return refuse(call, 400, "If-Match must be one revision in quotes, such as \"7\"");
    change->has_if_revision = r == 1;
    return 0;
}

/* "drain", "cut" and "undrain", as people call it. */
static const char *word_of_mode(const struct px_change *change)
{
    const char *mode = json_string_value(json_object_get(change->request, "mode"));

    if (mode && strcmp(mode, "draining") == 0)
        return "drain";
    return mode && strcmp(mode, "cut") == 0 ? "cut" : "undrain";
}

static void start_change(struct tn_api_call *call, struct px_admin *admin, const char *what,
                         px_edit_fn *edit, bool is_urgent)
{
    struct px_change *change = px_change_new();
    struct asked *asked = malloc(sizeof(*asked));

    if (!change || !asked) {
        free(asked);
        px_change_free(change);
        tn_api_problem(call, 503, "out of memory");
        return;
    }
    *asked = (struct asked){admin, call};
    change->what = what;
    change->edit = edit;
    change->is_urgent = is_urgent;
    change->on_done = on_done;
    change->context = asked;
    change->peer = px_peer_json(call->peer);
    if (!change->peer)
        tn_api_problem(call, 503, "out of memory");
    if (!change->peer || take_body(call, change) != 0 || take_if_match(call, change) != 0) {
        free(asked);
        px_change_free(change);
        return;
    }
    if (edit == px_edit_mode) {
        change->what = word_of_mode(change);
        change->is_urgent = strcmp(change->what, "undrain") != 0;
    }
    px_rulebook_submit(admin->book, change);
}

static void change_rules(struct tn_api_call *call, struct px_admin *admin, const char *what,
                         px_edit_fn *edit)
{
    start_change(call, admin, what, edit, false);
}

static void put_rules(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "rules", px_edit_rules);
}

static void put_weights(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "weights", px_edit_weights);
}

static void put_share(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "share", px_edit_share);
}

static void put_mirror(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "mirror", px_edit_mirror);
}

static void post_route(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "route", px_edit_route);
}

static void post_reload(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "reload", NULL);
}

static void post_abort(struct tn_api_call *call, void *context)
{
    start_change(call, context, "abort", px_edit_abort, true);
}

static void post_promote(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "promote", px_edit_promote);
}

static void put_mode(struct tn_api_call *call, void *context)
{
    start_change(call, context, "mode", px_edit_mode, false);
}

static void post_undo(struct tn_api_call *call, void *context)
{
    change_rules(call, context, "undo", px_edit_undo);
}

/* --- reading -----------------------------------------------------------------------------------
 */

void px_admin_get_rules(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;

    px_admin_add_etag(admin, call);
    tn_api_answer_json(call, 200,
                       json_pack("{s:I, s:O}", "revision",
                                 (json_int_t)px_rulebook_state(admin->book).revision, "rules",
                                 px_rulebook_rules(admin->book)));
}

static void get_healthz(struct tn_api_call *call, void *context)
{
    (void)context;
    tn_api_answer(call, 200, "text/plain; charset=utf-8", TN_STR("ok\n"));
}

static void get_readyz(struct tn_api_call *call, void *context)
{
    const struct px_admin *admin = context;

    if (admin->is_stopping)
        tn_api_answer(call, 503, "text/plain; charset=utf-8", TN_STR("stopping\n"));
    else if (!admin->is_ready)
        tn_api_answer(call, 503, "text/plain; charset=utf-8", TN_STR("starting\n"));
    else
        tn_api_answer(call, 200, "text/plain; charset=utf-8", TN_STR("ready\n"));
}

const struct tn_api_route px_admin_routes[] = {
    {TN_HTTP_GET, "/v1/status", TN_API_READ, 0, px_admin_get_status},
    {TN_HTTP_GET, "/v1/rules", TN_API_READ, 0, px_admin_get_rules},
    {TN_HTTP_PUT, "/v1/rules", TN_API_OPERATE, TN_API_JSON | TN_API_YAML, put_rules},
    {TN_HTTP_GET, "/v1/share", TN_API_READ, 0, px_admin_get_share},
    {TN_HTTP_PUT, "/v1/share", TN_API_OPERATE, TN_API_JSON, put_share},
    {TN_HTTP_PUT, "/v1/weights", TN_API_OPERATE, TN_API_JSON, put_weights},
    {TN_HTTP_PUT, "/v1/mirror", TN_API_OPERATE, TN_API_JSON, put_mirror},
    {TN_HTTP_POST, "/v1/route", TN_API_OPERATE, TN_API_JSON, post_route},
    {TN_HTTP_POST, "/v1/reload", TN_API_OPERATE, TN_API_JSON, post_reload},
    {TN_HTTP_POST, "/v1/takeover", TN_API_OPERATE, TN_API_JSON, px_admin_post_takeover},
    {TN_HTTP_GET, "/v1/explain", TN_API_READ, 0, px_admin_get_explain},
    {TN_HTTP_POST, "/v1/promote", TN_API_OPERATE, TN_API_JSON, post_promote},
    {TN_HTTP_POST, "/v1/abort", TN_API_OPERATE, TN_API_JSON, post_abort},
    {TN_HTTP_POST, "/v1/undo", TN_API_OPERATE, TN_API_JSON, post_undo},
    {TN_HTTP_PUT, "/v1/mode", TN_API_OPERATE, TN_API_JSON, put_mode},
    {TN_HTTP_GET, "/v1/lease", TN_API_READ, 0, px_admin_get_lease},
    {TN_HTTP_PUT, "/v1/lease", TN_API_OPERATE, TN_API_JSON, px_admin_put_lease},
    {TN_HTTP_GET, "/v1/history", TN_API_READ, 0, px_admin_get_history},
    {TN_HTTP_GET, "/v1/events", TN_API_READ, 0, px_admin_get_events},
    {TN_HTTP_GET, "/v1/mirror-report", TN_API_READ, 0, px_admin_get_mirror_report},
    {TN_HTTP_GET, "/v1/mirror-pairs", TN_API_OPERATE, 0, px_admin_get_mirror_pairs},
};
const size_t px_admin_route_count = sizeof(px_admin_routes) / sizeof(px_admin_routes[0]);

const struct tn_api_route px_metrics_routes[] = {
    {TN_HTTP_GET, "/metrics", TN_API_READ, 0, px_admin_get_metrics},
    {TN_HTTP_GET, "/healthz", TN_API_READ, 0, get_healthz},
    {TN_HTTP_GET, "/readyz", TN_API_READ, 0, get_readyz},
    {TN_HTTP_GET, "/status", TN_API_READ, 0, px_admin_get_full_status},
};
const size_t px_metrics_route_count = sizeof(px_metrics_routes) / sizeof(px_metrics_routes[0]);
