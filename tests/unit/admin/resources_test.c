#include "proxy/admin/admin.h"
#include "proxy/admin/resources.h"
#include "tests/unit/admin/book.h"
#include "tests/unit/admin/edit_table.h"
#include "tests/unit/admin/openapi.h"
#include "tests/unit/api/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAIN "[{name: main, stable: blue, weights: {blue: 9, green: 1}}]"
#define JSON_TYPE "Content-Type: application/json\r\n"

struct fixture {
    struct book *book;
    struct px_admin admin;
    struct px_route_loop route;
    struct tn_api_server *admin_listener;
    struct tn_api_server *metrics_listener;
    char admin_path[96];
    char metrics_path[96];
    json_t *page;
};

static struct tn_api_server *listen_on(struct fixture *fixture, const struct tn_api_route *routes,
                                       size_t count, enum tn_api_role role, const char *path)
{
    const struct tn_api_options options = {
        .loop = &fixture->book->loop,
        .clock = &tn_clock_system,
        .routes = routes,
        .route_count = count,
        .context = &fixture->admin,
        .role = role,
        .limits = tn_api_limits_default,
    };
    struct tn_api_server *server = NULL;

    assert_int_equal(tn_api_open_unix(&options, path, 0600, &server), 0);
    return server;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    void *book = NULL;

    assert_non_null(fixture);
    book_setup(&book);
    fixture->book = book;
    fixture->page = openapi_load();
    snprintf(fixture->admin_path, sizeof(fixture->admin_path), "%s/admin", fixture->book->folder);
    snprintf(fixture->metrics_path, sizeof(fixture->metrics_path), "%s/metrics",
             fixture->book->folder);
    assert_int_equal(px_route_loop_init(&fixture->route, 1, 0), 0);
    *state = fixture;
    return 0;
}

static void start(struct fixture *fixture, const char *rules)
{
    book_write(fixture->book, rules, "");
    book_open(fixture->book);
    fixture->admin = (struct px_admin){
        .book = fixture->book->book,
        .registry = fixture->book->registry,
        .publisher = book_publisher_ops,
        .clock = &tn_clock_system,
        .route = &fixture->route,
        .loop_count = 2,
        .started_ns = tn_clock_system.monotonic_ns(NULL),
        .started_wall_ns = tn_clock_system.wall_ns(NULL),
    };
    fixture->admin.publisher.workers = fixture->book;
    fixture->admin_listener = listen_on(fixture, px_admin_routes, px_admin_route_count,
                                        TN_API_OPERATE, fixture->admin_path);
    fixture->metrics_listener = listen_on(fixture, px_metrics_routes, px_metrics_route_count,
                                          TN_API_READ, fixture->metrics_path);
    assert_int_equal(
        px_stats_adopt(fixture->book->stats, px_rulebook_snapshot(fixture->book->book)), 0);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *book = fixture->book;

    if (fixture->admin_listener) {
        tn_api_close(fixture->admin_listener, NULL, NULL);
        tn_api_close(fixture->metrics_listener, NULL, NULL);
        talk_turn(&fixture->book->loop);
    }
    px_route_loop_deinit(&fixture->route);
    book_teardown(&book);
    json_decref(fixture->page);
    free(fixture);
    return 0;
}

static struct px_endpoint *endpoint(struct fixture *fixture, uint32_t version, uint32_t index)
{
    return px_rulebook_snapshot(fixture->book->book)->versions[version].endpoints[index];
}

/* One exchange with the admin listener, held against openapi.yaml; the answer's JSON. */
static json_t *ask(struct fixture *fixture, const char *method, const char *target,
                   const char *extra, const char *body, unsigned status)
{
    char line[512];
    char path[128];
    char lower[8] = "";
    struct talk_answer answer;
    json_t *json;

    snprintf(line, sizeof(line), "%s %s", method, target);
    snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
    for (size_t i = 0; method[i] && i + 1 < sizeof(lower); i++)
        lower[i] = (char)(method[i] | 0x20);
    talk_once(&fixture->book->loop, fixture->admin_path, line, extra, body, &answer);
    if (answer.status != status)
        fail_msg("%s: %u %s", line, answer.status, answer.body);
    json = json_loads(answer.body, 0, NULL);
    if (!openapi_fits(fixture->page, openapi_answer(fixture->page, path, lower, status), json,
                      line))
        fail_msg("%s: %s", line, answer.body);
    if (status == 200 && !strstr(answer.head, "ETag: \""))
        fail_msg("%s: no ETag", line);
    talk_answer_deinit(&answer);
    return json;
}

/* The same for a change; its request is held against openapi.yaml as well when it is a good one. */
static json_t *change(struct fixture *fixture, const char *method, const char *path,
                      const char *request, unsigned status)
{
    json_t *body = edit_json(request);
    char *text = json_dumps(body, 0);
    char lower[8] = "";
    json_t *answer;

    for (size_t i = 0; method[i] && i + 1 < sizeof(lower); i++)
        lower[i] = (char)(method[i] | 0x20);
    if (status == 200)
        assert_true(
            openapi_fits(fixture->page, openapi_request(fixture->page, path, lower), body, path));
    answer = ask(fixture, method, path, JSON_TYPE, text, status);
    json_decref(body);
    free(text);
    return answer;
}

static const char *detail(const json_t *problem)
{
    return json_string_value(json_object_get(problem, "detail"));
}

static void refused(struct fixture *fixture, const char *method, const char *path,
                    const char *request, unsigned status, const char *part)
{
    json_t *problem = change(fixture, method, path, request, status);

    if (!strstr(detail(problem), part))
        fail_msg("%s: '%s'", request, detail(problem));
    json_decref(problem);
}

/* --- the page itself ---------------------------------------------------------------------------
 */

static void test_openapi_has_the_routes_and_no_others(void **state)
{
    static const char *const methods[] = {"get", "head", "post", "put"};
    struct fixture *fixture = *state;
    size_t documented = 0;
    const char *path;
    json_t *item;

    for (size_t i = 0; i < px_admin_route_count; i++) {
        const struct tn_api_route *route = &px_admin_routes[i];

        item = json_object_get(json_object_get(fixture->page, "paths"), route->path);
        if (!json_object_get(item, methods[route->method]))
            fail_msg("openapi.yaml has no %s %s", methods[route->method], route->path);
    }
    json_object_foreach(json_object_get(fixture->page, "paths"), path, item)
    {
        documented += json_object_size(item);
    }
    assert_int_equal(documented, px_admin_route_count);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void test_resources_status(void **state)
{
    struct fixture *fixture = *state;
    json_t *status;

    start(fixture, MAIN);
    atomic_store(&endpoint(fixture, 0, 0)->up, true);
    atomic_store(&endpoint(fixture, 0, 1)->in_flight, 3);
    atomic_store(&endpoint(fixture, 0, 1)->tunnels, 2);
    status = ask(fixture, "GET", "/v1/status", "", NULL, 200);
    assert_int_equal(json_integer_value(json_object_get(status, "loops")), 2);
    assert_true(json_is_false(json_object_get(status, "ready")));
    edit_assert_json(
        "blue", json_array_get(json_object_get(status, "versions"), 0),
        "{'name':'blue','build':'1','mode':'active','until':null,'shadowed_since':null,"
        "'healthy':1,'endpoints':["
        "{'index':0,'address':'127.0.0.1:5001','up':true,'probed':false,'ejected':"
        "false,'mode':'active','until':null,"
        "'in_flight':0,'tunnels':0,'detail':''},"
        "{'index':1,'address':'127.0.0.1:5002','up':false,'probed':false,'ejected':"
        "false,'mode':'active','until':null,"
        "'in_flight':3,'tunnels':2,'detail':''}]}");
    json_decref(status);
}

static void test_resources_rules(void **state)
{
    struct fixture *fixture = *state;
    json_t *rules;

    start(fixture, "[{name: t, match: [{path: {prefix: /t}, query: [{name: q, value: \"1\"}]}],"
                   " weights: {green: 1}, sticky: {by: cookie, scope: endpoint}},"
                   " {name: main, stable: blue, weights: {blue: 9, green: 1}, on_unhealthy: "
                   "failover, mirror: [{to: green, percent: 12.5, drop_headers: [Cookie]}],"
                   " timeouts: {idle: 7s}, max_body: 1MiB}]");
    rules = ask(fixture, "GET", "/v1/rules", "", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(rules, "rules")), 2);
    json_decref(rules);
}

static void count(struct fixture *fixture, uint32_t version, enum strategy_reason reason,
                  uint64_t requests)
{
    struct px_stats_cell *cell = fixture->book->stats->cells[0][version];

    cell->decisions[reason] += requests;
    cell->codes[px_stats_code_index(200)] += requests;
    cell->buckets[3] += requests;
}

static json_t *share_of(json_t *share, size_t version)
{
    json_t *rule = json_array_get(json_object_get(share, "rules"), 0);

    return json_array_get(json_object_get(rule, "versions"), version);
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void test_resources_share_counts_since_the_weights_were_set(void **state)
{
    struct fixture *fixture = *state;
    json_t *share;

    start(fixture, MAIN);
    share = ask(fixture, "GET", "/v1/share", "", NULL, 200);
    assert_true(json_is_null(json_object_get(share_of(share, 0), "achieved_ppm")));
    assert_true(json_is_null(json_object_get(share_of(share, 0), "p50_ms")));
    json_decref(share);
    count(fixture, 0, STRATEGY_REASON_SLOT, 900);
    count(fixture, 1, STRATEGY_REASON_SLOT, 100);
    fixture->book->stats->cells[0][1]->codes[px_stats_code_index(503)] += 7;
    share = ask(fixture, "GET", "/v1/share", "", NULL, 200);
    assert_int_equal(number(share_of(share, 0), "target_ppm"), 900000);
    assert_int_equal(number(share_of(share, 0), "requests"), 900);
    assert_int_equal(number(share_of(share, 0), "achieved_ppm"), 900000);
    assert_int_equal(number(share_of(share, 1), "requests"), 100);
    assert_int_equal(number(share_of(share, 1), "errors"), 7);
    assert_true(json_real_value(json_object_get(share_of(share, 1), "bound")) == 1.0);
    json_decref(share);
    json_decref(change(fixture, "PUT", "/v1/weights", "{'weights':{'blue':1,'green':1}}", 200));
    count(fixture, 0, STRATEGY_REASON_SLOT, 3);
    count(fixture, 1, STRATEGY_REASON_SLOT, 2);
    share = ask(fixture, "GET", "/v1/share", "", NULL, 200);
    assert_int_equal(number(share_of(share, 0), "requests"), 3);
    assert_int_equal(number(share_of(share, 0), "achieved_ppm"), 600000);
    assert_int_equal(number(share_of(share, 1), "requests"), 2);
    assert_int_equal(number(share_of(share, 1), "errors"), 0);
    json_decref(share);
}

static void test_resources_share_charges_who_failed(void **state)
{
    struct fixture *fixture = *state;
    json_t *share;

    start(fixture, MAIN);
    count(fixture, 0, STRATEGY_REASON_SLOT, 90);
    count(fixture, 0, STRATEGY_REASON_FAILOVER, 10);
    fixture->book->stats->cells[0][1]->failed_over = 10;
    fixture->book->stats->cells[0][PX_STATS_NOBODY]->decisions[STRATEGY_REASON_UNAVAILABLE] = 1;
    count(fixture, 1, STRATEGY_REASON_UNAVAILABLE, 3);
    share = ask(fixture, "GET", "/v1/share", "", NULL, 200);
    assert_int_equal(number(share_of(share, 0), "requests"), 90);
    assert_int_equal(number(share_of(share, 1), "requests"), 13);
    assert_int_equal(number(share_of(share, 1), "failed_over"), 10);
    assert_int_equal(number(json_array_get(json_object_get(share, "rules"), 0), "unanswered"), 4);
    json_decref(share);
}

static void test_resources_share_of_sticky_rules_has_no_bound(void **state)
{
    struct fixture *fixture = *state;
    json_t *share;
    json_t *rule;

    start(fixture, "[{name: main, stable: blue, weights: {blue: 9, green: 1}, "
                   "sticky: {by: \"header:X-User\"}}]");
    share = ask(fixture, "GET", "/v1/share", "", NULL, 200);
    rule = json_array_get(json_object_get(share, "rules"), 0);
    assert_string_equal(json_string_value(json_object_get(rule, "sticky")), "header:X-User");
    assert_true(json_is_null(json_object_get(share_of(share, 0), "bound")));
    json_decref(share);
}

static void test_resources_share_of_mirrors_adds_up(void **state)
{
    struct fixture *fixture = *state;
    struct px_stats_mirror *mirror;
    json_t *share;
    json_t *found;

    start(fixture, "[{name: main, weights: {blue: 1}, mirror: [{to: green, percent: 25}]}]");
    mirror = fixture->book->stats->mirrors[0][1];
    *mirror = (struct px_stats_mirror){.selected = 100, .sent = 90, .answered = 80};
    mirror->dropped[PX_MIRROR_DROP_CONNECT] = 7;
    mirror->failed[PX_MIRROR_FAIL_TIMEOUT] = 4;
    mirror->passed_over[PX_MIRROR_PASS_METHOD] = 12;
    share = ask(fixture, "GET", "/v1/share", "", NULL, 200);
    found = json_array_get(
        json_object_get(json_array_get(json_object_get(share, "rules"), 0), "mirrors"), 0);
    assert_int_equal(number(found, "selected"), 100);
    assert_int_equal(number(found, "queued"), 3);
    assert_int_equal(number(found, "in_flight"), 6);
    assert_int_equal(number(json_object_get(found, "dropped"), "connect"), 7);
    assert_int_equal(number(json_object_get(found, "failed"), "timeout"), 4);
    assert_int_equal(number(json_object_get(found, "passed_over"), "method"), 12);
    json_decref(share);
}

static void test_share_bounds_and_quantiles(void **state)
{
    uint64_t buckets[PX_STATS_BUCKETS] = {0};

    (void)state;
    assert_true(px_share_bound(1) == 0 && px_share_bound(2) == 1.0 && px_share_bound(5) == 3.3);
    assert_true(px_share_bound(6) > 4.2 && px_share_bound(6) < 4.4);
    assert_true(px_share_quantile_ms(buckets, 0.5) < 0);
    buckets[2] = 10;
    assert_true(px_share_quantile_ms(buckets, 0.5) ==
                (double)(px_stats_bucket_us[1] + px_stats_bucket_us[2]) / 2000);
    assert_true(px_share_quantile_ms(buckets, 1) == (double)px_stats_bucket_us[2] / 1000);
    buckets[PX_STATS_BUCKETS - 1] = 90; /* beyond the last bound: that, or more */
    assert_true(px_share_quantile_ms(buckets, 0.99) ==
                (double)px_stats_bucket_us[PX_STATS_BUCKETS - 2] / 1000);
}

/* --- explain -----------------------------------------------------------------------------------
 */

static void test_resources_explain(void **state)
{
    struct fixture *fixture = *state;
    json_t *answer;

    start(fixture, "[{name: t, match: [{path: {prefix: /t}, headers: [{name: X-User, value: "
                   "\"7\"}], cookies: [{name: c, value: \"1\"}], method: PUT}], weights: {green: "
                   "1}}, {name: main, weights: {blue: 1}, mirror: [{to: green}]}]");
    for (uint32_t i = 0; i < 2; i++)
        atomic_store(&endpoint(fixture, 0, i)->up, true);
    atomic_store(&endpoint(fixture, 1, 0)->up, true);
    answer = ask(fixture, "GET",
                 "/v1/explain?method=PUT&path=/t%3Fa=b&header=X-User:%207&cookie=b=2&cookie=c=1"
                 "&client=::1",
                 "", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(answer, "version")), "green");
    assert_string_equal(json_string_value(json_object_get(answer, "rule")), "t");
    edit_assert_json("endpoint", json_object_get(answer, "endpoint"),
                     "{'index':0,'address':'127.0.0.1:5101'}");
    json_decref(answer);
    answer = ask(fixture, "GET", "/v1/explain", "", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(answer, "rule")), "main");
    assert_true(json_is_null(json_object_get(answer, "endpoint"))); /* each loop has its own turn */
    edit_assert_json(
        "endpoints", json_object_get(answer, "endpoints"),
        "[{'index':0,'address':'127.0.0.1:5001'},{'index':1,'address':'127.0.0.1:5002'}]");
    assert_true(json_is_null(json_object_get(answer, "key")));
    assert_true(json_is_null(json_object_get(answer, "slot")));
    edit_assert_json("mirrors", json_object_get(answer, "mirrors"), "['green']");
    assert_true(json_array_size(json_object_get(answer, "steps")) > 2);
    json_decref(answer);
}

static void test_resources_explain_when_nobody_is_up(void **state)
{
    struct fixture *fixture = *state;
    json_t *answer;

    start(fixture, MAIN);
    for (uint32_t v = 0; v < px_rulebook_snapshot(fixture->book->book)->version_count; v++)
        for (uint32_t i = 0;
             i < px_rulebook_snapshot(fixture->book->book)->versions[v].endpoint_count; i++)
            atomic_store(&endpoint(fixture, v, i)->probed, true);
    answer = ask(fixture, "GET", "/v1/explain?path=/", "", NULL, 200);
    assert_true(json_is_null(json_object_get(answer, "version")));
    assert_int_equal(number(answer, "status"), 503);
    json_decref(answer);
}

static void test_resources_explain_takes_no_slot(void **state)
{
    struct fixture *fixture = *state;
    const struct px_snapshot *snapshot;
    uint64_t before;

    start(fixture, MAIN);
    snapshot = px_rulebook_snapshot(fixture->book->book);
    before = atomic_load(&snapshot->rules[0].deal->n);
    for (int i = 0; i < 3; i++)
        json_decref(ask(fixture, "GET", "/v1/explain", "", NULL, 200));
    assert_int_equal(atomic_load(&snapshot->rules[0].deal->n), before);
}

static void test_resources_explain_refuses_what_is_no_request(void **state)
{
    static const struct {
        const char *query;
        const char *part;
    } rows[] = {{"?x=1", "unknown parameter 'x'"},
                {"?header=X-User", "'Name: value'"},
                {"?header=X:%0d%0aY:%201", "control characters"},
                {"?path=/%0a", "control characters"},
                {"?path=/a%20b", "would be refused with 400"},
                {"?header=Host:%20a&header=Host:%20b", "would be refused with 400"},
                {"?method=TRACE", "would be refused with 405"},
                {"?method=NOSUCHMETHODISASLONGASTHISONEHERE", "unknown method"},
                {"?client=nobody", "an address"},
                {"?path=%zz", "not well encoded"}};
    struct fixture *fixture = *state;

    start(fixture, MAIN);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char target[256];
        json_t *problem;

        snprintf(target, sizeof(target), "/v1/explain%s", rows[i].query);
        problem = ask(fixture, "GET", target, "", NULL, 422);
        if (!strstr(detail(problem), rows[i].part))
            fail_msg("%s: %s", rows[i].query, detail(problem));
        json_decref(problem);
    }
}

/* --- changing ----------------------------------------------------------------------------------
 */

static void test_resources_every_change(void **state)
{
    static const struct {
        const char *method, *path, *request;
    } rows[] = {
        {"PUT", "/v1/weights", "{'rule':'main','weights':{'blue':1,'green':1},'stable':'blue'}"},
        {"PUT", "/v1/share", "{'share':{'green':250000},'author':'me','reason':'why'}"},
        {"PUT", "/v1/mirror", "{'to':'green','ppm':10000}"},
        {"POST", "/v1/route", "{'strategy':'all','version':'green'}"},
        {"POST", "/v1/route",
         "{'strategy':'canary','stable':'blue','canary':'green','share_ppm':1000,"
         "'per_request':false}"},
        {"POST", "/v1/route",
         "{'strategy':'ab','stable':'blue','canary':'green','headers':[{'name':'X',"
         "'value':'1'}],'cookies':[{'name':'c','value':'1'}]}"},
        {"POST", "/v1/route",
         "{'strategy':'ab','by':'header:X-User','split':{'blue':1,'green':1},'seed':'s'}"},
        {"POST", "/v1/route", "{'strategy':'shadow','stable':'blue','canary':'green','ppm':5}"},
        {"POST", "/v1/abort", "{'rule':'main','author':'me','reason':'why'}"},
        {"POST", "/v1/promote", "{'rule':'main','version':'green','accept_shadow_data':false}"},
        {"PUT", "/v1/mode", "{'version':'blue','endpoint':1,'mode':'draining','timeout_ms':60000}"},
        {"PUT", "/v1/mode", "{'version':'blue','mode':'cut','abort_open':true}"},
        {"PUT", "/v1/mode", "{'version':'blue','mode':'active','reason':'why'}"},
        {"PUT", "/v1/rules", "{'rules':[{'name':'main','weights':{'blue':1}}]}"},
    };
    struct fixture *fixture = *state;

    start(fixture, MAIN);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *answer = change(fixture, rows[i].method, rows[i].path, rows[i].request, 200);

        if (number(answer, "revision") != (json_int_t)i + 2)
            fail_msg("%s: revision %lld", rows[i].request, number(answer, "revision"));
        json_decref(answer);
    }
    json_decref(change(fixture, "POST", "/v1/reload", "{'dry_run':true}", 200));
    json_decref(ask(fixture, "POST", "/v1/reload", "", NULL, 200));
}

static void test_resources_brief_answer_fits_the_page(void **state)
{
    struct fixture *fixture = *state;
    struct px_change *change = px_change_new();
    char text[PX_CHANGE_BRIEF_SIZE];
    json_t *brief;

    change->revision = UINT64_MAX / 2;
    change->answer = json_pack("{s:b, s:b, s:b}", "changed", 1, "dry_run", 0, "durable", 0);
    brief = json_loads(px_change_brief(change, text), 0, NULL);
    assert_true(openapi_fits(
        fixture->page, openapi_answer(fixture->page, "/v1/weights", "put", 200), brief, "brief"));
    assert_int_equal(json_integer_value(json_object_get(brief, "revision")), UINT64_MAX / 2);
    assert_true(json_is_true(json_object_get(brief, "changed")));
    assert_true(json_is_false(json_object_get(brief, "dry_run")));
    assert_true(json_is_false(json_object_get(brief, "durable")));
    json_decref(brief);
    px_change_free(change);
}

static void test_resources_refused_changes(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, MAIN);
    refused(fixture, "PUT", "/v1/weights", "{'weights':{'gren':1}}", 422, "did you mean 'green'");
    refused(fixture, "PUT", "/v1/weights", "{'weights':{'blue':1},'ttl_ms':'30m'}", 422,
            "ttl_ms must be a whole number, 1000 (a second) to 31622400000");
    refused(fixture, "PUT", "/v1/weights", "{'weights':{'blue':1},'dry_run':'yes'}", 422,
            "'dry_run' must be");
    refused(fixture, "PUT", "/v1/weights", "{'weights':{'blue':1},'author':7}", 422, "be texts");
    refused(fixture, "PUT", "/v1/rules", "{'rules':[{'name':'a','weights':{'gren':1},'x':1}]}", 422,
            "unknown version 'gren'");
    refused(fixture, "PUT", "/v1/rules", "{'rules':[{'name':'a','weights':{'blue':1},'owner':''}]}",
            422, "not yet supported");
    refused(fixture, "POST", "/v1/route", "{'strategy':'ab','by':'heather:X','split':{'blue':1}}",
            422, "header:NAME");
    refused(fixture, "POST", "/v1/reload", "{'hard':true}", 422, "unknown member 'hard'");
    assert_int_equal(px_rulebook_state(fixture->book->book).revision, 1);
}

static void test_resources_long_texts_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char request[2048];

    start(fixture, MAIN);
    snprintf(request, sizeof(request), "{'weights':{'blue':1},'author':'%0*d'}", 129, 7);
    refused(fixture, "PUT", "/v1/weights", request, 422, "more than 128 bytes");
    snprintf(request, sizeof(request), "{'weights':{'blue':1},'reason':'%0*d'}", 1025, 7);
    refused(fixture, "PUT", "/v1/weights", request, 422, "more than 1024 bytes");
}

static void test_resources_if_match(void **state)
{
    struct fixture *fixture = *state;
    json_t *answer;

    start(fixture, MAIN);
    answer = ask(fixture, "PUT", "/v1/weights", "If-Match: \"1\"\r\n", "{\"weights\":{\"blue\":1}}",
                 200);
    json_decref(answer);
    answer = ask(fixture, "PUT", "/v1/weights", "If-Match: \"1\"\r\n",
                 "{\"weights\":{\"green\":1}}", 412);
    assert_string_equal(detail(answer), "the rules are at revision 2, not 1");
    json_decref(answer);
    answer =
        ask(fixture, "PUT", "/v1/weights", "If-Match: 1\r\n", "{\"weights\":{\"green\":1}}", 400);
    json_decref(answer);
}

static void test_resources_rules_as_yaml(void **state)
{
    struct fixture *fixture = *state;
    json_t *answer;

    start(fixture, MAIN);
    answer =
        ask(fixture, "PUT", "/v1/rules?author=me&dry_run=true",
            "Content-Type: application/yaml\r\n", "- name: main\n  weights: {green: 1}\n", 200);
    assert_true(json_is_true(json_object_get(answer, "dry_run")));
    json_decref(answer);
    answer = ask(fixture, "PUT", "/v1/rules", "Content-Type: application/yaml\r\n",
                 "- name: main\n  wieghts: {green: 1}\n", 422);
    assert_int_equal(number(json_array_get(json_object_get(answer, "errors"), 0), "line") > 0, 1);
    json_decref(answer);
    answer = ask(fixture, "PUT", "/v1/rules?ttl_ms=1m", "Content-Type: application/yaml\r\n",
                 "- name: main\n  weights: {green: 1}\n", 422);
    assert_non_null(strstr(detail(answer), "ttl_ms must be a whole number"));
    json_decref(answer);
    answer = ask(fixture, "PUT", "/v1/weights?dry_run=true", JSON_TYPE, "{}", 422);
    json_decref(answer);
    assert_int_equal(px_rulebook_state(fixture->book->book).revision, 1);
}

/* What the loops recorded, in the form of openapi.yaml, for all time and for a window. */
static void test_resources_mirror_report(void **state)
{
    struct fixture *fixture = *state;
    struct px_compare_outcome outcome = {.result = PX_COMPARE_BODY, .count = 1};
    struct px_ledger_entry entry = {.now_s = 1000,
                                    .group = "user",
                                    .result = PX_COMPARE_BODY,
                                    .comparison = &outcome,
                                    .request_id = TN_STR("id-1"),
                                    .primary_us = 1000,
                                    .shadow_us = 2000};
    struct px_ledger *ledger;
    json_t *report;
    const json_t *compare;

    start(fixture, "[{name: main, weights: {blue: 1}, mirror: [{to: green, compare: {}}]}]");
    ledger = fixture->book->stats->ledgers[0][1];
    assert_non_null(ledger);
    outcome.differences[0].kind = PX_COMPARE_KIND_VALUE;
    strcpy(outcome.differences[0].path, "/price");
    outcome.differences[0].primary = 255;
    px_ledger_record(ledger, &entry);
    entry.result = PX_COMPARE_SAME;
    px_ledger_record(ledger, &entry);
    report = ask(fixture, "GET", "/v1/mirror-report?rule=main", "", NULL, 200);
    compare = json_object_get(json_array_get(json_object_get(report, "mirrors"), 0), "compare");
    assert_int_equal(number(json_object_get(compare, "results"), "body"), 1);
    assert_int_equal(number(json_object_get(compare, "results"), "same"), 1);
    assert_true(json_number_value(json_object_get(compare, "failing")) == 0.5);
    compare = json_array_get(json_object_get(compare, "groups"), 0);
    assert_string_equal(json_string_value(json_object_get(compare, "name")), "user");
    compare = json_array_get(json_object_get(compare, "fields"), 0);
    assert_string_equal(json_string_value(json_object_get(compare, "path")), "/price");
    assert_string_equal(json_string_value(json_object_get(compare, "primary")), "00000000000000ff");
    assert_true(json_is_null(json_object_get(compare, "shadow")));
    assert_true(json_is_false(json_object_get(compare, "noise")));
    json_decref(report);
    json_decref(ask(fixture, "GET", "/v1/mirror-report?since=90s", "", NULL, 200));
    json_decref(ask(fixture, "GET", "/v1/mirror-report?since=61m", "", NULL, 422));
    json_decref(ask(fixture, "GET", "/v1/mirror-report?since=0s", "", NULL, 422));
    json_decref(ask(fixture, "GET", "/v1/mirror-report?rule=other", "", NULL, 422));
    json_decref(ask(fixture, "GET", "/v1/mirror-report?x=1", "", NULL, 422));
    json_decref(ask(fixture, "GET", "/v1/mirror-report?since=%", "", NULL, 422));
}

static void test_resources_history_and_undo(void **state)
{
    struct fixture *fixture = *state;
    json_t *answer;

    start(fixture, MAIN);
    json_decref(change(fixture, "PUT", "/v1/share", "{'share':{'green':500000}}", 200));
    json_decref(change(fixture, "PUT", "/v1/mode", "{'version':'green','mode':'cut'}", 200));
    json_decref(change(fixture, "POST", "/v1/undo", "{}", 200));
    answer = ask(fixture, "GET", "/v1/history?n=3", "", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(answer, "revisions")), 3);
    json_decref(answer);
    json_decref(ask(fixture, "GET", "/v1/history", "", NULL, 200));
    json_decref(ask(fixture, "GET", "/v1/history?n=0", "", NULL, 422));
    json_decref(ask(fixture, "GET", "/v1/history?n=129", "", NULL, 422));
    json_decref(ask(fixture, "GET", "/v1/history?m=1", "", NULL, 422));
    refused(fixture, "POST", "/v1/undo", "{'to_revision':9}", 422, "there is no revision 9 yet");
}

static void test_resources_get_changes_nothing(void **state)
{
    static const char *const paths[] = {"/v1/weights", "/v1/mirror", "/v1/route", "/v1/reload",
                                        "/v1/abort"};
    struct fixture *fixture = *state;

    start(fixture, MAIN);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct talk_answer answer;
        char line[64];

        snprintf(line, sizeof(line), "GET %s", paths[i]);
        talk_once(&fixture->book->loop, fixture->admin_path, line, "", NULL, &answer);
        assert_int_equal(answer.status, 405);
        talk_answer_deinit(&answer);
    }
    assert_int_equal(fixture->book->published, 1);
}

/* --- the metrics listener ----------------------------------------------------------------------
 */

static char *scrape(struct fixture *fixture, const char *line, unsigned status)
{
    struct talk_answer answer;

    talk_once(&fixture->book->loop, fixture->metrics_path, line, "", NULL, &answer);
    if (answer.status != status)
        fail_msg("%s: %u %s", line, answer.status, answer.body);
    return answer.body;
}

static void expect_lines(const char *text, const char *const *lines, size_t line_count)
{
    for (size_t i = 0; i < line_count; i++) {
        char line[256];

        snprintf(line, sizeof(line), "\n%s\n", lines[i]);
        if (!strstr(text, line))
            fail_msg("missing: %s", lines[i]);
    }
}

static void test_metrics_of_what_was_counted(void **state)
{
    static const char *const lines[] = {
        "# TYPE turnout_requests_total counter",
        "turnout_requests_total{rule=\"main\",version=\"blue\",code=\"200\"} 9",
        "turnout_request_duration_seconds_count{rule=\"main\",version=\"blue\"} 9",
        "turnout_request_duration_seconds_bucket{rule=\"main\",version=\"blue\",le=\"+Inf\"} 9",
        "turnout_request_duration_seconds_sum{rule=\"main\",version=\"blue\"} 0.0125",
        "turnout_decisions_total{rule=\"main\",version=\"blue\",reason=\"slot\"} 9",
        "turnout_failed_over_total{rule=\"main\",from=\"green\",to=\"blue\"} 2",
        "turnout_share_target_ratio{rule=\"main\",version=\"blue\"} 0.9",
        "turnout_requests_in_flight{version=\"blue\"} 3",
        "turnout_tunnels{version=\"blue\"} 2",
        "turnout_tunnels_opened_total{rule=\"main\",version=\"blue\"} 8",
        "turnout_endpoint_up{version=\"blue\",endpoint=\"0\"} 1",
        "turnout_endpoint_up{version=\"blue\",endpoint=\"1\"} 0",
        "turnout_version_info{version=\"green\",build=\"2\"} 1",
        "turnout_retries_total{reason=\"connect\"} 5",
        "turnout_rules_revision 1",
        "turnout_store_durable 0",
        "turnout_rule_stable{rule=\"main\",version=\"blue\"} 1",
        "turnout_config_last_reload_successful 1",
        "turnout_client_connections 4",
        "turnout_log_dropped_total 6",
    };
    struct fixture *fixture = *state;
    struct px_stats_cell *cell;
    char *text;

    start(fixture, MAIN);
    count(fixture, 0, STRATEGY_REASON_SLOT, 9);
    cell = fixture->book->stats->cells[0][0];
    cell->duration_us = 12500;
    cell->in_flight = 3;
    cell->tunnels = 2;
    cell->tunnels_opened = 8;
    fixture->book->stats->cells[0][1]->failed_over_to[0] = 2;
    fixture->book->stats->retries[PX_RETRY_CONNECT] = 5;
    fixture->book->stats->revision = 1;
    fixture->book->stats->client_connections = 4;
    fixture->book->stats->log_dropped = 6;
    atomic_store(&endpoint(fixture, 0, 0)->up, true);
    text = scrape(fixture, "GET /metrics", 200);
    expect_lines(text, lines, sizeof(lines) / sizeof(lines[0]));
    assert_null(strstr(text, "version=\"\""));               /* nobody was refused */
    assert_null(strstr(text, "\nturnout_store_connected ")); /* there is no store */
    free(text);
}

static void test_metrics_of_mirrors(void **state)
{
    static const char *const lines[] = {
        "turnout_mirror_selected_total{rule=\"main\",to=\"green\"} 10",
        "turnout_mirror_sent_total{rule=\"main\",to=\"green\"} 8",
        "turnout_mirror_answered_total{rule=\"main\",to=\"green\"} 5",
        "turnout_mirror_dropped_total{rule=\"main\",to=\"green\",reason=\"connect\"} 1",
        "turnout_mirror_failed_total{rule=\"main\",to=\"green\",reason=\"timeout\"} 1",
        "turnout_mirror_passed_over_total{rule=\"main\",to=\"green\",reason=\"size\"} 3",
        "turnout_mirror_queued{rule=\"main\",to=\"green\"} 1",
        "turnout_mirror_in_flight{rule=\"main\",to=\"green\"} 2",
    };
    struct fixture *fixture = *state;
    struct px_stats_mirror *mirror;
    char *text;

    start(fixture, "[{name: main, weights: {blue: 1}, mirror: [{to: green}]}]");
    mirror = fixture->book->stats->mirrors[0][1];
    *mirror = (struct px_stats_mirror){.selected = 10, .sent = 8, .answered = 5};
    mirror->dropped[PX_MIRROR_DROP_CONNECT] = 1;
    mirror->failed[PX_MIRROR_FAIL_TIMEOUT] = 1;
    mirror->passed_over[PX_MIRROR_PASS_SIZE] = 3;
    text = scrape(fixture, "GET /metrics", 200);
    expect_lines(text, lines, sizeof(lines) / sizeof(lines[0]));
    free(text);
}

/* Exposition format: every sample belongs to the family above it, and no family comes twice. */
static void test_metrics_families_are_whole(void **state)
{
    struct fixture *fixture = *state;
    char family[128] = "";
    char word[160];
    char seen[8192] = " ";
    char *rest = NULL;
    char *text;

    start(fixture, MAIN);
    count(fixture, 0, STRATEGY_REASON_SLOT, 9);
    text = scrape(fixture, "GET /metrics", 200);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "), line + 7);
            snprintf(word, sizeof(word), " %s ", family);
            assert_null(strstr(seen, word));
            snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s ", family);
        }
        if (line[0] != '#')
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
    }
    free(text);
}

static void test_metrics_health_and_readiness(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, MAIN);
    free(scrape(fixture, "GET /healthz", 200));
    free(scrape(fixture, "GET /readyz", 503));
    fixture->admin.is_ready = true;
    free(scrape(fixture, "GET /readyz", 200));
    fixture->admin.is_stopping = true;
    free(scrape(fixture, "GET /readyz", 503));
    free(scrape(fixture, "GET /healthz", 200));
    free(scrape(fixture, "GET /v1/status", 404));
    free(scrape(fixture, "PUT /metrics", 405));
}

static void test_metrics_status_has_the_counts(void **state)
{
    struct fixture *fixture = *state;
    json_t *status;
    json_t *version;
    char *text;

    start(fixture, MAIN);
    count(fixture, 1, STRATEGY_REASON_SLOT, 4);
    text = scrape(fixture, "GET /status", 200);
    status = json_loads(text, 0, NULL);
    version = json_array_get(
        json_object_get(json_array_get(json_object_get(status, "rules"), 0), "versions"), 1);
    assert_int_equal(number(json_object_get(version, "codes"), "200"), 4);
    assert_int_equal(number(json_object_get(version, "decisions"), "slot"), 4);
    assert_int_equal(json_array_size(json_object_get(version, "buckets")), PX_STATS_BUCKETS);
    json_decref(status);
    free(text);
}

static void test_resources_without_memory_or_loops(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, MAIN);
    fixture->book->has_no_stats = true;
    free(scrape(fixture, "GET /metrics", 503));
    json_decref(ask(fixture, "GET", "/v1/share", "", NULL, 503));
    fixture->book->has_no_stats = false;
    fixture->admin.is_over = true;
    free(scrape(fixture, "GET /metrics", 503));
    json_decref(ask(fixture, "GET", "/v1/status", "", NULL, 200));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_openapi_has_the_routes_and_no_others),
        TEST(test_resources_status),
        TEST(test_resources_rules),
        TEST(test_resources_share_counts_since_the_weights_were_set),
        TEST(test_resources_share_charges_who_failed),
        TEST(test_resources_share_of_sticky_rules_has_no_bound),
        TEST(test_resources_share_of_mirrors_adds_up),
        cmocka_unit_test(test_share_bounds_and_quantiles),
        TEST(test_resources_explain),
        TEST(test_resources_explain_when_nobody_is_up),
        TEST(test_resources_explain_takes_no_slot),
        TEST(test_resources_explain_refuses_what_is_no_request),
        TEST(test_resources_every_change),
        TEST(test_resources_brief_answer_fits_the_page),
        TEST(test_resources_refused_changes),
        TEST(test_resources_long_texts_are_refused),
        TEST(test_resources_if_match),
        TEST(test_resources_rules_as_yaml),
        TEST(test_resources_mirror_report),
        TEST(test_resources_history_and_undo),
        TEST(test_resources_get_changes_nothing),
        TEST(test_metrics_of_what_was_counted),
        TEST(test_metrics_of_mirrors),
        TEST(test_metrics_families_are_whole),
        TEST(test_metrics_health_and_readiness),
        TEST(test_metrics_status_has_the_counts),
        TEST(test_resources_without_memory_or_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
