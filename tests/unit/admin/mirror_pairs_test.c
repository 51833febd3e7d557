/* What the admin interface tells of pairs that are kept, and to whom. */
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

#define PAIRS                                                                                      \
    "[{name: main, weights: {blue: 1}, mirror: [{to: green, compare: {}, keep_pairs: 3}]}]"

struct fixture {
    struct book *book;
    struct px_admin admin;
    struct tn_api_server *listener;
    char path[96];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    void *book = NULL;

    assert_non_null(fixture);
    book_setup(&book);
    fixture->book = book;
    snprintf(fixture->path, sizeof(fixture->path), "%s/admin", fixture->book->folder);
    *state = fixture;
    return 0;
}

static void start(struct fixture *fixture, const char *rules, enum tn_api_role role)
{
    struct tn_api_options options = {.loop = &fixture->book->loop,
                                     .clock = &tn_clock_system,
                                     .routes = px_admin_routes,
                                     .route_count = px_admin_route_count,
                                     .context = &fixture->admin,
                                     .role = role,
                                     .limits = tn_api_limits_default};

    book_write(fixture->book, rules, "");
    book_open(fixture->book);
    fixture->admin = (struct px_admin){.book = fixture->book->book,
                                       .registry = fixture->book->registry,
                                       .publisher = book_publisher_ops,
                                       .clock = &tn_clock_system};
    fixture->admin.publisher.workers = fixture->book;
    assert_int_equal(tn_api_open_unix(&options, fixture->path, 0600, &fixture->listener), 0);
    assert_int_equal(
        px_stats_adopt(fixture->book->stats, px_rulebook_snapshot(fixture->book->book)), 0);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *book = fixture->book;

    tn_api_close(fixture->listener, NULL, NULL);
    talk_turn(&fixture->book->loop);
    book_teardown(&book);
    free(fixture);
    return 0;
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* The answer's JSON, held against openapi.yaml. */
static json_t *ask(struct fixture *fixture, const char *query, unsigned status)
{
    json_t *page = openapi_load();
    struct talk_answer answer;
    char line[128];
    json_t *json;

    snprintf(line, sizeof(line), "GET /v1/mirror-pairs%s", query);
    talk_once(&fixture->book->loop, fixture->path, line, "", NULL, &answer);
    if (answer.status != status)
        fail_msg("%s: %u %s", line, answer.status, answer.body);
    json = json_loads(answer.body, 0, NULL);
    if (!openapi_fits(page, openapi_answer(page, "/v1/mirror-pairs", "get", status), json, line))
        fail_msg("%s: %s", line, answer.body);
    talk_answer_deinit(&answer);
    json_decref(page);
    return json;
}

/* A pair in a loop's ring: as the interface tells it, text as text and bytes as base64. */
static void test_mirror_pairs_are_told(void **state)
{
    static char content_type[] = "Content-Type";
    static char *names[] = {content_type};
    static const struct px_compare compare = {.headers = names, .header_count = 1};
    struct fixture *fixture = *state;
    struct px_compare_outcome outcome = {.result = PX_COMPARE_BODY, .count = 1};
    struct tn_str header = TN_STR("a\xff");
    struct px_compare_answer user = {
        .status = 200, .headers = &header, .body = TN_STR("{\"a\":\"\u00e4\"}\n"), .body_len = 13};
    struct px_compare_answer mirror = {
        .status = 200, .headers = &header, .body = TN_STR("\0ab\xff"), .body_len = 9};
    struct px_pair_of of = {.compare = &compare,
                            .answers = {&user, &mirror},
                            .outcome = &outcome,
                            .group = "",
                            .path = TN_STR("/x"),
                            .request_id = TN_STR("id-1")};
    _Atomic uint64_t budget = 0;
    struct px_pairs *pairs;
    json_t *report;
    const json_t *entry;
    const json_t *shadow;

    start(fixture, PAIRS, TN_API_OPERATE);
    pairs = &fixture->book->stats->ledgers[0][1]->pairs;
    assert_int_equal(pairs->max, 3);
    px_pairs_push(pairs, px_pair_new(&of), 1000000000, &budget, 1 << 20);
    of.request_id = TN_STR("id-2");
    px_pairs_push(pairs, px_pair_new(&of), 2000000000, &budget, 1 << 20);
    report = ask(fixture, "?rule=main", 200);
    entry = json_array_get(json_object_get(report, "mirrors"), 0);
    assert_int_equal(number(entry, "keep_pairs"), 3);
    assert_int_equal(number(entry, "bytes"), budget);
    assert_int_equal(json_array_size(json_object_get(entry, "pairs")), 2);
    entry = json_array_get(json_object_get(entry, "pairs"), 0); /* the newest first */
    assert_string_equal(json_string_value(json_object_get(entry, "request_id")), "id-2");
    assert_string_equal(json_string_value(json_object_get(entry, "at")),
                        "1970-01-01T00:00:02.000Z");
    shadow = json_object_get(entry, "shadow");
    entry = json_object_get(entry, "primary");
    assert_string_equal(json_string_value(json_object_get(entry, "body")), "{\"a\":\"\u00e4\"}\n");
    assert_string_equal(json_string_value(json_object_get(entry, "body_form")), "text");
    entry = json_object_get(json_object_get(entry, "headers"), "Content-Type");
    assert_string_equal(json_string_value(entry), "a?");
    assert_string_equal(json_string_value(json_object_get(shadow, "body")), "AGFi/w==");
    assert_string_equal(json_string_value(json_object_get(shadow, "body_form")), "base64");
    assert_true(json_is_true(json_object_get(shadow, "body_cut")));
    json_decref(report);
    json_decref(ask(fixture, "?rule=other", 422));
    json_decref(ask(fixture, "?since=1m", 422));
    json_decref(ask(fixture, "?rule=%", 422));
    px_pairs_clear(pairs);
    assert_int_equal(budget, 0);
}

/* Bodies are what users are shown: not for those who may only read. */
static void test_mirror_pairs_are_for_operators(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, PAIRS, TN_API_READ);
    json_decref(ask(fixture, "", 403));
}

/* Taken out of the rule, or with the rule: nothing is left of them. */
static void test_mirror_pairs_go_with_their_configuration(void **state)
{
    struct fixture *fixture = *state;
    struct px_pairs *pairs;
    struct px_snapshot none = {0};
    json_t *report;

    start(fixture, "[{name: main, weights: {blue: 1}, mirror: [{to: green, compare: {}}]}]",
          TN_API_OPERATE);
    pairs = &fixture->book->stats->ledgers[0][1]->pairs;
    assert_int_equal(pairs->max, 0);
    report = ask(fixture, "", 200);
    assert_int_equal(number(json_array_get(json_object_get(report, "mirrors"), 0), "keep_pairs"),
                     0);
    json_decref(report);
    pairs->max = 3;
    pairs->lost = 1; /* stands for all that is in it */
    assert_int_equal(px_stats_adopt(fixture->book->stats, &none), 0);
    assert_int_equal(pairs->max, 0);
    assert_int_equal(pairs->lost, 0);
    pairs->max = 3;
    assert_int_equal(
        px_stats_adopt(fixture->book->stats, px_rulebook_snapshot(fixture->book->book)), 0);
    assert_int_equal(pairs->max, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mirror_pairs_are_told),
        TEST(test_mirror_pairs_are_for_operators),
        TEST(test_mirror_pairs_go_with_their_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
